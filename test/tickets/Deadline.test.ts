import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Fault } from "../../src/testing/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { onSandbox } from "../support/harness.ts"
import { untyped } from "../support/untyped.ts"
import { fieldsOf, within } from "../support/virtualTime.ts"
import {
  always,
  createdReply,
  createdTicket,
  exactSchedule,
  exactTimes,
  failsPending,
  pendingReply,
  pendingTicket,
  repeatLast,
  scripted,
  lastReasonOf
} from "./polling.ts"

describe("the deadline", () => {
  it.effect("counts from the start of the wait", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(always(pendingReply))
      yield* TestClock.adjust("1 hour")
      const { after, error } = yield* failsPending("1 hour", awaitOutcome(ticketId, { deadline: "1 minute" }))
      assert.strictEqual(after, 60_000)
      assert.strictEqual(Duration.toMillis(error.elapsed), 60_000)
    })
  )

  it.effect("comes before a poll that is due at the same moment", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const options = { schedule: Schedule.spaced("1 second"), deadline: "3 seconds" } as const
      yield* failsPending("1 hour", awaitOutcome(ticketId, options))
      assert.deepStrictEqual(yield* times, [0, 1000, 2000])
    })
  )

  it.effect("is fifteen minutes by default, to the millisecond", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const { after, error } = yield* failsPending("1 hour", awaitOutcome(ticketId, { schedule: exactSchedule }))
      const polls = exactTimes(900_000)
      assert.strictEqual(after, 900_000)
      assert.deepStrictEqual(yield* times, polls)
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "OutcomePending",
        ticketId,
        lastTicket: pendingTicket,
        polls: polls.length,
        elapsed: Duration.minutes(15)
      })
    })
  )

  it.effect.each([1, 999, 1000, 1001, 2500, 61_234])(
    "of %s ms ends the wait between two polls, and no poll is sent at the deadline itself",
    (deadline) =>
      Effect.gen(function* () {
        const { awaitOutcome, times } = yield* scripted(always(pendingReply))
        const { after, error } = yield* failsPending(
          "1 hour",
          awaitOutcome(ticketId, { schedule: exactSchedule, deadline })
        )
        assert.strictEqual(after, deadline)
        assert.strictEqual(Duration.toMillis(error.elapsed), deadline)
        assert.deepStrictEqual(yield* times, exactTimes(deadline))
        assert.strictEqual(error.polls, exactTimes(deadline).length)
      })
  )

  it.effect("ends a poll without a response, to the millisecond, and aborts its request", () =>
    Effect.gen(function* () {
      let aborted = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => aborted++))
      const { awaitOutcome, times } = yield* scripted(
        repeatLast(pendingReply, () => hang),
        { timeout: "1 hour" }
      )
      const { after, error } = yield* failsPending(
        "1 day",
        awaitOutcome(ticketId, { schedule: exactSchedule, deadline: 61_234 })
      )
      assert.strictEqual(after, 61_234)
      assert.strictEqual(error.polls, 2)
      assert.strictEqual(aborted, 1)
      assert.deepStrictEqual(yield* times, [0, 1000])
    })
  )

  it.effect("holds during hanging requests, latency, and an endless outage of either endpoint", () =>
    Effect.gen(function* () {
      for (const fault of [
        Fault.hang,
        Fault.latency("9 seconds"),
        Fault.refused,
        Fault.rateLimited({ retryAfter: 50 })
      ]) {
        for (const on of ["retrieve", "token"] as const) {
          yield* onSandbox(({ sandbox, tickets }) =>
            Effect.gen(function* () {
              const id = yield* sandbox.seed({ outcome: "Pending" })
              yield* sandbox.inject(fault, { on, times: "forever" })
              const { after } = yield* failsPending("1 day", tickets.awaitOutcome(id, { deadline: 61_234 }))
              assert.strictEqual(after, 61_234)
              const count = yield* sandbox.count()
              yield* TestClock.adjust("1 day")
              assert.strictEqual(yield* sandbox.count(), count)
            })
          )
        }
      }
    })
  )

  it.effect("of zero fails without a poll", () =>
    Effect.gen(function* () {
      for (const deadline of [0, Duration.zero, "0 seconds"] as const) {
        const { awaitOutcome, times } = yield* scripted([])
        const { after, error } = yield* failsPending(0, awaitOutcome(ticketId, { deadline }))
        assert.strictEqual(error.polls, 0)
        assert.strictEqual(after, 0)
        assert.deepStrictEqual(yield* times, [])
      }
    })
  )

  it.effect("of infinity never ends the wait", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted((request) =>
        Effect.succeed(request.at < Duration.toMillis("30 days") ? pendingReply : createdReply)
      )
      const schedule = Schedule.spaced("1 hour")
      const { after, exit } = yield* within(
        "31 days",
        awaitOutcome(ticketId, { schedule, deadline: Duration.infinity })
      )
      assert.deepStrictEqual(exit, Exit.succeed(createdTicket))
      assert.strictEqual(after, Duration.toMillis("30 days"))
      assert.strictEqual((yield* times).length, 721)
    })
  )

  const invalid: ReadonlyArray<{ readonly title: string; readonly deadline: Duration.Input }> = [
    { title: "negative", deadline: -1 },
    { title: "minus infinity", deadline: Duration.negativeInfinity },
    { title: "NaN", deadline: NaN },
    { title: "NaN seconds", deadline: { seconds: NaN } },
    { title: "NaN of a pair", deadline: [NaN, 0] },
    { title: "null", deadline: untyped(null) },
    { title: "a word", deadline: untyped("soon") },
    { title: "a number as text", deadline: untyped("60") },
    { title: "a duration of an unknown unit", deadline: untyped("5 fortnights") },
    { title: "an object without a unit", deadline: {} },
    { title: "an object of an unknown unit", deadline: untyped({ second: 60 }) },
    { title: "text in a unit", deadline: untyped({ seconds: "soon" }) },
    { title: "a Date", deadline: untyped(new Date(0)) },
    { title: "an empty list", deadline: untyped([]) },
    { title: "a boolean", deadline: untyped(true) },
    { title: "a symbol", deadline: untyped(Symbol("soon")) },
    { title: "a function", deadline: untyped(() => 1) }
  ]
  it.effect.each(invalid)("that is $title fails before the first poll", ({ deadline }) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted([])
      const { error } = yield* failsPending(0, awaitOutcome(ticketId, { deadline }))
      assert.deepInclude(error.lastError, { attempts: 0, operation: "awaitOutcome" })
      assert.strictEqual(
        lastReasonOf(error)?.message,
        "the request was not sent: deadline: expected a duration that is not negative"
      )
      assert.deepStrictEqual(yield* times, [])
    })
  )

  it.effect.each(["NaN", "a word", "null"] as const)("of changes that is %s fails before the first poll", (title) =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted([])
      const deadline = untyped(title === "NaN" ? NaN : title === "null" ? null : title)
      const { error } = yield* failsPending(0, Stream.runDrain(changes(ticketId, { deadline })))
      assert.strictEqual(lastReasonOf(error)?._tag, "InvalidRequest")
      assert.deepStrictEqual(yield* times, [])
    })
  )

  it.effect.each([0, 0n, [0, 0], { seconds: 0 }, { minutes: 0, seconds: undefined }] as const)(
    "of zero, however it is written, is valid: %o",
    (deadline) =>
      Effect.gen(function* () {
        const { awaitOutcome } = yield* scripted([])
        const { error } = yield* failsPending(0, awaitOutcome(ticketId, { deadline: untyped(deadline) }))
        assert.isUndefined(error.lastError)
      })
  )

  it.effect("is checked again after a wait, because a timer may fire late", () =>
    Effect.gen(function* () {
      const wait = 300
      let now = 0
      const nanos = () => BigInt(now) * 1_000_000n
      // Each sleep of `wait` takes twice as long, and all other sleeps never end.
      const lateClock: Clock.Clock = {
        currentTimeMillisUnsafe: () => now,
        currentTimeMillis: Effect.sync(() => now),
        currentTimeNanosUnsafe: nanos,
        currentTimeNanos: Effect.sync(nanos),
        monotonicTimeNanosUnsafe: nanos,
        monotonicTimeNanos: Effect.sync(nanos),
        sleep: (duration) => {
          const millis = Duration.toMillis(duration)
          if (millis === wait) now += 2 * wait
          return millis === wait || millis <= 0 ? Effect.void : Effect.never
        }
      }
      const { awaitOutcome, requests } = yield* scripted(always(pendingReply))
      const error = yield* Effect.flip(
        awaitOutcome(ticketId, { schedule: Schedule.spaced(wait), deadline: wait + 100 })
      ).pipe(Effect.provideService(Clock.Clock, lateClock))
      assert.deepInclude(error, { _tag: "OutcomePending", polls: 1, elapsed: Duration.millis(2 * wait) })
      assert.strictEqual((yield* requests).length, 1)
    })
  )
})
