import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { type InboxEvent, SupportTickets, TicketId } from "../../src/index.ts"
import { overlap, mergeIntervals } from "../../src/internal/durable/closedTimes.ts"
import { Fault } from "../../src/testing/index.ts"
import { newTicket } from "../support/newTicket.ts"
import { type Desk, holdPermit, onDesk, until } from "./desk.ts"

const tagsOf = (events: ReadonlyArray<InboxEvent>) => events.map(({ _tag }) => _tag)

const submit = ({ outbox, sandbox }: Desk, id: string) =>
  outbox.submit(newTicket({ customerId: sandbox.customer, summary: id }), { id })

const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

describe("a worker", () => {
  it.live("sends nothing before the API has responded, so that an outage makes nothing ambiguous", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.inject(Fault.status(503), { on: "retrieve", times: "forever" })
          for (const id of ["1", "2", "3"]) yield* submit(desk, id)
          yield* desk.working(
            Effect.gen(function* () {
              yield* desk.sandbox.awaitRequests("retrieve", 2)
              assert.strictEqual(yield* desk.sandbox.count("create"), 0)
              yield* desk.sandbox.clearFaults
              yield* until(() => desk.events.length >= 3)
            })
          )
          assert.deepStrictEqual(
            tagsOf(desk.events),
            Array.from({ length: 3 }, () => "SubmissionAccepted")
          )
        }),
      { sandbox: { retry: { times: 0 } } }
    )
  )

  it.live("sends nothing more after a create without a response, until the API responds again", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          for (let id = 1; id <= 10; id++) yield* submit(desk, `${id}`)
          yield* desk.sandbox.inject(Fault.status(503), { on: "create", times: "forever" })
          yield* desk.working(
            Effect.gen(function* () {
              yield* desk.sandbox.awaitRequests("retrieve", 1)
              yield* desk.sandbox.inject(Fault.status(503), { on: "retrieve", times: "forever" })
              yield* desk.sandbox.awaitRequests("create", 1)
              yield* Effect.sleep(1000)
              // Those that were in flight when it began.
              assert.isAtMost(yield* desk.sandbox.count("create"), 2)
              // They are reported although the account is closed.
              assert.deepStrictEqual(new Set(tagsOf(desk.events)), new Set<InboxEvent["_tag"]>(["SubmissionAmbiguous"]))
              yield* desk.sandbox.clearFaults
              yield* until(() => desk.events.length >= 10)
            }),
            { outbox: 2 }
          )
          assert.isAtMost(tagsOf(desk.events).filter((tag) => tag === "SubmissionAmbiguous").length, 2)
        }),
      { sandbox: { retry: { times: 0 } } }
    )
  )

  it.live("takes a ticket back that waits at the gate when a pause begins, and sends it afterwards", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.working(
            Effect.gen(function* () {
              yield* holdPermit(desk, "400 millis")
              yield* submit(desk, "1")
              yield* desk.sandbox.inject(Fault.rateLimited({ retryAfter: 2 }), { on: "create" })
              yield* submit(desk, "2")
              yield* until(() => desk.logs.some((line) => line.includes("is sent again in")))
              yield* until(() => desk.events.length >= 2)
            })
          )
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted", "SubmissionAccepted"])
          assert.deepStrictEqual((yield* desk.sandbox.tickets).map(({ summary }) => summary).toSorted(), ["1", "2"])
        }),
      { sandbox: { gate: { concurrency: 1 } } }
    )
  )

  it.live("sends no probe at the end of a pause, but what has waited for it", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.working(
            Effect.gen(function* () {
              yield* desk.sandbox.awaitRequests("retrieve", 1)
              yield* desk.sandbox.inject(Fault.rateLimited({ retryAfter: 1 }), { on: "retrieve" })
              yield* Effect.ignore(desk.tickets.retrieve(ticketId))
              yield* submit(desk, "1")
              yield* until(() => desk.events.length === 1)
              yield* Effect.sleep(500)
            })
          )
          // The first one of the worker, the one above, and one of the accepted ticket.
          assert.strictEqual(yield* desk.sandbox.count("retrieve"), 3)
          assert.strictEqual(yield* desk.sandbox.count("create"), 1)
        }),
      { durable: { schedule: Schedule.spaced("1 hour") }, sandbox: { retry: { times: 0 } } }
    )
  )

  it.live("marks a ticket before it calls a client that the program replaced", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* submit(desk, "1")
          yield* desk.working(until(() => desk.events.length >= 1))
          assert.deepInclude(desk.events[0], { _tag: "SubmissionAccepted", ticketId })
          const [row] = yield* desk.sql<{ readonly element: string }>`SELECT element FROM ripio_queue WHERE id = '1#1'`
          assert.include(row?.element, '"begun":')
        }),
      {
        tickets: (tickets) =>
          SupportTickets.of({ ...tickets, create: () => Effect.succeed({ _tag: "Pending", ticketId }) })
      }
    )
  )

  for (const [title, create] of [
    ["dies", Effect.die(new Error("a mistake"))],
    ["interrupts itself", Effect.interrupt]
  ] as const) {
    it.live(`reports a ticket as ambiguous if a client that the program replaced ${title}`, () =>
      onDesk(
        (desk) =>
          Effect.gen(function* () {
            yield* submit(desk, "1")
            yield* desk.working(until(() => desk.events.length >= 1))
            const [event] = desk.events
            assert.deepNestedInclude(event, { _tag: "SubmissionAmbiguous" })
            assert.include(
              event?._tag === "SubmissionAmbiguous" ? event.evidence.reason : "",
              "the request ended without a result"
            )
          }),
        { tickets: (tickets) => SupportTickets.of({ ...tickets, create: () => create }) }
      )
    )
  }

  it.live("goes on when its store fails for a while", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* submit(desk, "1")
        yield* desk.sql`ALTER TABLE ripio_queue RENAME TO away`
        yield* desk.working(
          Effect.gen(function* () {
            yield* Effect.sleep(1200)
            yield* Effect.orDie(desk.sql`ALTER TABLE away RENAME TO ripio_queue`)
            yield* until(() => desk.events.length >= 1)
          })
        )
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
      })
    )
  )

  it.live("keeps the response of a ticket until its store works again", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.inject(Fault.latency("500 millis"), { on: "create" })
        yield* submit(desk, "1")
        yield* desk.working(
          Effect.gen(function* () {
            yield* desk.sandbox.awaitRequests("create", 1)
            yield* Effect.orDie(desk.sql`ALTER TABLE ripio_queue RENAME TO away`)
            yield* Effect.sleep(1500)
            yield* Effect.orDie(desk.sql`ALTER TABLE away RENAME TO ripio_queue`)
            yield* until(() => desk.events.length >= 1)
          })
        )
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  it.live("sends as many tickets at a time as the gate lets through, and no more than it is asked to", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.inject(Fault.latency("1 second"), { on: "create", times: "forever" })
          for (let id = 1; id <= 6; id++) yield* submit(desk, `${id}`)
          yield* desk.working(
            Effect.gen(function* () {
              yield* desk.sandbox.awaitRequests("create", 2)
              yield* Effect.sleep(300)
              const claimed = yield* Effect.orDie(desk.operations.list({ queue: "outbox", state: "claimed" }))
              assert.strictEqual(claimed.length, 2)
            }),
            { outbox: 5 }
          )
        }),
      { sandbox: { gate: { concurrency: 2 } } }
    )
  )
})

describe("the times in which an account was closed", () => {
  for (const { expected, intervals } of [
    { intervals: [], expected: [] },
    { intervals: [[5, 10]], expected: [[5, 10]] },
    // Close enough to be one.
    {
      intervals: [
        [100_000, 200_000],
        [0, 50_000]
      ],
      expected: [[0, 200_000]]
    },
    {
      intervals: [
        [200_001, 300_000],
        [0, 100_000]
      ],
      expected: [
        [0, 100_000],
        [200_001, 300_000]
      ]
    },
    {
      intervals: [
        [0, 100],
        [10, 20]
      ],
      expected: [[0, 100]]
    }
  ] satisfies ReadonlyArray<{
    readonly intervals: ReadonlyArray<readonly [number, number]>
    readonly expected: ReadonlyArray<readonly [number, number]>
  }>) {
    it(`are merged: ${JSON.stringify(intervals)}`, () => {
      assert.deepStrictEqual(mergeIntervals(intervals), expected)
    })
  }

  it("are bounded", () => {
    const many = Array.from({ length: 500 }, (_, index) => [index * 1e6, index * 1e6 + 1] as const)
    assert.deepStrictEqual(mergeIntervals(many), many.slice(-200))
  })

  for (const { expected, from, to } of [
    { from: 0, to: 100, expected: 20 },
    { from: 15, to: 35, expected: 10 },
    { from: 20, to: 30, expected: 0 },
    { from: 50, to: 60, expected: 0 }
  ]) {
    it(`last ${expected} ms between ${from} and ${to}`, () => {
      assert.strictEqual(
        overlap(
          [
            [10, 20],
            [30, 40]
          ],
          from,
          to
        ),
        expected
      )
    })
  }
})
