import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Cron from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { type AwaitOptions, SupportTickets, TicketEvent, TicketOutcomes, TicketOutcomesLive } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"
import { shiftedClock } from "../support/shiftedClock.ts"
import { gaps } from "../support/virtualTime.ts"
import { always, exactSchedule, exactTimes, pendingReply, scripted } from "./polling.ts"

const offsets = ["-3 days", "-1 hour", "1 hour", "3 days"] as const

/** Waits one minute on a wall clock that is set by the offset after ten seconds. The times of the polls are monotonic. */
const pollOnShiftedClock = (offset: Duration.Input, options: AwaitOptions) =>
  Effect.gen(function* () {
    const { clock, shift } = yield* shiftedClock
    const times: Array<number> = []
    const start = yield* Clock.currentTimeMillis
    const { awaitOutcome } = yield* scripted(() =>
      Effect.sync(() => {
        times.push(Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000)
        return pendingReply
      })
    )
    const fiber = yield* awaitOutcome(ticketId, { deadline: "1 minute", ...options }).pipe(
      Effect.provideService(Clock.Clock, clock),
      Effect.flip,
      Effect.zip(Clock.currentTimeMillis),
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust("10 seconds")
    // Not a multiple of any interval.
    shift(Duration.toMillis(offset) + 1234)
    yield* TestClock.adjust("1 hour")
    const [error, end] = yield* Fiber.join(fiber)
    assert(error._tag === "OutcomePending")
    return { after: end - start, elapsed: Duration.toMillis(error.elapsed), times }
  })

describe("a wall clock that is set during the wait", () => {
  it.effect.each(offsets)("by %s moves neither the deadline nor a poll", (offset) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* pollOnShiftedClock(offset, { schedule: exactSchedule }), {
        after: 60_000,
        elapsed: 60_000,
        times: exactTimes(60_000)
      })
    })
  )

  const every5Seconds = [0, 5000, 10_000, 15_000, 20_000, 25_000, 30_000, 35_000, 40_000, 45_000, 50_000, 55_000]
  const schedules: ReadonlyArray<{
    readonly title: string
    readonly schedule: Schedule.Schedule<unknown>
    readonly times: ReadonlyArray<number>
    readonly after: number
  }> = [
    { title: "fixed", schedule: Schedule.fixed("5 seconds"), times: every5Seconds, after: 60_000 },
    { title: "windowed", schedule: Schedule.windowed("5 seconds"), times: every5Seconds, after: 60_000 },
    {
      title: "upTo",
      schedule: Schedule.upTo(Schedule.spaced("5 seconds"), { duration: "23 seconds" }),
      times: every5Seconds.slice(0, 6),
      after: 25_000
    }
  ]
  for (const offset of offsets) {
    it.effect.each(schedules)(`by ${offset} does not move a schedule that reads the time: $title`, (expected) =>
      Effect.gen(function* () {
        const { after, times } = yield* pollOnShiftedClock(offset, { schedule: expected.schedule })
        assert.deepStrictEqual({ after, times }, { after: expected.after, times: [...expected.times] })
      })
    )
  }

  it.effect("leaves a schedule the time of day at which the wait began", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 5, 26, 14, 29, 50))
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const everyMinute = Cron.parseUnsafe("0 * * * * *", "UTC")
      const schedule = Schedule.cron(everyMinute)
      const fiber = yield* Effect.forkChild(
        Effect.flip(
          awaitOutcome(ticketId, { schedule: schedule as Schedule.Schedule<unknown>, deadline: "3 minutes" })
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("3 minutes")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        (yield* times).map((at) => new Date(at).toISOString().slice(11, 19)),
        ["14:29:50", "14:30:00", "14:31:00", "14:32:00"]
      )
    })
  )
})

describe("webhooks that count as active for an hour", () => {
  const otherEvent = TicketEvent.cases.OtherEvent.make({
    eventType: "ON-RAMP.X",
    payload: {},
    issuedAt: DateTime.makeUnsafe(0),
    dedupeKey: "key",
    secretIndex: 0
  })

  it.effect.each(offsets)("do so for an hour, although the wall clock is set by %s", (offset) =>
    Effect.gen(function* () {
      const { clock, shift } = yield* shiftedClock
      const times: Array<number> = []
      const { layer } = yield* scriptedTickets(() =>
        Effect.sync(() => {
          times.push(Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000)
          return pendingReply
        })
      )
      const outcomes = TicketOutcomesLive.layer({
        schedule: Schedule.map(Schedule.spaced("20 minutes"), () => Effect.succeed(Duration.minutes(20)))
      })
      const context = yield* Layer.build(layer.pipe(Layer.provideMerge(outcomes)))
      const wait = Effect.gen(function* () {
        yield* Context.get(context, TicketOutcomes).publish(otherEvent)
        shift(Duration.toMillis(offset))
        return yield* Context.get(context, SupportTickets).awaitOutcome(ticketId, { deadline: "70 minutes" })
      })
      const fiber = yield* wait.pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.flip,
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("70 minutes")
      yield* Fiber.join(fiber)
      const [first, second, third, ...others] = gaps(times)
      assert.deepStrictEqual([first, second, third], [1_200_000, 1_200_000, 1_200_000])
      // The last ten minutes are polled on the default schedule.
      assert.isAbove(others.length, 15)
      assert.isAtMost(Math.max(...others), 30_000)
    })
  )

  it.effect.each([null, 5, {}, "1 minute"].map((schedule) => ({ schedule, title: JSON.stringify(schedule) })))(
    "do not start with a schedule of $title",
    ({ schedule }) =>
      Effect.gen(function* () {
        const options: object = { schedule }
        const error = yield* Effect.flip(Effect.provide(TicketOutcomes, TicketOutcomesLive.layer(options)))
        assert.deepInclude(error, { option: "schedule", issue: "expected a Schedule" })
      })
  )
})
