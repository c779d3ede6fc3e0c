import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { Fault, type ScriptedReply } from "../../src/testing/index.ts"
import { onSandbox, scriptedHttp } from "../support/harness.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { always, ok } from "../support/replies.ts"
import { failsWithin, fieldsOf, gaps, within } from "../support/virtualTime.ts"

const withRetryAfter = (retryAfter: string, status = 429): ScriptedReply => ({
  status,
  headers: { "retry-after": retryAfter }
})

const now = Date.UTC(2026, 5, 26, 14, 30)

describe("Retry-After", () => {
  // The schedule alone retries after a millisecond.
  const retry = Schedule.max([Schedule.spaced(1), Schedule.recurs(1)])

  /** Asserts that a 429 and a 503 with these headers delay the retry, by a time from the first to the second delay. */
  const assertDelay = (headers: Readonly<Record<string, string>>, earliest: number, latest = earliest) =>
    Effect.gen(function* () {
      for (const status of [429, 503]) {
        yield* TestClock.setTime(now)
        const { get, times } = yield* scriptedHttp([{ status, headers }, ok], { retry })
        const { after, exit } = yield* within("1 hour", get)
        assert.deepStrictEqual(exit, Exit.succeed({ ok: true }))
        assert.deepStrictEqual(gaps(yield* times), [after])
        assert.isAtLeast(after, earliest)
        assert.isAtMost(after, latest)
      }
    })

  it.effect.each([
    { retryAfter: "1", earliest: 1000, latest: 2000 },
    { retryAfter: "7", earliest: 7000, latest: 8000 },
    { retryAfter: " 7 ", earliest: 7000, latest: 8000 },
    { retryAfter: "007", earliest: 7000, latest: 8000 },
    { retryAfter: "0.5", earliest: 500, latest: 1500 },
    { retryAfter: "1.5", earliest: 1500, latest: 2500 },
    { retryAfter: "60", earliest: 60_000, latest: 66_000 },
    { retryAfter: "Fri, 26 Jun 2026 14:30:20 GMT", earliest: 20_000, latest: 22_000 },
    { retryAfter: "Fri, 26 Jun 2026 14:31:00 GMT", earliest: 60_000, latest: 66_000 }
  ])('delays the retry by $earliest ms to $latest ms: "$retryAfter"', ({ earliest, latest, retryAfter }) =>
    assertDelay({ "retry-after": retryAfter }, earliest, latest)
  )

  it.effect.each([
    { name: "zero seconds", retryAfter: "0" },
    { name: "the current date", retryAfter: "Fri, 26 Jun 2026 14:30:00 GMT" },
    { name: "a date in the past", retryAfter: "Fri, 26 Jun 2026 14:29:00 GMT" },
    { name: "the epoch", retryAfter: "Thu, 01 Jan 1970 00:00:00 GMT" },
    { name: "a negative number", retryAfter: "-5" },
    { name: "an exponent", retryAfter: "3e6" },
    { name: "a hexadecimal number", retryAfter: "0x10" },
    { name: "a word", retryAfter: "soon" },
    { name: "an empty value", retryAfter: "" },
    { name: "two numbers", retryAfter: "7, 9" }
  ])('adds no delay for $name: "$retryAfter"', ({ retryAfter }) => assertDelay({ "retry-after": retryAfter }, 1))

  it.effect.each(["-1 day", "-1 hour", "-1 minute", "1 minute", "1 hour", "1 day"] as const)(
    "with a date counts from the response's own Date if the server's clock is off by %s",
    (offset) => {
      const server = now + Duration.toMillis(offset)
      const date = new Date(server).toUTCString()
      const retryAfter = new Date(server + 20_000).toUTCString()
      return assertDelay({ date, "retry-after": retryAfter }, 20_000, 22_000)
    }
  )

  it.effect("spreads the callers that received the same value", () =>
    Effect.gen(function* () {
      const spread = Effect.fnUntraced(function* (retryAfter: string) {
        const delays: Array<number> = []
        for (let seed = 0; seed < 200; seed++) {
          const { get } = yield* scriptedHttp([withRetryAfter(retryAfter), ok], { retry })
          delays.push((yield* within("2 minutes", Random.withSeed(get, seed))).after)
        }
        return { first: Math.min(...delays), last: Math.max(...delays), distinct: new Set(delays).size }
      })
      for (const { retryAfter, seconds, window } of [
        { retryAfter: "2", seconds: 2, window: 1000 },
        { retryAfter: "60", seconds: 60, window: 6000 }
      ]) {
        const { distinct, first, last } = yield* spread(retryAfter)
        assert.isAtLeast(first, seconds * 1000)
        assert.isBelow(first, seconds * 1000 + window / 20)
        assert.isAtMost(last, seconds * 1000 + window)
        assert.isAbove(last, seconds * 1000 + window * 0.95)
        assert.isAbove(distinct, 150)
      }
    })
  )

  it.effect("does not shorten a longer delay of the schedule", () =>
    Effect.gen(function* () {
      const retry = Schedule.max([Schedule.spaced("30 seconds"), Schedule.recurs(1)])
      const { get, times } = yield* scriptedHttp([withRetryAfter("7"), ok], { retry })
      yield* within("1 hour", get)
      assert.deepStrictEqual(yield* times, [0, 30_000])
    })
  )

  it.effect("delays only the next retry of the default policy", () =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp([withRetryAfter("20"), { status: 503 }, ok])
      yield* within("1 hour", get)
      const [first = 0, second = 0] = gaps(yield* times)
      assert.isAtLeast(first, 20_000)
      assert.isAtMost(first, 22_000)
      assert.isAtMost(second, 1000)
    })
  )

  it.effect.each([
    { retryAfter: "60.5", expected: Duration.millis(60_500) },
    { retryAfter: "61", expected: Duration.seconds(61) },
    { retryAfter: "3600", expected: Duration.hours(1) },
    { retryAfter: "86400", expected: Duration.days(1) },
    { retryAfter: "3000000", expected: Duration.seconds(3_000_000) },
    {
      retryAfter: "99999999999999999999",
      expected: Duration.nanos(99_999_999_999_999_999_999_000_000_000n)
    },
    { retryAfter: "Fri, 26 Jun 2026 14:31:01 GMT", expected: Duration.seconds(61) },
    { retryAfter: "Tue, 26 Jun 2029 14:30:00 GMT", expected: Duration.days(1096) }
  ])('above 60 s fails the call at once and reports the delay: "$retryAfter"', ({ expected, retryAfter }) =>
    Effect.gen(function* () {
      for (const status of [429, 408, 500, 503]) {
        yield* TestClock.setTime(now)
        const { get, times } = yield* scriptedHttp(always(withRetryAfter(retryAfter, status)), { retry: { times: 5 } })
        const { after, error } = yield* failsWithin("1 minute", get)
        assert.deepInclude(error, { _tag: "RipioHttpError", attempts: 1 })
        const reason = reasonOf(error)
        assert(reason._tag === "RateLimited")
        assert.strictEqual(reason.status, status)
        assert.isTrue(Duration.equals(reason.retryAfter ?? Duration.zero, expected))
        assert.deepStrictEqual({ times: yield* times, after }, { times: [now], after: 0 })
      }
    })
  )

  it.effect.each(["-1 hour", "1 hour"] as const)(
    "above 60 s by the server's own clock fails the call at once, if that clock is off by %s",
    (offset) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(now)
        const server = now + Duration.toMillis(offset)
        const headers = {
          date: new Date(server).toUTCString(),
          "retry-after": new Date(server + 61_000).toUTCString()
        }
        const { get } = yield* scriptedHttp(always({ status: 503, headers }))
        const { after, error } = yield* failsWithin("1 minute", get)
        assert.strictEqual(after, 0)
        const reason = reasonOf(error)
        assert.deepStrictEqual(fieldsOf(reason), {
          _tag: "RateLimited",
          status: 503,
          retryAfter: Duration.seconds(61)
        })
      })
  )

  it.effect("is part of the error after the last attempt", () =>
    Effect.gen(function* () {
      const { get } = yield* scriptedHttp(always(withRetryAfter("7")), { retry: { times: 0 } })
      const reason = reasonOf(yield* Effect.flip(get))
      assert.deepStrictEqual(fieldsOf(reason), { _tag: "RateLimited", status: 429, retryAfter: Duration.seconds(7) })
    })
  )

  it.effect("of the token endpoint delays the token request, or fails the call at once above 60 s", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed()
        yield* sandbox.inject(Fault.rateLimited({ retryAfter: 61 }), { on: "token" })
        const { after, error } = yield* failsWithin("1 minute", tickets.retrieve(id))
        assert.deepStrictEqual({ after, reason: reasonOf(error)._tag }, { after: 0, reason: "RateLimited" })
        yield* sandbox.inject(Fault.rateLimited({ retryAfter: 30 }), { on: "token" })
        const { after: delay } = yield* within("1 minute", tickets.retrieve(id))
        assert.isAtLeast(delay, 30_000)
        assert.isAtMost(delay, 33_000)
        assert.strictEqual(yield* sandbox.count("token"), 3)
      })
    )
  )
})
