import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import {
  InvalidRequest,
  RateLimited,
  type RetryPolicy,
  RipioHttpError,
  type RipioHttpErrorReason,
  ServerFailed,
  TimedOut,
  TransportFailed,
  UnexpectedResponse
} from "../../src/index.ts"
import {
  honorRetryAfter,
  isTransient,
  lengthen,
  parseRetryAfter,
  requestedDelay,
  retrySchedule,
  wasNotSent,
  withJitter
} from "../../src/internal/http/retry.ts"
import { draws } from "../support/virtualTime.ts"

const errorOf = (reason: RipioHttpErrorReason) => new RipioHttpError({ operation: "test", attempts: 1, reason })

const transportFailed = (mayHaveBeenSent: boolean) => new TransportFailed({ description: "reset", mayHaveBeenSent })
const timedOut = new TimedOut({ after: Duration.seconds(10) })
const unexpected = new UnexpectedResponse({ status: 200, issue: "ok: Missing key", excerpt: "{}" })
const invalid = new InvalidRequest({ issue: "ticketId: expected a UUID" })

describe("isTransient", () => {
  it("is true for a failed connection, a timeout and a 429", () => {
    assert.isTrue(isTransient(errorOf(transportFailed(true))))
    assert.isTrue(isTransient(errorOf(transportFailed(false))))
    assert.isTrue(isTransient(errorOf(timedOut)))
    assert.isTrue(isTransient(errorOf(new RateLimited({ status: 429 }))))
  })

  it("is false for a call that the gate did not send", () => {
    assert.isFalse(isTransient(errorOf(new RateLimited({ status: 429, mayHaveBeenSent: false }))))
  })

  it("is true for 408, 500, 502 to 504 and 520 to 524, of all statuses of a failed server", () => {
    const statuses = [408, ...Array.from({ length: 100 }, (_, index) => 500 + index)]
    assert.deepStrictEqual(
      statuses.filter((status) => isTransient(errorOf(new ServerFailed({ status })))),
      [408, 500, 502, 503, 504, 520, 521, 522, 523, 524]
    )
  })

  it("is false for an undocumented response and for an invalid request", () => {
    assert.isFalse(isTransient(errorOf(unexpected)))
    assert.isFalse(isTransient(errorOf(invalid)))
  })
})

describe("wasNotSent", () => {
  it("is true only for a failed connection or a timeout before anything was sent", () => {
    assert.isTrue(wasNotSent(errorOf(transportFailed(false))))
    assert.isTrue(wasNotSent(errorOf(new TimedOut({ after: Duration.seconds(10), mayHaveBeenSent: false }))))
    for (const reason of [
      transportFailed(true),
      timedOut,
      new RateLimited({ status: 429 }),
      // The gate held it back. The caller has to know now.
      new RateLimited({ status: 429, mayHaveBeenSent: false }),
      new ServerFailed({ status: 503 }),
      unexpected,
      invalid
    ]) {
      assert.isFalse(wasNotSent(errorOf(reason)))
    }
  })
})

describe("parseRetryAfter", () => {
  const now = Date.UTC(2026, 5, 26, 14, 30)
  const dateAt = (offset: number) => new Date(now + offset).toUTCString()

  it.each([
    { header: "0", millis: 0 },
    { header: "1", millis: 1000 },
    { header: " 7 ", millis: 7000 },
    { header: "007", millis: 7000 },
    { header: "3000000", millis: 3_000_000_000 },
    { header: "0.5", millis: 500 },
    { header: "1.5", millis: 1500 },
    { header: " 1.250 ", millis: 1250 },
    { header: "1.1", millis: 1100 },
    { header: "0.0", millis: 0 },
    { header: "60.001", millis: 60_001 },
    { header: dateAt(45_000), millis: 45_000 },
    { header: dateAt(0), millis: 0 },
    { header: dateAt(-3_600_000), millis: 0 },
    { header: "Friday, 26-Jun-26 14:30:45 GMT", millis: 45_000 },
    { header: "Fri Jun 26 14:30:45 2026", millis: 45_000 },
    { header: "Fri, 26 Jun 2026 14:30:60 GMT", millis: 60_000 }
  ])('reads "$header" as $millis ms', ({ header, millis }) => {
    const parsed = parseRetryAfter(header, undefined, now)
    assert(parsed !== undefined)
    assert.strictEqual(Duration.toMillis(parsed), millis)
  })

  it.each([
    "",
    " ",
    "-5",
    "-0.5",
    "+5",
    ".5",
    "5.",
    "1,5",
    "1.5.5",
    "1.5s",
    "3e6",
    "1.5e3",
    "0x10",
    "Infinity",
    "NaN",
    "soon",
    "5 seconds",
    "5, 10",
    "5 10",
    "2026-06-26T14:30:45.000Z",
    "Fri, 99 Jun 2026 14:30:45 GMT",
    "Fri, 26 Jun 2026 14:30:45 CET",
    "١"
  ])('ignores "%s"', (header) => {
    assert.isUndefined(parseRetryAfter(header, undefined, now))
  })

  it.each([64, 65, 400, 16_384])("reads the first 64 of %s digits, which is long enough", (count) => {
    for (const header of ["9".repeat(count), `9.${"9".repeat(count)}`]) {
      const parsed = parseRetryAfter(header, undefined, now)
      assert(parsed !== undefined)
      assert.isBelow(Duration.format(parsed).length, 200)
    }
  })

  it("counts a date from the Date of the response, however far the server's clock is off", () => {
    for (const offset of [0, 3_600_000, -3_600_000, 86_400_000, -86_400_000]) {
      const parsed = parseRetryAfter(dateAt(offset + 20_000), dateAt(offset), now)
      assert.deepStrictEqual(parsed, Duration.seconds(20))
    }
  })

  it("counts a date from now if the Date of the response is malformed", () => {
    for (const date of ["", "yesterday", "1782484200", "2026-06-26T14:30:00Z", "Fri, 26 Jun 2026 25:00:00 GMT"]) {
      assert.deepStrictEqual(parseRetryAfter(dateAt(20_000), date, now), Duration.seconds(20))
    }
  })

  it("does not apply the Date of the response to seconds", () => {
    assert.deepStrictEqual(parseRetryAfter("20", dateAt(3_600_000), now), Duration.seconds(20))
    assert.deepStrictEqual(parseRetryAfter("1.5", dateAt(3_600_000), now), Duration.millis(1500))
  })
})

describe("requestedDelay", () => {
  it("is the Retry-After of a 429 or of a failed server, if there is one", () => {
    const retryAfter = Duration.seconds(7)
    assert.strictEqual(requestedDelay(errorOf(new RateLimited({ status: 429, retryAfter }))), retryAfter)
    assert.strictEqual(requestedDelay(errorOf(new ServerFailed({ status: 503, retryAfter }))), retryAfter)
    for (const reason of [
      new RateLimited({ status: 429 }),
      new ServerFailed({ status: 503 }),
      transportFailed(false),
      timedOut,
      unexpected,
      invalid
    ]) {
      assert.isUndefined(requestedDelay(errorOf(reason)))
    }
  })
})

describe("withJitter", () => {
  it.each([
    { requested: 1, latest: 1001 },
    { requested: 1000, latest: 2000 },
    { requested: 10_000, latest: 11_000 },
    { requested: 60_000, latest: 66_000 },
    { requested: 3_600_000, latest: 3_960_000 }
  ])("spreads $requested ms up to $latest ms, in whole milliseconds", ({ latest, requested }) => {
    const at = (random: number) => Duration.toMillis(withJitter(Duration.millis(requested), random))
    assert.strictEqual(at(0), requested)
    assert.strictEqual(at(0.5), requested + Math.round((latest - requested) / 2))
    assert.strictEqual(at(1), latest)
    assert.isTrue(Number.isInteger(at(0.123_456)))
  })

  it("keeps an endless delay", () => {
    assert.strictEqual(withJitter(Duration.infinity, 0.5), Duration.infinity)
  })
})

describe("lengthen", () => {
  const seconds = Duration.seconds

  it.effect("is the delay of the schedule, without a random draw, if the response asks for none", () =>
    Effect.gen(function* () {
      const [first] = yield* draws("lengthen", 1)
      const drawnAfter = Effect.gen(function* () {
        for (const requested of [undefined, Duration.zero, seconds(-1)]) {
          assert.deepStrictEqual(yield* lengthen(seconds(2), requested), seconds(2))
        }
        return yield* Random.next
      })
      assert.strictEqual(yield* Random.withSeed(drawnAfter, "lengthen"), first)
    })
  )

  it.effect("is the longer of the schedule's delay and of the requested one with jitter", () =>
    Effect.gen(function* () {
      const [random = 0] = yield* draws("lengthen", 1)
      const seeded = (scheduled: number, requested: number) =>
        Random.withSeed(lengthen(seconds(scheduled), seconds(requested)), "lengthen")
      assert.deepStrictEqual(yield* seeded(2, 20), Duration.millis(20_000 + Math.round(random * 2000)))
      assert.deepStrictEqual(yield* seeded(30, 20), seconds(30))
    })
  )
})

describe("the delays of retrySchedule", () => {
  const failure = errorOf(new ServerFailed({ status: 503 }))

  /** The first delays of a policy, in milliseconds. */
  const delaysOf = (policy: RetryPolicy, count: number, error = failure) =>
    Effect.gen(function* () {
      const step = yield* Schedule.toStep(honorRetryAfter(retrySchedule(policy)))
      const delays: Array<number> = []
      while (delays.length < count) {
        const next = yield* Effect.result(step(0, error))
        if (next._tag === "Failure") break
        delays.push(Duration.toMillis(next.success[1]))
      }
      return delays
    })

  it.effect("are random between zero and a bound that doubles up to its maximum, and as many as the policy says", () =>
    Effect.gen(function* () {
      const randoms = yield* draws("policy", 7)
      const seeded = (policy: RetryPolicy) => Random.withSeed(delaysOf(policy, 9), "policy")
      const expected = (bounds: ReadonlyArray<number>) =>
        bounds.map((bound, index) => Math.round((randoms[index] ?? 0) * bound))
      assert.deepStrictEqual(yield* seeded({}), expected([500, 1000]))
      assert.deepStrictEqual(yield* seeded({ times: 0 }), [])
      assert.deepStrictEqual(yield* seeded({ times: 6 }), expected([500, 1000, 2000, 4000, 8000, 8000]))
      assert.deepStrictEqual(
        yield* seeded({ times: 4, base: "1 second", max: "3 seconds" }),
        expected([1000, 2000, 3000, 3000])
      )
    })
  )

  it.effect("of a custom schedule are its own, but at least 100 ms from the third on", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* delaysOf(Schedule.spaced("1 second"), 4), [1000, 1000, 1000, 1000])
      for (const delay of [0, 1, 99]) {
        assert.deepStrictEqual(yield* delaysOf(Schedule.spaced(delay), 4), [delay, delay, 100, 100])
      }
      assert.deepStrictEqual(yield* delaysOf(Schedule.recurs(3), 9), [0, 0, 100])
    })
  )

  it.effect("are at least what the response asks for, and spread", () =>
    Effect.gen(function* () {
      const limited = errorOf(new RateLimited({ status: 429, retryAfter: Duration.seconds(20) }))
      const seen = new Set<number>()
      for (let seed = 0; seed < 50; seed++) {
        for (const policy of [{}, Schedule.recurs(2)]) {
          const delays = yield* Random.withSeed(delaysOf(policy, 2, limited), seed)
          assert.strictEqual(delays.length, 2)
          for (const delay of delays) {
            assert.isAtLeast(delay, 20_000)
            assert.isAtMost(delay, 22_000)
            seen.add(delay)
          }
        }
      }
      assert.isAbove(seen.size, 90)
    })
  )
})
