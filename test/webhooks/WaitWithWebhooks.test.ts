import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import {
  type AwaitOptions,
  OutcomeContradiction,
  SupportTickets,
  TicketId,
  type TicketOutcome,
  TicketOutcomes,
  TicketOutcomesLive
} from "../../src/index.ts"
import { created as createdBody, pending as pendingBody, ticketId } from "../support/fixtures.ts"
import { onSandbox, scriptedTickets } from "../support/harness.ts"
import { createdTicket, eventOf, failedTicket, otherEvent } from "./fixtures.ts"
import { onSandboxWithOutcomes } from "./outcomes.ts"

describe("awaitOutcome with webhooks", () => {
  it.effect("ends when the webhook arrives and polls no further", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const fiber = yield* Effect.forkChild(Effect.zip(tickets.awaitOutcome(id), Clock.currentTimeMillis))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* outcomes.waiterCount, 1)
        yield* outcomes.publish(eventOf(createdTicket))
        assert.deepStrictEqual(yield* Fiber.join(fiber), [createdTicket, 500])
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* sandbox.count("retrieve"), 1)
        assert.strictEqual(yield* outcomes.waiterCount, 0)
      })
    )
  )

  it.effect("ends when the webhook arrives between a poll and the wait for the next one", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const schedule = Schedule.spaced("1 minute").pipe(
          Schedule.tap(() => Effect.orDie(outcomes.publish(eventOf(createdTicket))))
        )
        const fiber = yield* Effect.forkChild(tickets.awaitOutcome(id, { schedule }))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(yield* Fiber.join(fiber), createdTicket)
        assert.strictEqual(yield* sandbox.count("retrieve"), 1)
      })
    )
  )

  it.effect("interrupts a request in flight when the webhook arrives", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const { layer, requests } = yield* scriptedTickets(() =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      )
      yield* Effect.gen(function* () {
        const tickets = yield* SupportTickets
        const outcomes = yield* TicketOutcomes
        const fiber = yield* Effect.forkChild(tickets.awaitOutcome(ticketId))
        yield* TestClock.adjust("1 second")
        yield* outcomes.publish(eventOf(failedTicket))
        assert.deepStrictEqual(yield* Fiber.join(fiber), failedTicket)
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))
      assert.strictEqual(interrupted, 1)
      assert.strictEqual((yield* requests).length, 1)
    })
  )

  it.effect("returns an outcome that arrived before the response to create, without a request", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* outcomes.publish(eventOf(createdTicket))
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        assert.deepStrictEqual(yield* tickets.awaitOutcome(id, { deadline: 0 }), createdTicket)
        assert.strictEqual(yield* sandbox.count(), 0)
      })
    )
  )

  it.effect("ends every wait for the webhook's ticket and no other wait", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets: { awaitOutcome } }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const otherId = yield* sandbox.seed({ outcome: "Pending" })
        const both = yield* Effect.forkChild(Effect.all([awaitOutcome(id), awaitOutcome(id)], { concurrency: 2 }))
        const other = yield* Effect.forkChild(awaitOutcome(otherId))
        yield* TestClock.adjust("500 millis")
        yield* outcomes.publish(eventOf(createdTicket))
        assert.deepStrictEqual(yield* Fiber.join(both), [createdTicket, createdTicket])
        assert.isUndefined(other.pollUnsafe())
        yield* Fiber.interrupt(other)
        assert.strictEqual(yield* outcomes.waiterCount, 0)
      })
    )
  )

  it.effect("ends by polling if no webhook arrives, and ends the other waits for the ticket", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Failed", after: "2 seconds" })
        const polling = yield* Effect.forkChild(tickets.awaitOutcome(id))
        const rarelyPolling = yield* Effect.forkChild(
          tickets.awaitOutcome(id, { schedule: Schedule.spaced("10 minutes") })
        )
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(
          [yield* Fiber.join(polling), yield* Fiber.join(rarelyPolling)],
          [failedTicket, failedTicket]
        )
        assert.strictEqual(yield* outcomes.waiterCount, 0)
      })
    )
  )

  it.effect("removes its waiter when it is interrupted, fails or reaches its deadline", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets: { awaitOutcome } }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const interrupted = yield* Effect.forkChild(awaitOutcome(id))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(interrupted)
        const unknownId = TicketId.make("00000000-0000-0000-0000-000000000000")
        assert.strictEqual((yield* Effect.flip(awaitOutcome(unknownId)))._tag, "NotFound")
        const overdue = yield* Effect.forkChild(Effect.flip(awaitOutcome(id, { deadline: "3 seconds" })))
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* Fiber.join(overdue))._tag, "OutcomePending")
        assert.strictEqual(yield* outcomes.waiterCount, 0)
      })
    )
  )

  it.effect("does not end on an event of another family", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const fiber = yield* Effect.forkChild(tickets.awaitOutcome(id))
        yield* TestClock.adjust("500 millis")
        yield* outcomes.publish(otherEvent)
        assert.strictEqual(yield* outcomes.waiterCount, 1)
        assert.isUndefined(fiber.pollUnsafe())
        yield* outcomes.publish(eventOf(failedTicket))
        assert.deepStrictEqual(yield* Fiber.join(fiber), failedTicket)
      })
    )
  )
})

describe("changes with webhooks", () => {
  it.effect("emits the states in order and ends with the webhook's outcome", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets: { changes } }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const fiber = yield* Effect.forkChild(Stream.runCollect(changes(id)))
        yield* TestClock.adjust("500 millis")
        yield* outcomes.publish(eventOf(createdTicket))
        assert.deepStrictEqual(yield* Fiber.join(fiber), [{ _tag: "Pending", ticketId }, createdTicket])
        assert.deepStrictEqual(yield* Stream.runCollect(changes(id)), [createdTicket])
      })
    )
  )
})

describe("awaitOutcome with a custom TicketOutcomes that wakes no waiter", () => {
  const custom = (overrides: Partial<TicketOutcomes["Service"]>) =>
    Layer.succeed(TicketOutcomes, {
      publish: () => Effect.void,
      record: () => Effect.void,
      get: () => Effect.succeedNone,
      await: () => Effect.never,
      waiterCount: Effect.succeed(0),
      schedule: Schedule.spaced("1 second").pipe(Schedule.map(() => Effect.succeed(Duration.seconds(1)))),
      ...overrides
    })

  const awaitOutcomeOn = Effect.fnUntraced(function* (
    polledBody: object,
    overrides: Partial<TicketOutcomes["Service"]>
  ) {
    const { layer, requests } = yield* scriptedTickets(() => Effect.succeed({ status: 200, json: polledBody }))
    const fiber = yield* SupportTickets.use(({ awaitOutcome }) => awaitOutcome(ticketId)).pipe(
      Effect.provide(layer.pipe(Layer.provide(custom(overrides)))),
      Effect.forkChild
    )
    yield* TestClock.adjust("1 minute")
    return { outcome: yield* Fiber.join(fiber), polls: (yield* requests).length }
  })

  it.effect("skips the poll if the outcome was recorded during the pause", () =>
    Effect.gen(function* () {
      let reads = 0
      const get = () => Effect.sync(() => (++reads > 2 ? Option.some(createdTicket) : Option.none()))
      assert.deepStrictEqual(yield* awaitOutcomeOn(pendingBody, { get }), { outcome: createdTicket, polls: 2 })
    })
  )

  it.effect("prefers the recorded outcome to a poll that contradicts it", () =>
    Effect.gen(function* () {
      const record = (received: TicketOutcome) =>
        Effect.fail(new OutcomeContradiction({ known: failedTicket, received }))
      assert.deepStrictEqual(yield* awaitOutcomeOn(createdBody, { record }), { outcome: failedTicket, polls: 1 })
    })
  )
})

describe("awaitOutcome without TicketOutcomes", () => {
  it.effect("ends by polling and ignores webhooks", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const outcomes = yield* Effect.provide(TicketOutcomes, TicketOutcomesLive.layer())
        const fiber = yield* Effect.forkChild(tickets.awaitOutcome(id))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* outcomes.waiterCount, 0)
        yield* outcomes.publish(eventOf(createdTicket))
        assert.isUndefined(fiber.pollUnsafe())
        yield* sandbox.complete(id, "Failed")
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* Fiber.join(fiber), failedTicket)
      })
    )
  )
})

describe("the polling schedule of awaitOutcome with webhooks", () => {
  /** How many polls are sent in the hour before an event, in the hour after it, and in the next hour. */
  const pollsPerHour = (options?: AwaitOptions) =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        yield* Effect.forkChild(tickets.awaitOutcome(id, { deadline: Duration.infinity, ...options }))
        const pollsInOneHour = Effect.gen(function* () {
          const start = yield* sandbox.count("retrieve")
          yield* TestClock.adjust("1 hour")
          return (yield* sandbox.count("retrieve")) - start
        })
        const before = yield* pollsInOneHour
        yield* outcomes.publish(otherEvent)
        return { before, during: yield* pollsInOneHour, after: yield* pollsInOneHour }
      })
    )

  it.effect("is slower for an hour after an event", () =>
    Effect.gen(function* () {
      const { after, before, during } = yield* pollsPerHour()
      // Every 30 s or every 2 minutes, apart from the jitter and the first polls.
      assert.isAbove(before, 115)
      assert.isBelow(during, 40)
      assert.isAbove(during, 28)
      assert.isAbove(after, 115)
    })
  )

  it.effect("is the caller's, if the caller gives one", () =>
    Effect.gen(function* () {
      const polls = yield* pollsPerHour({ schedule: Schedule.spaced("10 minutes") })
      assert.deepStrictEqual(polls, { before: 7, during: 6, after: 6 })
    })
  )
})
