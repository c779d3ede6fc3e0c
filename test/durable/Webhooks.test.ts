import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  type InboxEvent,
  InboxEvent as InboxEventSchema,
  IssueKey,
  TicketEvent,
  type TicketId
} from "../../src/index.ts"
import { Fault } from "../../src/testing/index.ts"
import { newTicket } from "../support/newTicket.ts"
import { onDesk, until } from "./desk.ts"

const tagsOf = (events: ReadonlyArray<InboxEvent>) => events.map(({ _tag }) => _tag)

const verified = (dedupeKey: string) => ({ issuedAt: DateTime.makeUnsafe(0), dedupeKey, secretIndex: 0 })

const createdEvent = (ticketId: TicketId) =>
  TicketEvent.cases.TicketCreated.make({
    ticketId,
    issueKey: IssueKey.make("SUP-1"),
    ...verified(`SUPPORT_TICKET.CREATED:${ticketId}:SUP-1`)
  })

const failedEvent = (ticketId: TicketId) =>
  TicketEvent.cases.TicketFailed.make({ ticketId, ...verified(`SUPPORT_TICKET.FAILED:${ticketId}`) })

describe("a webhook of a tracked ticket", () => {
  it.live("ends the tracking, so that no poll follows", () =>
    onDesk(({ events, inbox, operations, sandbox, tracker, working }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* tracker.track(ticketId)
        yield* inbox.offer(failedEvent(ticketId))
        yield* working(
          Effect.andThen(
            until(() => events.length > 0),
            Effect.sleep(1500)
          ),
          { outbox: 0 }
        )
        assert.deepStrictEqual(events, [{ ...failedEvent(ticketId), source: "webhook" }])
        assert.strictEqual(yield* sandbox.count("retrieve"), 0)
        const [item] = yield* operations.list({ queue: "tracker", state: "done" })
        assert.deepInclude(item, { id: ticketId, ticketId, kind: "Settled", state: "done" })
      })
    )
  )

  it.live("that comes before the ticket is tracked keeps it from being polled", () =>
    onDesk(({ events, inbox, sandbox, tracker, working }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* inbox.offer(createdEvent(ticketId))
        yield* tracker.track(ticketId)
        yield* working(
          Effect.andThen(
            until(() => events.length > 0),
            Effect.sleep(300)
          ),
          { outbox: 0 }
        )
        assert.deepStrictEqual(tagsOf(events), ["TicketCreated"])
        assert.strictEqual(yield* sandbox.count("retrieve"), 0)
      })
    )
  )

  it.live("and the poll that sees the same outcome are handled once", () =>
    onDesk(({ events, inbox, sandbox, tracker, working }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ after: 0, issueKey: IssueKey.make("SUP-1") })
        // The poll has the response, and the webhook is stored before the poll is.
        yield* sandbox.inject(Fault.latency("500 millis"), { on: "retrieve" })
        yield* tracker.track(ticketId)
        yield* working(
          Effect.gen(function* () {
            yield* sandbox.awaitRequests("retrieve", 1)
            yield* inbox.offer(createdEvent(ticketId))
            yield* Effect.sleep(1000)
          }),
          { outbox: 0 }
        )
        assert.deepStrictEqual(events, [{ ...createdEvent(ticketId), source: "webhook" }])
      })
    )
  )

  it.live("that contradicts the outcome is handled too, and the contradiction is reported", () =>
    onDesk(({ events, inbox, logs, sandbox, tracker, working }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ after: 0 })
        yield* tracker.track(ticketId)
        yield* working(
          Effect.gen(function* () {
            yield* until(() => events.length === 1)
            yield* inbox.offer(failedEvent(ticketId))
            yield* until(() => events.length === 2)
          }),
          { outbox: 0 }
        )
        assert.deepStrictEqual(tagsOf(events), ["TicketCreated", "TicketFailed"])
        assert.strictEqual(
          logs.filter((line) => line.startsWith("Error") && line.includes("a later event says")).length,
          1
        )
      })
    )
  )

  it.live("that agrees with the outcome does not contradict it, however often it comes", () =>
    onDesk(({ inbox, logs, sandbox }) =>
      Effect.gen(function* () {
        const created = yield* sandbox.seed({ outcome: "Pending" })
        const failed = yield* sandbox.seed({ outcome: "Pending" })
        for (let delivery = 0; delivery < 3; delivery++) {
          yield* inbox.offer(createdEvent(created))
          yield* inbox.offer(failedEvent(failed))
        }
        assert.deepStrictEqual(
          logs.filter((line) => line.startsWith("Error")),
          []
        )
      })
    )
  )

  it.live("that contradicts an outcome after the tracking has ended is reported", () =>
    onDesk(({ inbox, logs, operations, sandbox, tracker }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* tracker.track(ticketId)
        assert.isTrue(yield* operations.untrack(ticketId))
        yield* inbox.offer(createdEvent(ticketId))
        const [item] = yield* operations.list({ queue: "tracker", state: "done" })
        assert.deepInclude(item, { id: ticketId, kind: "Settled" })
        yield* inbox.offer(failedEvent(ticketId))
        assert.strictEqual(logs.filter((line) => line.includes("a later event says")).length, 1)
      })
    )
  )

  it.live("of a submission that is delivered twice is handled once", () =>
    onDesk(({ events, inbox, outbox, sandbox, working }) =>
      Effect.gen(function* () {
        yield* sandbox.onCreate({ outcome: "Pending" })
        yield* outbox.submit(newTicket({ customerId: sandbox.customer }), { id: "1" })
        yield* working(
          Effect.gen(function* () {
            yield* until(() => events.length === 1)
            const [ticket] = yield* sandbox.tickets
            if (ticket === undefined) return yield* Effect.die("no ticket")
            for (let delivery = 0; delivery < 3; delivery++) yield* inbox.offer(failedEvent(ticket.ticketId))
            yield* Effect.sleep(300)
          })
        )
        assert.deepStrictEqual(tagsOf(events), ["SubmissionAccepted", "TicketFailed"])
      })
    )
  )
})

describe("the event of an inbox", () => {
  it.effect("that an earlier version has stored without a source is of a webhook", () =>
    Effect.gen(function* () {
      const decoded = yield* Schema.decodeUnknownEffect(Schema.toCodecJson(InboxEventSchema))({
        _tag: "TicketFailed",
        ticketId: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
        issuedAt: "2026-06-26T14:30:00.000Z",
        dedupeKey: "key",
        secretIndex: 1
      })
      assert.deepInclude(decoded, { _tag: "TicketFailed", source: "webhook", secretIndex: 1 })
    })
  )

  it.live("is a dead letter if its row is not JSON", () =>
    onDesk(({ events, inbox, logs, operations, sandbox, sql, working }) =>
      Effect.gen(function* () {
        const event = failedEvent(yield* sandbox.seed({ outcome: "Pending" }))
        yield* inbox.offer(event)
        // What the queue does with a row that it cannot read. It logs nothing.
        yield* sql`UPDATE ripio_queue SET element = 'not JSON', state = 'failed' WHERE queue_name = 'ripio:inbox'`
        yield* working(until(() => logs.some((line) => line.includes("is a dead letter"))))
        const letters = yield* operations.deadLetters
        assert.deepStrictEqual(
          letters.map(({ dedupeKey, queue }) => [dedupeKey, queue]),
          [[event.dedupeKey, "inbox"]]
        )
        assert.deepInclude(yield* operations.count, { deadLetters: 1 })
        assert.strictEqual(events.length, 0)
      })
    )
  )
})
