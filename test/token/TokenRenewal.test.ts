import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import type { ScriptedReply } from "../../src/testing/index.ts"
import { delayed, numberedToken, replicate, scriptedAuth } from "../support/auth.ts"
import { failsWithin, within } from "../support/virtualTime.ts"

describe("a token renewal", () => {
  const hours = (count: number) => Duration.toMillis(Duration.hours(count))

  it.effect.each([
    { expiresIn: 36_000, renewedAt: hours(10) - 60_000 },
    { expiresIn: 3600, renewedAt: hours(1) - 60_000 },
    { expiresIn: 300, renewedAt: 240_000 },
    { expiresIn: 121, renewedAt: 61_000 },
    { expiresIn: 120, renewedAt: 60_000 },
    { expiresIn: 119, renewedAt: 59_500 },
    { expiresIn: 60, renewedAt: 30_000 },
    { expiresIn: 1, renewedAt: 500 },
    // A token is used for ten hours at most.
    { expiresIn: 36_001, renewedAt: hours(10) - 60_000 },
    { expiresIn: 86_400, renewedAt: hours(10) - 60_000 },
    { expiresIn: 1e12, renewedAt: hours(10) - 60_000 }
  ])("happens exactly $renewedAt ms after the token request if expiresIn is $expiresIn", ({ expiresIn, renewedAt }) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const { times, token } = yield* scriptedAuth([numberedToken(1, expiresIn), numberedToken(2, expiresIn)])
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.adjust(renewedAt - 1)
      assert.strictEqual(yield* token, "token-1")
      assert.strictEqual((yield* times).length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [1_700_000_000_000, 1_700_000_000_000 + renewedAt])
    })
  )

  it.effect("is scheduled from the time of the request, not of a slow response", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([delayed(numberedToken(1, 120), 8000), numberedToken(2, 120)])
      assert.deepStrictEqual(yield* within("8 seconds", token), { exit: Exit.succeed("token-1"), after: 8000 })
      yield* TestClock.setTime(59_999)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(60_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 60_000])
    })
  )

  it.effect("happens for every call if expiresIn is 0, except for calls that wait for the same request", () =>
    Effect.gen(function* () {
      const slowToken = (number: number) => delayed(numberedToken(number, 0), 100)
      const { times, token } = yield* scriptedAuth([slowToken(1), slowToken(2), slowToken(3)])
      const three = Effect.all([token, token, token], { concurrency: "unbounded" })
      assert.deepStrictEqual((yield* within(100, three)).exit, Exit.succeed(["token-1", "token-1", "token-1"]))
      assert.deepStrictEqual((yield* within(100, token)).exit, Exit.succeed("token-2"))
      assert.deepStrictEqual((yield* within(100, token)).exit, Exit.succeed("token-3"))
      assert.deepStrictEqual(yield* times, [0, 100, 200])
    })
  )

  it.effect("is tried every five seconds while it fails, and the old token is used until it expires", () =>
    Effect.gen(function* () {
      const { requests, times, token } = yield* scriptedAuth(
        ({ at }, index) =>
          Effect.succeed(index === 0 ? numberedToken(1, 100) : at < 130_000 ? { status: 503 } : numberedToken(2)),
        { retry: { times: 1, base: 1, max: 1 } }
      )
      assert.strictEqual(yield* token, "token-1")
      for (const at of [49_999, 50_000, 54_999, 55_000, 59_999, 63_000, 67_999, 68_000, 95_500, 99_999]) {
        yield* TestClock.setTime(at)
        assert.strictEqual(yield* token, "token-1")
      }
      assert.deepStrictEqual(yield* times, [0, 50_000, 55_000, 63_000, 68_000, 95_500])

      // The old token has expired: the token request is retried as for the first call.
      yield* TestClock.setTime(100_000)
      const { error } = yield* failsWithin(1, token)
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken", attempts: 2 })
      assert.strictEqual((yield* requests).length, 8)

      yield* TestClock.setTime(130_000)
      assert.strictEqual(yield* token, "token-2")
    })
  )

  const failures: ReadonlyArray<{ readonly name: string; readonly reply: ScriptedReply }> = [
    { name: "no connection", reply: "refused" },
    { name: "refused credentials", reply: { status: 401, json: { error: "invalid_client" } } },
    { name: "a body without a token", reply: { status: 200, json: {} } },
    { name: "a Retry-After above the limit", reply: { status: 429, headers: { "retry-after": "3600" } } }
  ]

  it.effect.each(failures)("that fails before the old token expires leaves it in use: $name", ({ reply }) =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), reply, numberedToken(2, 100)])
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(50_000)
      assert.deepStrictEqual(yield* Effect.all([token, token], { concurrency: "unbounded" }), ["token-1", "token-1"])
      yield* TestClock.setTime(55_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 50_000, 55_000])
    })
  )

  it.effect("that times out before the old token expires leaves it in use", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), "hang", numberedToken(2, 100)])
      yield* token
      yield* TestClock.setTime(50_000)
      assert.deepStrictEqual(yield* within("10 seconds", token), { exit: Exit.succeed("token-1"), after: 10_000 })
      yield* TestClock.setTime(64_999)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(65_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 50_000, 65_000])
    })
  )

  it.effect("is tried again if it times out after the old token has expired", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), "hang", numberedToken(2, 100)])
      yield* token
      yield* TestClock.setTime(95_000)
      assert.deepStrictEqual(yield* within("10 seconds", token), { exit: Exit.succeed("token-2"), after: 10_000 })
      assert.deepStrictEqual(yield* times, [0, 95_000, 105_000])
    })
  )

  it.effect("sends one request for ten thousand concurrent callers", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), numberedToken(2, 100)])
      yield* token
      yield* TestClock.setTime(50_000)
      const tokens = yield* Effect.all(replicate(10_000, token), { concurrency: "unbounded" })
      assert.deepStrictEqual([...new Set(tokens)], ["token-2"])
      assert.deepStrictEqual(yield* times, [0, 50_000])
    })
  )
})
