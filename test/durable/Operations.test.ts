import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { hasProperty } from "effect/Predicate"
import { TicketId } from "../../src/index.ts"
import { Fault } from "../../src/testing/index.ts"
import { newTicket } from "../support/newTicket.ts"
import { untyped } from "../support/untyped.ts"
import { numberedEvent } from "../webhooks/fixtures.ts"
import { onDesk, until } from "./desk.ts"

const unknownTicket = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

describe("the operations", () => {
  it.live("count and list what waits, what is claimed and what is done", () =>
    onDesk(({ events, operations, outbox, sandbox, tracker, working }) =>
      Effect.gen(function* () {
        yield* sandbox.onCreate({ outcome: "Pending" })
        for (const id of ["a#1", "b"]) yield* outbox.submit(newTicket({ customerId: sandbox.customer }), { id })
        yield* tracker.track(yield* sandbox.seed({ outcome: "Pending" }))
        yield* Effect.sleep(1100)
        const before = yield* operations.count
        assert.deepInclude(before.outbox, { waiting: 2, claimed: 0 })
        assert.deepInclude(before.tracker, { waiting: 1, claimed: 0 })
        assert.isTrue(Duration.isGreaterThanOrEqualTo(before.outbox.oldest, Duration.seconds(1)))
        const [first, second] = yield* operations.list({ queue: "outbox" })
        assert.deepInclude(first, { id: "a#1", queue: "outbox", state: "waiting", kind: "Send", attempts: 0 })
        assert.deepInclude(second, { id: "b" })
        assert.deepStrictEqual(
          (yield* operations.list({ queue: "outbox", after: first?.position })).map(({ id }) => id),
          ["b"]
        )
        assert.deepStrictEqual(yield* operations.list({ queue: "tracker", state: "ambiguous" }), [])
        yield* working(until(() => events.length === 2))
        const after = yield* operations.count
        assert.deepInclude(after.outbox, { waiting: 0, claimed: 0 })
        assert.deepInclude(after.tracker, { waiting: 3 })
        const tracked = yield* operations.list({ queue: "tracker" })
        assert.strictEqual(tracked.length, 3)
        assert.isDefined(tracked[0]?.ticketId)
        const done = yield* operations.list({ queue: "outbox", state: "done" })
        assert.sameMembers(
          done.map(({ kind }) => kind),
          ["Send", "Send", "Verdict", "Verdict"]
        )
        assert.strictEqual((yield* operations.list({ queue: "inbox", state: "done" })).length, 2)
      })
    )
  )

  it.live("show what a worker holds", () =>
    onDesk(({ operations, sandbox, tracker, working }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("300 millis"), { on: "retrieve" })
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* tracker.track(ticketId)
        yield* working(
          Effect.gen(function* () {
            yield* sandbox.awaitRequests("retrieve", 1)
            const [item] = yield* Effect.orDie(operations.list({ queue: "tracker", state: "claimed" }))
            assert.deepInclude(item, { id: ticketId, attempts: 1, state: "claimed" })
            assert.deepInclude((yield* Effect.orDie(operations.count)).tracker, { waiting: 0, claimed: 1 })
            assert.deepStrictEqual(yield* Effect.orDie(operations.list({ queue: "tracker", state: "waiting" })), [])
          }),
          { outbox: 0 }
        )
      })
    )
  )

  it.live("end the tracking of a ticket, also while a worker holds it", () =>
    onDesk(({ events, operations, sandbox, tracker, working }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* tracker.track(ticketId)
        yield* working(
          Effect.gen(function* () {
            yield* sandbox.awaitRequests("retrieve", 1)
            assert.isTrue(yield* Effect.orDie(operations.untrack(ticketId)))
            const count = yield* sandbox.count("retrieve")
            yield* Effect.sleep(2500)
            assert.strictEqual(yield* sandbox.count("retrieve"), count)
          }),
          { outbox: 0 }
        )
        assert.deepStrictEqual(events, [])
        assert.isFalse(yield* operations.untrack(ticketId))
        assert.isFalse(yield* operations.untrack(unknownTicket))
      })
    )
  )

  it.live("refuse to resolve or purge what has not ended", () =>
    onDesk(({ operations, outbox, sandbox }) =>
      Effect.gen(function* () {
        yield* outbox.submit(newTicket({ customerId: sandbox.customer }), { id: "a" })
        assert.isFalse(yield* operations.resolve("a", "resend"))
        assert.isFalse(yield* operations.resolve("unknown", { ticketId: unknownTicket }))
        assert.isFalse(yield* operations.purge("a"))
        assert.isFalse(yield* operations.purge("unknown"))
        assert.isFalse(yield* operations.requeue("unknown"))
        assert.isFalse(yield* operations.untrack(untyped("A")))
        for (const resolution of ["send", { ticketId: "A" }, undefined]) {
          const error = yield* Effect.flip(operations.resolve("a", untyped(resolution)))
          assert.include(error.message, 'resolution: expected "resend", or a ticketId that is a UUID in lower case')
        }
      })
    )
  )

  it.live("erase what is known of a customer, and keep the id", () =>
    onDesk(({ events, operations, outbox, sandbox, sql, working }) =>
      Effect.gen(function* () {
        const customerId = yield* sandbox.addCustomer({ email: false })
        yield* outbox.submit(newTicket({ customerId }), { id: "a" })
        yield* working(
          Effect.andThen(
            until(() => events.length === 1),
            Effect.sleep(200)
          )
        )
        assert.isTrue(yield* operations.purge("a"))
        assert.isTrue(yield* operations.purge("a"))
        const rows = yield* sql<{ readonly element: string }>`SELECT element FROM ripio_queue`
        assert.isFalse(rows.some(({ element }) => element.includes(customerId)))
        assert.strictEqual((yield* Effect.flip(outbox.submit(newTicket(), { id: "a" })))._tag, "InvalidSubmission")
      })
    )
  )

  it.live("show why an item was handled again, and an item of an unknown kind", () =>
    onDesk(({ operations, sandbox, sql, tracker, working }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* tracker.track(ticketId)
        yield* working(Effect.andThen(sandbox.awaitRequests("retrieve", 1), Effect.sleep(300)), { outbox: 0 })
        const [item] = yield* operations.list({ queue: "tracker" })
        assert.deepInclude(item, { id: ticketId, kind: "Track", ticketId, lastFailure: "the ticket is pending" })
        yield* sql`UPDATE ripio_queue SET element = '7' WHERE id = ${ticketId}`
        const [unknown] = yield* operations.list({ queue: "tracker" })
        assert.deepInclude(unknown, { id: ticketId, kind: "Unknown" })
        assert.isUndefined(unknown?.ticketId)
      })
    )
  )

  it.live("handle a dead letter of the inbox again", () =>
    onDesk(({ events, inbox, logs, operations, sql, working }) =>
      Effect.gen(function* () {
        yield* inbox.offer(numberedEvent(1))
        const { dedupeKey } = numberedEvent(1)
        const readable = (yield* sql<{ readonly element: string }>`SELECT element FROM ripio_queue`)[0]?.element
        yield* sql`UPDATE ripio_queue SET element = '{"_tag":"NotYetKnown"}'`
        yield* working(until(() => logs.some((line) => line.includes(`${dedupeKey} is a dead letter`))))
        const [letter] = yield* operations.deadLetters
        assert.deepInclude(letter, { dedupeKey, queue: "inbox" })
        yield* sql`UPDATE ripio_dead_letters
          SET value = CAST(REPLACE(CAST(value AS TEXT), '{"_tag":"NotYetKnown"}', ${readable}) AS BLOB)`
        assert.isTrue(yield* operations.requeue(dedupeKey))
        yield* working(until(() => events.length === 1))
        assert.deepStrictEqual(yield* operations.deadLetters, [])
      })
    )
  )

  it.live("fail with OperationsUnavailable if the database does", () =>
    onDesk(({ operations, sql }) =>
      Effect.gen(function* () {
        yield* sql`DROP TABLE ripio_queue`
        const error = yield* Effect.flip(operations.count)
        assert.strictEqual(error._tag, "OperationsUnavailable")
        assert.include(error.message, "Check the database")
        assert.include(String(error.cause), "SQLite could not execute a statement")
      })
    )
  )

  it.live("are measured: the size of each queue and the age of its oldest item", () =>
    onDesk(
      ({ sandbox, tracker, working }) =>
        Effect.gen(function* () {
          yield* sandbox.setEnabled(false)
          yield* tracker.track(unknownTicket)
          yield* Effect.sleep(1100)
          yield* working(Effect.sleep(200), { outbox: 0 })
          const gauges = (yield* Metric.snapshot).filter(({ attributes }) => attributes?.["name"] === "measured")
          const valueOf = (id: string, queue = "tracker") => {
            const state: unknown = gauges.find(
              (gauge) => gauge.id === id && gauge.attributes?.["queue"] === queue
            )?.state
            return state
          }
          for (const queue of ["outbox", "inbox"]) {
            assert.deepInclude(valueOf("ripio.durable.queue.size", queue), { value: 0 })
            assert.deepInclude(valueOf("ripio.durable.queue.age", queue), { value: 0 })
          }
          assert.deepInclude(valueOf("ripio.durable.queue.size"), { value: 1 })
          const age = valueOf("ripio.durable.queue.age")
          assert.isTrue(hasProperty(age, "value") && Number(age.value) >= 1)
        }),
      { durable: { name: "measured" } }
    )
  )
})
