import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { type InboxEvent, type NewTicket, SupportTickets, TicketId } from "../../src/index.ts"
import { CurrentWrite } from "../../src/internal/http/currentWrite.ts"
import { Fault } from "../../src/testing/index.ts"
import { newTicket } from "../support/newTicket.ts"
import { type Desk, holdPermit, onDesk, until } from "./desk.ts"

const id = "complaint-1"

const decodeSend = Schema.decodeUnknownEffect(
  Schema.fromJsonString(
    Schema.Struct({
      customerId: Schema.String,
      hash: Schema.String,
      fieldChunks: Schema.Int,
      chunks: Schema.Int,
      submittedAt: Schema.Int
    })
  )
)

const tagsOf = (events: ReadonlyArray<InboxEvent>) => events.map(({ _tag }) => _tag)

const contentCount = ({ sql }: Desk) =>
  Effect.map(
    sql<{ readonly count: number }>`SELECT COUNT(*) AS count FROM ripio_contents WHERE id NOT LIKE '%:closed-times'`,
    ([row]) => row?.count
  )

/** Submits a ticket of the sandbox's customer. */
const submit = ({ outbox, sandbox }: Desk, fields: Partial<NewTicket> = {}, submissionId = id) =>
  outbox.submit(newTicket({ customerId: sandbox.customer, ...fields }), { id: submissionId })

/** Works until a number of events was handled, and 200 ms more for those that must not come. */
const workUntil = (desk: Desk, count: number) =>
  desk.working(
    Effect.andThen(
      until(() => desk.events.length >= count),
      Effect.sleep(200)
    )
  )

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

describe("an ambiguous submission", () => {
  const ambiguous = (desk: Desk) =>
    Effect.gen(function* () {
      yield* desk.sandbox.inject(Fault.dropped, { on: "create" })
      yield* submit(desk)
      yield* workUntil(desk, 1)
    })

  it.live("is followed once it is resolved as a ticket", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.onCreate({ after: 0 })
        yield* ambiguous(desk)
        const [ticket] = yield* desk.sandbox.tickets
        const { ticketId } = ticket ?? (yield* Effect.die("no ticket"))
        assert.isTrue(yield* desk.operations.resolve(id, { ticketId }))
        assert.isFalse(yield* desk.operations.resolve(id, "resend"))
        yield* workUntil(desk, 3)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous", "SubmissionAccepted", "TicketCreated"])
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
        assert.strictEqual(yield* contentCount(desk), 0)
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 0 })
      })
    )
  )

  it.live("is sent again on request, and may be ambiguous again", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* ambiguous(desk)
        yield* desk.sandbox.inject(Fault.dropped, { on: "create" })
        assert.isTrue(yield* desk.operations.resolve(id, "resend"))
        yield* workUntil(desk, 2)
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 1 })
        assert.isTrue(yield* desk.operations.resolve(id, "resend"))
        yield* workUntil(desk, 3)
        assert.deepStrictEqual(tagsOf(desk.events), [
          "SubmissionAmbiguous",
          "SubmissionAmbiguous",
          "SubmissionAccepted"
        ])
        assert.strictEqual(new Set(desk.events.map(({ dedupeKey }) => dedupeKey)).size, 3)
        assert.strictEqual(yield* contentCount(desk), 0)
      })
    )
  )

  it.live("is erased on request, and its id stays known", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* ambiguous(desk)
        assert.isTrue(yield* desk.operations.purge(id))
        assert.strictEqual(yield* contentCount(desk), 0)
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 0 })
        assert.isFalse(yield* desk.operations.resolve(id, "resend"))
        const rows = yield* desk.sql<{ readonly element: string }>`SELECT element FROM ripio_queue`
        assert.isFalse(rows.some(({ element }) => element.includes(desk.sandbox.customer)))
        yield* submit(desk)
        assert.strictEqual((yield* Effect.flip(submit(desk, { summary: "other" })))._tag, "InvalidSubmission")
        yield* workUntil(desk, 1)
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  it.live("is accepted after all when the process with the response reports late", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.onCreate({ after: 0 })
          yield* desk.sandbox.inject(Fault.latency("1 second"), { on: "create" })
          yield* submit(desk)
          yield* desk.working(
            Effect.gen(function* () {
              yield* desk.sandbox.awaitRequests("create", 1)
              // Another process claims it meanwhile, as if this one had been frozen.
              const [row] = yield* desk.sql<{
                readonly element: string
              }>`SELECT element FROM ripio_queue WHERE id = ${`${id}#1`}`
              const { chunks, customerId, fieldChunks, hash, submittedAt } = yield* decodeSend(row?.element)
              const evidence = {
                customerId: desk.sandbox.customer,
                submittedAt: new Date().toISOString(),
                reason: "the process that was to send it ended without a report"
              }
              const verdict = {
                v: 1,
                id,
                hash,
                fieldChunks,
                chunks,
                customerId,
                submittedAt,
                _tag: "Verdict",
                n: 2,
                at: Date.now(),
                verdict: { _tag: "Ambiguous", evidence }
              }
              yield* desk.sql`INSERT INTO ripio_queue (id, queue_name, element, state, attempts, visible_at, created_at, updated_at)
              VALUES (${`${id}#2`}, 'ripio:outbox', ${JSON.stringify(verdict)}, 'pending', 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)`
              yield* until(() => desk.events.length >= 3)
            })
          )
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous", "SubmissionAccepted", "TicketCreated"])
          assert.strictEqual(yield* contentCount(desk), 0)
        }),
      { timing: "short" }
    )
  )
})

describe("the worker of an outbox", () => {
  it.live("finishes the request that has begun when it is closed", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.inject(Fault.latency("500 millis"), { on: "create" })
        yield* submit(desk)
        yield* desk.working(desk.sandbox.awaitRequests("create", 1))
        assert.deepStrictEqual(desk.events, [])
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  it.live("abandons what has not ended after the grace, which another one reports as ambiguous", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.inject(Fault.hang, { on: "create" })
          yield* submit(desk)
          yield* desk.working(desk.sandbox.awaitRequests("create", 1), { grace: "200 millis" })
          assert.isTrue(
            desk.logs.some((line) => line.includes(`stay claimed until the lock expires: ripio:outbox ${id}#1`))
          )
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous"])
          assert.strictEqual(yield* desk.sandbox.count("create"), 1)
        }),
      { timing: "short" }
    )
  )

  it.live("stops a ticket that waits for a token when it is closed, and sends it later", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.inject(Fault.hang, { on: "token" })
        yield* submit(desk)
        const closing = yield* Effect.forkChild(desk.working(desk.sandbox.awaitRequests("token", 1)))
        yield* Fiber.join(closing)
        assert.strictEqual(yield* desk.sandbox.count("create"), 0)
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
      })
    )
  )

  it.live("awaits a ticket that a client of the program sends when it is closed", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* submit(desk)
          yield* desk.working(until(() => desk.logs.some((line) => line.includes("the client has begun"))))
          yield* workUntil(desk, 1)
          assert.deepInclude(desk.events[0], { _tag: "SubmissionAccepted", id })
          assert.strictEqual(desk.logs.filter((line) => line.includes("the client has begun")).length, 1)
        }),
      {
        tickets: (tickets) =>
          SupportTickets.of({
            ...tickets,
            create: (ticket) =>
              Effect.logInfo("the client has begun").pipe(
                Effect.andThen(Effect.sleep("500 millis")),
                Effect.andThen(tickets.create(ticket)),
                // The worker cannot see what it sends.
                Effect.provideService(CurrentWrite, undefined)
              )
          })
      }
    )
  )

  it.live("gives a ticket back that waits at the gate while the account is closed", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.working(
            Effect.gen(function* () {
              yield* holdPermit(desk, "600 millis")
              // Waits before the submission, and its response begins a pause.
              yield* desk.sandbox.inject(Fault.rateLimited({ retryAfter: 3 }), { on: "retrieve" })
              yield* Effect.forkChild(Effect.ignore(desk.tickets.retrieve(yield* desk.sandbox.seed())))
              yield* Effect.sleep(50)
              yield* submit(desk)
              yield* Effect.sleep(200)
              assert.deepInclude((yield* Effect.orDie(desk.operations.count)).outbox, { waiting: 0, claimed: 1 })
              yield* Effect.sleep(1000)
              assert.deepInclude((yield* Effect.orDie(desk.operations.count)).outbox, { waiting: 1, claimed: 0 })
              yield* until(() => desk.events.length === 1)
            })
          )
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
          assert.strictEqual(yield* desk.sandbox.count("create"), 1)
        }),
      { sandbox: { gate: { concurrency: 1 }, retry: { times: 0 } } }
    )
  )

  for (const element of ['{"_tag":"Send","v":99}', "null", "not JSON"]) {
    it.live(`makes ${element} a dead letter, logs it, and handles it again on request`, () =>
      onDesk((desk) =>
        Effect.gen(function* () {
          yield* submit(desk)
          const [row] = yield* desk.sql<{ readonly element: string }>`SELECT element FROM ripio_queue`
          yield* desk.sql`UPDATE ripio_queue SET element = ${element}`
          const isJson = element !== "not JSON"
          yield* desk.working(
            isJson ? until(() => desk.logs.some((line) => line.includes("is a dead letter"))) : Effect.sleep(300)
          )
          // What is not JSON is collected when a worker starts, and every 10 minutes.
          if (!isJson) yield* desk.working(until(() => desk.logs.some((line) => line.includes("is a dead letter"))))
          const letters = yield* desk.operations.deadLetters
          assert.deepStrictEqual(
            letters.map(({ dedupeKey, queue }) => [dedupeKey, queue]),
            [[`${id}#1`, "outbox"]]
          )
          assert.deepInclude(yield* desk.operations.count, { deadLetters: 1 })
          // A later version can decode it.
          yield* desk.sql`UPDATE ripio_queue SET element = ${row?.element ?? ""}`
          assert.isFalse(yield* desk.operations.requeue("another"))
          assert.isTrue(yield* desk.operations.requeue(`${id}#1`))
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
          assert.deepInclude(yield* desk.operations.count, { deadLetters: 0 })
        })
      )
    )
  }
})
