import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { IssueKey, makePollingSchedule, type RipioHttpError, type SupportTicket } from "../../src/index.ts"
import type { ScriptedReply } from "../../src/testing/index.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { ticketId } from "../support/fixtures.ts"
import { onSandbox } from "../support/harness.ts"
import { untyped } from "../support/untyped.ts"
import { draws, fieldsOf, gaps, within } from "../support/virtualTime.ts"
import {
  always,
  createdReply,
  exactSchedule,
  exactTimes,
  failedReply,
  failedTicket,
  failsPending,
  pendingReply,
  pendingTicket,
  pollTimes,
  repeatLast,
  scripted,
  lastReasonOf
} from "./polling.ts"

describe("the polls of awaitOutcome", () => {
  it.effect("start at once, follow after 1 s, and then after waits 1.5 times as long each, at most 30 s", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const issueKey = IssueKey.make("SUP-1001")
        const id = yield* sandbox.seed({ after: "150 seconds", issueKey })
        const { after, exit } = yield* within("1 hour", tickets.awaitOutcome(id, { schedule: exactSchedule }))
        assert.deepStrictEqual(exit, Exit.succeed({ _tag: "Created", ticketId: id, issueKey } as const))
        const times = [0, 1000, 2500, 4750, 8125, 13_188, 20_782, 32_173, 49_259, 74_888, 104_888, 134_888, 164_888]
        assert.deepStrictEqual(yield* pollTimes(sandbox), times)
        assert.strictEqual(after, 164_888)
      })
    )
  )

  it.effect("follow the options of makePollingSchedule", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const schedule = makePollingSchedule({ first: "10 seconds", factor: 2, max: "1 minute", jitter: false })
      yield* failsPending("5 minutes", awaitOutcome(ticketId, { schedule, deadline: "5 minutes" }))
      assert.deepStrictEqual(yield* times, [0, 10_000, 30_000, 70_000, 130_000, 190_000, 250_000])
    })
  )

  it.effect("follow any schedule", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      yield* failsPending(
        "1 minute",
        awaitOutcome(ticketId, { schedule: Schedule.spaced("20 seconds"), deadline: "1 minute" })
      )
      assert.deepStrictEqual(yield* times, [0, 20_000, 40_000])
    })
  )

  it.effect("wait from the response to the next request, not from request to request", () =>
    Effect.gen(function* () {
      const slow = () => Effect.delay(Effect.succeed(pendingReply), "3 seconds")
      const { awaitOutcome, times } = yield* scripted(repeatLast(slow, slow, createdReply))
      const { after } = yield* within("1 minute", awaitOutcome(ticketId, { schedule: Schedule.spaced("5 seconds") }))
      assert.deepStrictEqual(yield* times, [0, 8000, 16_000])
      assert.strictEqual(after, 16_000)
    })
  )

  it.effect("are jittered by default: each wait is 80 % to 120 %, at most 30 s, in whole milliseconds", () =>
    Effect.gen(function* () {
      const exactWaits = gaps(exactTimes(300_000))
      const seen: Array<ReadonlyArray<number>> = []
      for (let seed = 0; seed < 100; seed++) {
        const { awaitOutcome, times } = yield* scripted(always(pendingReply))
        yield* failsPending("5 minutes", Random.withSeed(awaitOutcome(ticketId, { deadline: "5 minutes" }), seed))
        const waits = gaps(yield* times)
        for (const [index, wait] of waits.entries()) {
          const exact = exactWaits[index] ?? 30_000
          assert.isAtLeast(wait, Math.floor(exact * 0.8))
          assert.isAtMost(wait, Math.min(Math.ceil(exact * 1.2), 30_000))
          assert.isTrue(Number.isInteger(wait))
        }
        seen.push(waits)
      }
      assert.strictEqual(new Set(seen.map(String)).size, 100)
      const firsts = seen.map(([first = 0]) => first)
      assert.isBelow(Math.min(...firsts), 820)
      assert.isAbove(Math.max(...firsts), 1180)
    })
  )

  it.effect("are determined by the seed of Random", () =>
    Effect.gen(function* () {
      const expected = [0]
      for (const [index, random] of (yield* draws("polls", 4)).entries()) {
        expected.push((expected.at(-1) ?? 0) + Math.round(1000 * 1.5 ** index * (0.8 + 0.4 * random)))
      }
      const { awaitOutcome, times } = yield* scripted(
        repeatLast(pendingReply, pendingReply, pendingReply, pendingReply, createdReply)
      )
      yield* within("1 minute", Random.withSeed(awaitOutcome(ticketId), "polls"))
      assert.deepStrictEqual(yield* times, expected)
    })
  )

  it.effect("start over each time the effect runs", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const run = failsPending("3 seconds", awaitOutcome(ticketId, { schedule: exactSchedule, deadline: "3 seconds" }))
      yield* run
      yield* run
      assert.deepStrictEqual(yield* times, [0, 1000, 2500, 3000, 4000, 5500])
    })
  )
})

describe("a polling schedule", () => {
  it.effect("that ends also ends the wait", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const schedule = Schedule.max([Schedule.spaced("2 seconds"), Schedule.recurs(3)])
      const { after, error } = yield* failsPending("1 hour", awaitOutcome(ticketId, { schedule }))
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "OutcomePending",
        ticketId,
        lastTicket: pendingTicket,
        polls: 4,
        elapsed: Duration.seconds(6)
      })
      assert.deepStrictEqual(yield* times, [0, 2000, 4000, 6000])
      assert.strictEqual(after, 6000)
    })
  )

  it.effect("without recurrences allows one poll", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(always(pendingReply))
      const { after, error } = yield* failsPending("1 hour", awaitOutcome(ticketId, { schedule: Schedule.recurs(0) }))
      assert.strictEqual(error.polls, 1)
      assert.strictEqual(after, 0)
    })
  )

  it.effect("receives the result of the last poll, a ticket or an error, as its input", () =>
    Effect.gen(function* () {
      const inputs: Array<string> = []
      const schedule = Schedule.spaced("1 second").pipe(
        Schedule.setInputType<SupportTicket | RipioHttpError>(),
        Schedule.tap(({ input }) =>
          Effect.sync(() => inputs.push(input._tag === "RipioHttpError" ? input.reason._tag : input._tag))
        )
      )
      const { awaitOutcome } = yield* scripted(
        repeatLast(pendingReply, { status: 502 }, "refused", pendingReply, { status: 200, text: "{" }, failedReply)
      )
      const { exit } = yield* within("1 minute", awaitOutcome(ticketId, { schedule }))
      assert.deepStrictEqual(exit, Exit.succeed(failedTicket))
      assert.deepStrictEqual(inputs, ["Pending", "ServerFailed", "TransportFailed", "Pending", "UnexpectedResponse"])
    })
  )

  it.effect("can end the wait depending on its input", () =>
    Effect.gen(function* () {
      const schedule = Schedule.spaced("1 second").pipe(
        Schedule.setInputType<SupportTicket | RipioHttpError>(),
        Schedule.while(({ input }) => input._tag !== "RipioHttpError" || input.isRetryable)
      )
      const { awaitOutcome, times } = yield* scripted(
        repeatLast(pendingReply, { status: 502 }, { status: 200, text: "{" })
      )
      const { error } = yield* failsPending("1 hour", awaitOutcome(ticketId, { schedule }))
      assert.strictEqual(lastReasonOf(error)?._tag, "UnexpectedResponse")
      assert.deepStrictEqual(yield* times, [0, 1000, 2000])
    })
  )
})

describe("the delays of a polling schedule", () => {
  const loops: ReadonlyArray<{ readonly title: string; readonly delay: Duration.Duration }> = [
    { title: "zero", delay: Duration.zero },
    { title: "negative", delay: Duration.seconds(-1) },
    { title: "minus infinity", delay: Duration.negativeInfinity },
    { title: "NaN", delay: Duration.millis(NaN) },
    { title: "NaN, as a plain number", delay: untyped(NaN) },
    { title: "below 100 ms", delay: Duration.millis(99) },
    { title: "one nanosecond", delay: Duration.nanos(1n) },
    { title: "100 ms", delay: Duration.millis(100) }
  ]
  it.effect.each(loops)("are at least 100 ms: $title", ({ delay }) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const step = Effect.succeed<[number, Duration.Duration]>([0, delay])
      const schedule = Schedule.fromStep(Effect.succeed(() => step))
      yield* failsPending("1 second", awaitOutcome(ticketId, { schedule, deadline: "1 second" }))
      assert.deepStrictEqual(yield* times, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900])
    })
  )

  it.effect("are at least 100 ms for makePollingSchedule and for failed polls too", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always("refused"))
      const schedule = makePollingSchedule({ first: 1, max: 1 })
      yield* failsPending("1 second", awaitOutcome(ticketId, { schedule, deadline: 301 }))
      assert.deepStrictEqual(yield* times, [0, 100, 200, 300])
    })
  )

  it.effect("of infinity leave the first poll the only one", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const { after } = yield* failsPending(
        "1 hour",
        awaitOutcome(ticketId, { schedule: Schedule.spaced(Duration.infinity) })
      )
      assert.deepStrictEqual({ after, times: yield* times }, { after: 900_000, times: [0] })
    })
  )
})

describe("options that JavaScript passes", () => {
  const invalid: ReadonlyArray<{ readonly title: string; readonly options: unknown; readonly issue: string }> = [
    ...[
      { name: "null", schedule: null },
      { name: "a number", schedule: 5 },
      { name: "text", schedule: "1 second" },
      { name: "an object", schedule: {} },
      { name: "a list", schedule: [] },
      { name: "a function", schedule: () => 1 },
      { name: "a Duration", schedule: Duration.seconds(1) }
    ].map(({ name, schedule }) => ({
      title: `a schedule that is ${name}`,
      options: { schedule },
      issue: "schedule: expected a Schedule"
    })),
    ...[null, 5, "1 minute", true].map((options) => ({
      title: `options that are ${String(options)}`,
      options,
      issue: "options: expected an object"
    }))
  ]
  it.effect.each(invalid)("fail before the first poll: $title", ({ issue, options }) =>
    Effect.gen(function* () {
      const { awaitOutcome, changes, times } = yield* scripted([])
      for (const wait of [
        awaitOutcome(ticketId, untyped(options)),
        Stream.runDrain(changes(ticketId, untyped(options)))
      ]) {
        const { after, error } = yield* failsPending(0, wait)
        assert.deepInclude(error.lastError, { attempts: 0, operation: "awaitOutcome" })
        assert.strictEqual(lastReasonOf(error)?.message, `the request was not sent: ${issue}`)
        assert.deepStrictEqual({ after, polls: error.polls, times: yield* times }, { after: 0, polls: 0, times: [] })
      }
    })
  )

  it.effect("may be undefined, each of them", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(pendingReply))
      const { after } = yield* failsPending(
        "1 hour",
        awaitOutcome(ticketId, { schedule: undefined, deadline: undefined })
      )
      assert.strictEqual(after, 900_000)
      assert.isAbove((yield* times).length, 30)
    })
  )

  it.effect("with a schedule that dies end the wait with OutcomePending, which keeps the ticket, and are logged", () =>
    Effect.gen(function* () {
      const bug = new Error("a bug of the schedule")
      const { awaitOutcome, changes } = yield* scripted(always(pendingReply))
      const schedules: ReadonlyArray<unknown> = [
        Schedule.tap(Schedule.spaced("1 second"), () => Effect.die(bug)),
        Schedule.fromStep(Effect.die(bug)),
        Schedule.fromStep(
          Effect.succeed(() => {
            throw bug
          })
        )
      ]
      for (const schedule of schedules) {
        const options = { schedule: untyped(schedule) }
        for (const wait of [awaitOutcome(ticketId, options), Stream.runDrain(changes(ticketId, options))]) {
          const lines = yield* collectLogs(
            Effect.gen(function* () {
              const { error } = yield* failsPending("1 minute", wait)
              assert.deepInclude(error, { polls: 1, lastTicket: pendingTicket })
              assert.strictEqual(lastReasonOf(error)?.message, `the request was not sent: schedule: ${String(bug)}`)
            })
          )
          assert.deepStrictEqual(lines, ["Error: awaitOutcome: the polling schedule failed"])
        }
      }
    })
  )
})

describe("Retry-After in the response to a poll", () => {
  const limited = (retryAfter: string, status = 429): ScriptedReply => ({
    status,
    headers: { "retry-after": retryAfter }
  })

  it.effect.each([429, 503])("with status %s extends the next wait only", (status) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(
        repeatLast(pendingReply, limited("20", status), pendingReply, pendingReply, createdReply)
      )
      yield* within("1 minute", awaitOutcome(ticketId, { schedule: exactSchedule }))
      // By the schedule alone, the second wait is 1.5 s.
      const [first, second = 0, ...others] = gaps(yield* times)
      assert.deepStrictEqual([first, ...others], [1000, 2250, 3375])
      assert.isAtLeast(second, 20_000)
      assert.isAtMost(second, 22_000)
    })
  )

  it.effect("does not shorten a wait", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(repeatLast(limited("3"), createdReply))
      yield* within("1 minute", awaitOutcome(ticketId, { schedule: Schedule.spaced("7 seconds") }))
      assert.deepStrictEqual(yield* times, [0, 7000])
    })
  )

  it.effect("in fractions of a second or as a date by the server's own clock is honored", () =>
    Effect.gen(function* () {
      const date = new Date(3_600_000).toUTCString()
      for (const { earliest, headers, latest } of [
        { headers: { "retry-after": "1.5" }, earliest: 1500, latest: 2500 },
        { headers: { "retry-after": new Date(3_620_000).toUTCString(), date }, earliest: 20_000, latest: 22_000 }
      ]) {
        const { awaitOutcome } = yield* scripted(repeatLast({ status: 503, headers }, createdReply))
        const { after } = yield* within("1 minute", awaitOutcome(ticketId, { schedule: Schedule.spaced("1 second") }))
        assert.isAtLeast(after, earliest)
        assert.isAtMost(after, latest)
      }
    })
  )

  it.effect("spreads the waits that received the same value", () =>
    Effect.gen(function* () {
      const { awaitOutcome, requests } = yield* scripted((request) =>
        Effect.succeed(request.at === 0 ? limited("3") : createdReply)
      )
      yield* within("10 seconds", Effect.replicateEffect(awaitOutcome(ticketId), 500, { concurrency: "unbounded" }))
      const tenths = new Map<number, number>()
      for (const { at } of (yield* requests).slice(500)) {
        assert.isAtLeast(at, 3000)
        const tenth = Math.floor(at / 100)
        tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1)
      }
      assert.isAtMost(Math.max(...tenths.values()), 100)
    })
  )

  it.effect("above the limit of a single call is honored if the deadline allows", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(repeatLast(limited("300"), createdReply), {})
      const { after } = yield* within("1 hour", awaitOutcome(ticketId))
      assert.deepStrictEqual(yield* times, [0, after])
      assert.isAtLeast(after, 300_000)
      assert.isAtMost(after, 330_000)
    })
  )

  it.effect("above an hour counts as an hour", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(repeatLast(limited("99999999999"), createdReply), {})
      const { after } = yield* within("2 hours", awaitOutcome(ticketId, { deadline: Duration.infinity }))
      assert.deepStrictEqual(yield* times, [0, after])
      assert.isAtLeast(after, 3_600_000)
      assert.isAtMost(after, 3_960_000)
    })
  )

  it.effect("beyond the deadline does not move the deadline", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(limited("86400")))
      const { after, error } = yield* failsPending("1 day", awaitOutcome(ticketId))
      assert.strictEqual(after, 900_000)
      assert.deepStrictEqual(yield* times, [0])
      const reason = lastReasonOf(error)
      assert(reason?._tag === "RateLimited")
      assert.deepStrictEqual(reason.retryAfter, Duration.days(1))
    })
  )
})
