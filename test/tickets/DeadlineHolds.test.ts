import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { SupportTickets, TicketOutcomes } from "../../src/index.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { ticketId } from "../support/fixtures.ts"
import { type Script, scriptedTickets } from "../support/harness.ts"
import { within } from "../support/virtualTime.ts"
import {
  always,
  createdReply,
  createdTicket,
  failedTicket,
  failsPending,
  pendingReply,
  pendingTicket,
  scripted
} from "./polling.ts"

/** Effects that do not end before the deadline. */
const hanging: ReadonlyArray<{ readonly title: string; readonly hang: Effect.Effect<void> }> = [
  { title: "hangs", hang: Effect.never },
  { title: "takes an hour", hang: Effect.sleep("1 hour") },
  { title: "hangs and cannot be interrupted", hang: Effect.uninterruptible(Effect.never) },
  { title: "takes an hour and cannot be interrupted", hang: Effect.uninterruptible(Effect.sleep("1 hour")) },
  { title: "takes an hour to clean up", hang: Effect.onInterrupt(Effect.never, () => Effect.sleep("1 hour")) },
  {
    title: "dies after the deadline and cannot be interrupted",
    hang: Effect.uninterruptible(Effect.andThen(Effect.sleep("1 hour"), Effect.die(new Error("too late"))))
  }
]

const deadline = 61_234

/** The waits of both methods, each with its error. */
const waits: ReadonlyArray<(tickets: SupportTickets["Service"], options: object) => Effect.Effect<unknown, object>> = [
  (tickets, options) => tickets.awaitOutcome(ticketId, { deadline, ...options }),
  (tickets, options) => Stream.runDrain(tickets.changes(ticketId, { deadline, ...options }))
]

describe("the deadline holds to the millisecond", () => {
  it.effect.each(hanging)("if the transport $title", ({ hang }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const tickets = yield* scripted(() => Effect.as(hang, pendingReply), { timeout: "1 day" })
        const logs = yield* collectLogs(
          Effect.gen(function* () {
            const { after, error } = yield* failsPending("62 seconds", wait(tickets, {}))
            assert.deepStrictEqual({ after, polls: error.polls }, { after: deadline, polls: 1 })
            assert.strictEqual(Duration.toMillis(error.elapsed), deadline)
            yield* TestClock.adjust("1 day")
          })
        )
        // The later end of the abandoned request has no effect, and no request follows it.
        assert.deepStrictEqual(
          { logs, times: yield* tickets.times },
          { logs: [], times: (yield* tickets.times).slice(0, 1) }
        )
      }
    })
  )

  it.effect.each(hanging)("if a step of the schedule $title", ({ hang }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const tickets = yield* scripted(always(pendingReply))
        const schedule = Schedule.tap(Schedule.spaced("10 seconds"), ({ attempt }) =>
          attempt === 3 ? hang : Effect.void
        )
        const { after, error } = yield* failsPending("62 seconds", wait(tickets, { schedule }))
        assert.deepStrictEqual({ after, polls: error.polls }, { after: deadline, polls: 3 })
        assert.deepStrictEqual(error.lastTicket, pendingTicket)
        yield* TestClock.adjust("1 day")
        assert.strictEqual((yield* tickets.times).length, 3)
      }
    })
  )

  it.effect.each(hanging)("if the start of the schedule $title", ({ hang }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const tickets = yield* scripted(always(pendingReply))
        const schedule = Schedule.fromStep(
          Effect.as(hang, () => Effect.succeed<[number, Duration.Duration]>([0, Duration.zero]))
        )
        const { after, error } = yield* failsPending("62 seconds", wait(tickets, { schedule }))
        assert.deepStrictEqual({ after, polls: error.polls }, { after: deadline, polls: 1 })
      }
    })
  )

  it.effect("if a step of the schedule takes time, which counts", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const schedule = Schedule.tap(Schedule.spaced("10 seconds"), () => Effect.sleep("5 seconds"))
      const { after } = yield* failsPending("62 seconds", awaitOutcome(ticketId, { schedule, deadline }))
      assert.deepStrictEqual(
        { after, times: yield* times },
        { after: deadline, times: [0, 15_000, 30_000, 45_000, 60_000] }
      )
    })
  )

  it.effect("if the consumer of changes was busy until after it", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(always(pendingReply))
      const busy = Stream.runForEach(changes(ticketId, { deadline }), () => Effect.sleep("1 hour"))
      const { after } = yield* failsPending("2 hours", busy)
      assert.deepStrictEqual({ after, times: yield* times }, { after: 3_600_000, times: [0] })
    })
  )
})

describe("with a custom TicketOutcomes, the deadline holds to the millisecond", () => {
  /** Support tickets on a `TicketOutcomes` that knows no outcome and reports none, except what `custom` says. */
  const withOutcomes = (script: Script, custom: Partial<TicketOutcomes["Service"]>) =>
    Effect.gen(function* () {
      const { layer, times } = yield* scriptedTickets(script)
      const outcomes = Layer.succeed(TicketOutcomes, {
        publish: () => Effect.void,
        record: () => Effect.void,
        get: () => Effect.succeedNone,
        await: () => Effect.never,
        waiterCount: Effect.succeed(0),
        schedule: Schedule.map(Schedule.spaced("10 seconds"), () => Effect.succeed(Duration.seconds(10))),
        ...custom
      })
      const context = yield* Layer.build(layer.pipe(Layer.provide(outcomes)))
      return { ...Context.get(context, SupportTickets), times }
    })

  it.effect.each(hanging)("if `get` $title", ({ hang }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const tickets = yield* withOutcomes(always(pendingReply), { get: () => Effect.as(hang, Option.none()) })
        const { after, error } = yield* failsPending("62 seconds", wait(tickets, {}))
        assert.deepStrictEqual({ after, polls: error.polls }, { after: deadline, polls: 0 })
        yield* TestClock.adjust("1 day")
        assert.deepStrictEqual(yield* tickets.times, [])
      }
    })
  )

  it.effect.each(hanging)("if `await` $title", ({ hang }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const custom = { await: () => Effect.as(hang, failedTicket) }
        const tickets = yield* withOutcomes(always(pendingReply), custom)
        const { after, error } = yield* failsPending("62 seconds", wait(tickets, {}))
        assert.deepStrictEqual({ after, polls: error.polls }, { after: deadline, polls: 7 })
      }
    })
  )

  it.effect.each(hanging)("and the wait returns the polled outcome if `record` $title", ({ hang }) =>
    Effect.gen(function* () {
      const tickets = yield* withOutcomes(always(createdReply), { record: () => hang })
      const { after, exit } = yield* within("62 seconds", tickets.awaitOutcome(ticketId, { deadline }))
      assert.deepStrictEqual(exit, Exit.succeed(createdTicket))
      assert.strictEqual(after, deadline)
    })
  )

  it.effect.each(hanging)("and a webhook ends the wait at once if the transport $title", ({ hang }) =>
    Effect.gen(function* () {
      const webhook = Effect.delay(Effect.succeed(failedTicket), "5 seconds")
      const tickets = yield* withOutcomes(() => Effect.as(hang, pendingReply), { await: () => webhook })
      const { after, exit } = yield* within("6 seconds", tickets.awaitOutcome(ticketId))
      assert.deepStrictEqual({ after, exit }, { after: 5000, exit: Exit.succeed(failedTicket) })
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* tickets.times, [0])
    })
  )
})

describe("after an interruption no request is sent", () => {
  it.effect.each(hanging)("if the transport $title", ({ hang }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const tickets = yield* scripted(() => Effect.as(hang, pendingReply))
        const fiber = yield* Effect.forkChild(wait(tickets, {}), { startImmediately: true })
        yield* TestClock.adjust("4 seconds")
        yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        // The timeout of the attempt, 10 s, also ends an interruption that waits for the transport.
        yield* TestClock.adjust("6 seconds")
        assert.isDefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 day")
        assert.strictEqual((yield* tickets.times).length, 1)
      }
    })
  )

  it.effect.each(hanging)("if a step of the schedule $title", ({ hang }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const tickets = yield* scripted(always(pendingReply))
        const schedule = Schedule.tap(Schedule.spaced("10 seconds"), () => hang)
        const fiber = yield* Effect.forkChild(wait(tickets, { schedule }), { startImmediately: true })
        yield* TestClock.adjust("4 seconds")
        yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* TestClock.adjust("58 seconds")
        assert.isDefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 day")
        assert.strictEqual((yield* tickets.times).length, 1)
      }
    })
  )
})
