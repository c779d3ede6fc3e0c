import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { delayed, numberedToken, replicate, scriptedAuth } from "../support/auth.ts"
import type { Script } from "../support/harness.ts"

const days = (count: number) => Duration.toMillis(Duration.days(count))
const minutes = (count: number) => Duration.toMillis(Duration.minutes(count))

/** Responds with `token-1`, `token-2` and so on, each valid for an hour. */
const hourlyTokens: Script = (_, index) => Effect.succeed(numberedToken(index + 1))

/**
 * `AuthService`, called on a clock whose wall can be set. `TestClock` drives the elapsed time, and with it all timers and
 * the monotonic clock.
 */
const onAdjustableWall = (script: Script) =>
  Effect.gen(function* () {
    const { times, token } = yield* scriptedAuth(script)
    const clock = yield* Clock.Clock
    let wall = 1_700_000_000_000
    const currentTimeMillisUnsafe = () => clock.currentTimeMillisUnsafe() + wall
    const adjustable: Clock.Clock = {
      currentTimeMillisUnsafe,
      currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
      currentTimeNanosUnsafe: () => BigInt(currentTimeMillisUnsafe()) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => BigInt(currentTimeMillisUnsafe()) * 1_000_000n),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => clock.sleep(duration)
    }
    return {
      token: Effect.provideService(token, Clock.Clock, adjustable),
      requests: Effect.map(times, ({ length }) => length),
      /** Changes the wall clock by so many milliseconds. */
      setWall: (change: number) => {
        wall += change
      }
    }
  })

describe("a token whose wall clock is set", () => {
  it.effect.each([1, 30])("%s days back is renewed and expires after the same elapsed time", (count) =>
    Effect.gen(function* () {
      const { requests, setWall, token } = yield* onAdjustableWall(hourlyTokens)
      yield* token
      setWall(-days(count))
      yield* TestClock.adjust(minutes(59) - 1)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* token, "token-2")
      setWall(-days(count))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* token, "token-3")
      assert.strictEqual(yield* requests, 3)
    })
  )

  it.effect.each([1, 30])("%s days forward is replaced once", (count) =>
    Effect.gen(function* () {
      const { requests, setWall, token } = yield* onAdjustableWall(hourlyTokens)
      yield* token
      setWall(days(count))
      for (let minute = 0; minute < 59; minute++) {
        assert.strictEqual(yield* token, "token-2")
        yield* TestClock.adjust("1 minute")
      }
      assert.strictEqual(yield* requests, 2)
    })
  )

  it.effect("back and forth causes at most one request for each time it is set forward", () =>
    Effect.gen(function* () {
      const { requests, setWall, token } = yield* onAdjustableWall(hourlyTokens)
      const calls = Effect.all(replicate(100, token))
      for (let round = 0; round < 10; round++) {
        setWall(-days(3))
        yield* calls
        setWall(days(3))
        yield* calls
      }
      assert.isAtMost(yield* requests, 11)
    })
  )

  it.effect.each([-3, 3])("during the token request (%s days) serves its caller and is renewed in time", (count) =>
    Effect.gen(function* () {
      const { requests, setWall, token } = yield* onAdjustableWall([
        delayed(numberedToken(1), 1000),
        numberedToken(2),
        numberedToken(3)
      ])
      const request = yield* Effect.forkChild(token, { startImmediately: true })
      setWall(days(count))
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* yield* Effect.fromNullishOr(request.pollUnsafe()), "token-1")
      // Set back, it is used until 59 minutes have gone by. Set forward, it looks three days old.
      assert.strictEqual(yield* token, count < 0 ? "token-1" : "token-2")
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* token, count < 0 ? "token-2" : "token-3")
      assert.strictEqual(yield* requests, count < 0 ? 2 : 3)
    })
  )

  it.effect("back after a failed renewal is renewed five seconds later", () =>
    Effect.gen(function* () {
      const { requests, setWall, token } = yield* onAdjustableWall([
        numberedToken(1),
        { status: 503 },
        numberedToken(2)
      ])
      yield* token
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* token, "token-1")
      setWall(-days(3))
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* token, "token-2")
      assert.strictEqual(yield* requests, 3)
    })
  )
})

describe("a token on a host that is suspended", () => {
  it.effect("expires although the monotonic clock stands still", () =>
    Effect.gen(function* () {
      const { requests, setWall, token } = yield* onAdjustableWall(hourlyTokens)
      yield* token
      setWall(minutes(60))
      assert.strictEqual(yield* token, "token-2")
      assert.strictEqual(yield* requests, 2)
    })
  )
})
