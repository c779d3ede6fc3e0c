import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TicketId } from "../../src/index.ts"
import { Fault } from "../../src/testing/index.ts"
import { newTicket } from "../support/newTicket.ts"
import { holdPermit, onDesk, until } from "./desk.ts"
import { id, tagsOf, contentCount, submit, workUntil } from "./submissions.ts"

describe("a submission", () => {
  it.live("is sent once and followed to its outcome, and its content is erased", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const { events, outbox, sandbox } = desk
        yield* sandbox.onCreate({ after: 0 })
        yield* submit(desk)
        assert.strictEqual(yield* contentCount(desk), 1)
        yield* workUntil(desk, 2)
        const [accepted, created] = events
        assert.deepInclude(accepted, { _tag: "SubmissionAccepted", id })
        assert.deepInclude(created, { _tag: "TicketCreated", source: "poll" })
        assert.strictEqual(yield* contentCount(desk), 0)
        // Also afterwards, the same submission changes nothing.
        yield* outbox.submit(newTicket({ customerId: sandbox.customer }), { id })
        assert.strictEqual(yield* contentCount(desk), 0)
        yield* workUntil(desk, 2)
        assert.strictEqual(yield* sandbox.count("create"), 1)
        assert.strictEqual(events.length, 2)
      })
    )
  )

  it.live("arrives unchanged, with files of several chunks", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const bytes = new Uint8Array(9_000_000).map((_, index) => index % 251)
        const files = [
          new File([bytes], "scan.bin", { type: "application/octet-stream" }),
          new File([], "empty.txt"),
          new File(["100.00 ARS"], "receipt.txt", { type: "text/plain" })
        ]
        yield* submit(desk, { description: "Línea 1\r\nLínea 2 🧾", files })
        yield* workUntil(desk, 1)
        const [ticket] = yield* desk.sandbox.tickets
        assert.strictEqual(ticket?.description, "Línea 1\r\nLínea 2 🧾")
        assert.deepStrictEqual(
          ticket?.files.map(({ name, type }) => [name, type]),
          [
            ["scan.bin", "application/octet-stream"],
            ["empty.txt", "application/octet-stream"],
            ["receipt.txt", "text/plain"]
          ]
        )
        assert.isTrue(Buffer.from(bytes).equals(ticket?.files[0]?.bytes ?? new Uint8Array()))
        assert.strictEqual(yield* contentCount(desk), 0)
      })
    )
  )

  it.live("is not stored if its transaction is rolled back", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const { outbox, sandbox, sql, tracker } = desk
        const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
        const failure = yield* sql
          .withTransaction(
            Effect.gen(function* () {
              yield* submit(desk)
              yield* tracker.track(ticketId)
              return yield* Effect.fail("no")
            })
          )
          .pipe(Effect.flip)
        assert.strictEqual(failure, "no")
        assert.strictEqual(yield* contentCount(desk), 0)
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 0 })
        assert.deepStrictEqual(yield* desk.operations.list({ queue: "outbox" }), [])
        assert.deepStrictEqual(yield* desk.operations.list({ queue: "tracker" }), [])
        // The id is free.
        yield* sql.withTransaction(
          outbox.submit(newTicket({ customerId: sandbox.customer, summary: "another" }), { id })
        )
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(
          (yield* sandbox.tickets).map(({ summary }) => summary),
          ["another"]
        )
      })
    )
  )

  for (const [title, fields] of [
    ["another text", { description: "Since Tuesday." }],
    ["another file", { files: [new File(["b"], "a.txt")] }],
    ["another name of a file", { files: [new File(["a"], "b.txt")] }]
  ] as const) {
    it.live(`fails with InvalidSubmission if its id was used with ${title}, and changes nothing`, () =>
      onDesk((desk) =>
        Effect.gen(function* () {
          yield* submit(desk, { files: [new File(["a"], "a.txt")] })
          const error = yield* Effect.flip(submit(desk, { files: [new File(["a"], "a.txt")], ...fields }))
          assert.deepInclude(error, {
            _tag: "InvalidSubmission",
            issue: "id: expected an id that no other ticket was submitted with"
          })
          yield* workUntil(desk, 1)
          const [ticket] = yield* desk.sandbox.tickets
          assert.strictEqual(ticket?.description, "Since Monday.")
          assert.strictEqual(ticket?.files[0]?.name, "a.txt")
        })
      )
    )
  }

  it.live("that is stored twice at the same time with other content is stored once", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const results = yield* Effect.all(
          ["a", "b"].map((summary) => Effect.result(submit(desk, { summary }))),
          { concurrency: "unbounded" }
        )
        assert.sameMembers(
          results.map(({ _tag }) => _tag),
          ["Success", "Failure"]
        )
        yield* workUntil(desk, 1)
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  for (const [submissionId, issue] of [
    ["", "id: expected some text"],
    ["x".repeat(201), "id: expected at most 200 characters"],
    ["a\u0000b", "id: expected no control characters and no lone surrogates"],
    ["a\ud800", "id: expected no control characters and no lone surrogates"]
  ] as const) {
    it.live(`fails with InvalidSubmission for the id ${JSON.stringify(submissionId.slice(0, 5))}`, () =>
      onDesk((desk) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(submit(desk, {}, submissionId))
          assert.deepInclude(error, { _tag: "InvalidSubmission", issue })
        })
      )
    )
  }

  it.live("may have any id that is some text", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const ids = ["a", "a#2", "a#late", "A", "á", "x".repeat(200), "order 5/2026 ☃"]
        for (const submissionId of ids) yield* submit(desk, { summary: submissionId }, submissionId)
        yield* workUntil(desk, ids.length)
        assert.sameMembers(
          (yield* desk.sandbox.tickets).map(({ summary }) => summary),
          ids
        )
        assert.sameMembers(
          desk.events.flatMap((event) => (event._tag === "SubmissionAccepted" ? [event.id] : [])),
          ids
        )
      })
    )
  )

  it.live("fails with InvalidSubmission for a ticket that cannot be sent", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          const empty = yield* Effect.flip(submit(desk, { summary: " " }))
          assert.include(empty.message, "summary: ")
          const large = yield* Effect.flip(submit(desk, { files: [new File(["x".repeat(1000)], "a.txt")] }))
          assert.match(large.message, /files: expected at most 1000 bytes with the texts, and got 10\d\d/u)
          const unreadable = new File(["content"], "a.txt")
          unreadable.slice = () => {
            throw new Error("gone")
          }
          const gone = yield* Effect.flip(submit(desk, { files: [unreadable] }))
          assert.include(gone.message, "files.0: expected a file whose content can be read")
          let reads = 0
          const changing = new File(["content"], "a.txt")
          changing.slice = () => new Blob([reads++ === 0 ? "content" : "CONTENT"])
          const changed = yield* Effect.flip(submit(desk, { files: [changing] }))
          assert.include(changed.message, "files: a file has changed while it was stored")
          assert.strictEqual(yield* contentCount(desk), 0)
          assert.deepStrictEqual(yield* desk.operations.list({ queue: "outbox" }), [])
        }),
      { durable: { maxBytes: 1000 } }
    )
  )

  it.live("that the API rejects ends as SubmissionRejected", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const customerId = yield* desk.sandbox.addCustomer({ email: false })
        yield* submit(desk, { customerId })
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionRejected"])
        assert.deepNestedInclude(desk.events[0], { id, "error._tag": "TicketRejected" })
        assert.strictEqual(yield* contentCount(desk), 0)
      })
    )
  )

  it.live("whose response is lost ends as SubmissionAmbiguous, and its content stays", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.inject(Fault.dropped, { on: "create" })
        yield* submit(desk)
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous"])
        assert.deepNestedInclude(desk.events[0], { id, "evidence.customerId": desk.sandbox.customer })
        assert.strictEqual(yield* contentCount(desk), 1)
        const [item] = yield* desk.operations.list({ queue: "outbox", state: "ambiguous" })
        assert.deepInclude(item, { id, kind: "Ambiguous", state: "ambiguous" })
        assert.include(item?.evidence?.reason, "connection")
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 1 })
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  it.live("logs its end once, with its id", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          const withoutEmail = yield* desk.sandbox.addCustomer({ email: false })
          yield* submit(desk, {}, "accepted")
          yield* workUntil(desk, 1)
          yield* submit(desk, { customerId: withoutEmail }, "rejected")
          yield* workUntil(desk, 2)
          yield* desk.sandbox.inject(Fault.dropped, { on: "create" })
          yield* submit(desk, {}, "ambiguous")
          yield* workUntil(desk, 3)
          yield* desk.sandbox.inject(Fault.status(429), { on: "create", times: "forever" })
          yield* submit(desk, {}, "not sent")
          yield* workUntil(desk, 4)
          const linesOf = (id: string) =>
            desk.logs.filter((line) => /^(?:Info|Warn)/u.test(line) && line.includes(`{"submission":"${id}"}`))
          const [ticket] = yield* desk.sandbox.tickets
          for (const [id, text] of [
            ["accepted", `Info: Submission accepted: accepted as ticket ${ticket?.ticketId}`],
            ["rejected", "Info: Submission rejected: Ripio rejected the ticket"],
            ["ambiguous", "Warn: Submission ambiguous may have created a ticket. Look for it and resolve it: "],
            ["not sent", "Info: Submission not sent: not sent: "]
          ] as const) {
            const lines = linesOf(id)
            assert.strictEqual(lines.length, 1, lines.join("\n"))
            assert.include(lines[0], text)
          }
        }),
      { durable: { retry: Schedule.recurs(0) }, sandbox: { retry: { times: 0 } } }
    )
  )

  it.live("that another process has begun to send is not sent, but ambiguous", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* submit(desk)
        yield* desk.sql`UPDATE ripio_queue SET attempts = 1, element = json_set(element, '$.begun', 'another process')`
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous"])
        assert.strictEqual(yield* desk.sandbox.count("create"), 0)
        assert.strictEqual(yield* contentCount(desk), 1)
      })
    )
  )

  it.live("that another process claimed and did not begin to send is sent", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* submit(desk)
        yield* desk.sql`UPDATE ripio_queue SET attempts = 3`
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  it.live("is not sent by a process that has lost its claim before it began", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.working(
            Effect.gen(function* () {
              yield* holdPermit(desk, "1 second")
              // It waits for the permit that the poll has. Meanwhile its lock expires, as if the process had been frozen.
              yield* submit(desk)
              yield* Effect.sleep(300)
              const [row] = yield* desk.sql<{ readonly attempts: number }>`
                UPDATE ripio_queue SET attempts = attempts + 1, acquired_by = 'another process' WHERE id = ${`${id}#1`}
                RETURNING attempts`
              assert.strictEqual(row?.attempts, 2)
              yield* Effect.sleep(1000)
            })
          )
          assert.strictEqual(yield* desk.sandbox.count("create"), 0)
          assert.deepStrictEqual(desk.events, [])
        }),
      { sandbox: { gate: { concurrency: 1 } } }
    )
  )

  it.live("is not decided by a process that has lost its claim before it began, also when that ends", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.working(
            Effect.gen(function* () {
              yield* holdPermit(desk, "1 second")
              yield* submit(desk)
              yield* Effect.sleep(300)
              yield* desk.sql`UPDATE ripio_queue SET attempts = 2, acquired_by = 'another process',
                element = json_set(element, '$.begun', 'another process') WHERE id = ${`${id}#1`}`
            })
          )
          // The process that sends it writes the next row.
          assert.deepStrictEqual(yield* desk.sql`SELECT id FROM ripio_queue WHERE id = ${`${id}#2`}`, [])
          assert.strictEqual(yield* desk.sandbox.count("create"), 0)
        }),
      { sandbox: { gate: { concurrency: 1 } } }
    )
  )

  it.live("that certainly was not sent is sent again later", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.inject(Fault.refused, { on: "create", times: 2 })
          yield* submit(desk)
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
          assert.strictEqual((yield* desk.sandbox.tickets).length, 1)
          assert.isTrue(desk.logs.some((line) => line.includes(`${id} was not sent, and is sent again in`)))
        }),
      { sandbox: { retry: { times: 0 } } }
    )
  )

  it.live("ends as SubmissionNotSent when its retries end", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.inject(Fault.refused, { on: "create", times: "forever" })
          yield* submit(desk)
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionNotSent"])
          assert.strictEqual(yield* desk.sandbox.count("create"), 2)
          assert.strictEqual(yield* contentCount(desk), 0)
        }),
      {
        durable: { retry: Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 1 })) },
        sandbox: { retry: { times: 0 } }
      }
    )
  )

  it.live("uses nothing up while the API refuses the account, and is sent afterwards", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.setEnabled(false)
        for (const submissionId of ["1", "2", "3"]) yield* submit(desk, {}, submissionId)
        yield* desk.working(
          Effect.gen(function* () {
            yield* until(() => desk.logs.some((line) => line.includes("The workers pause")))
            yield* Effect.sleep(300)
            assert.isAtMost(yield* desk.sandbox.count("create"), 3)
            assert.deepStrictEqual(desk.events, [])
            yield* desk.sandbox.setEnabled(true)
            yield* until(() => desk.events.length >= 3)
          })
        )
        assert.deepStrictEqual(
          tagsOf(desk.events),
          Array.from({ length: 3 }, () => "SubmissionAccepted")
        )
        assert.strictEqual((yield* desk.sandbox.tickets).length, 3)
      })
    )
  )

  it.live("is not claimed while a 429 pauses the account", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.inject(Fault.rateLimited({ retryAfter: 3 }), { on: "create" })
        yield* submit(desk, {}, "1")
        yield* desk.working(
          Effect.gen(function* () {
            yield* until(() => desk.logs.some((line) => line.includes("is sent again in")))
            yield* submit(desk, {}, "2")
            yield* Effect.sleep(1000)
            const rows = yield* desk.sql<{ readonly attempts: number }>`
              SELECT attempts FROM ripio_queue WHERE state = 'pending' AND queue_name = 'ripio:outbox'`
            assert.deepStrictEqual(
              rows.map(({ attempts }) => attempts),
              [0, 0]
            )
            assert.strictEqual(yield* desk.sandbox.count("create"), 1)
            yield* until(() => desk.events.length >= 2)
          })
        )
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted", "SubmissionAccepted"])
      })
    )
  )

  it.live("is not sent if it is older than maxAge when a worker first claims it", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* submit(desk)
          yield* Effect.sleep(100)
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionNotSent"])
          assert.deepInclude(desk.events[0], { id, reason: "no worker has sent it within 50ms" })
          assert.strictEqual(yield* desk.sandbox.count("create"), 0)
          assert.strictEqual(yield* contentCount(desk), 0)
        }),
      { durable: { maxAge: "50 millis" } }
    )
  )

  it.live("is sent although it is older than maxAge, if the account was closed meanwhile", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* submit(desk)
          const now = Date.now()
          const intervals = JSON.stringify([[now - 1000, now + 60_000]])
          yield* desk.sql`INSERT INTO ripio_contents (id, value, value_type) VALUES ('ripio:closed-times', ${new TextEncoder().encode(intervals)}, 0)`
          yield* Effect.sleep(100)
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
        }),
      { durable: { maxAge: "50 millis" } }
    )
  )

  it.live("is not sent if its content is damaged or incomplete", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* submit(desk, {}, "damaged")
        yield* desk.sql`UPDATE ripio_contents SET value = ${new TextEncoder().encode("{}")}`
        yield* submit(desk, {}, "incomplete")
        yield* desk.sql`DELETE FROM ripio_contents WHERE id LIKE '%incomplete'`
        yield* workUntil(desk, 2)
        assert.sameDeepMembers(
          desk.events.map((event) => event._tag === "SubmissionNotSent" && [event.id, event.reason]),
          [
            ["damaged", "its stored content was changed"],
            ["incomplete", "its stored content is incomplete"]
          ]
        )
        assert.strictEqual(yield* desk.sandbox.count("create"), 0)
      })
    )
  )
})
