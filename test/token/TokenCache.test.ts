import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { Fault } from "../../src/testing/index.ts"
import { delayed, numberedToken, replicate, scriptedAuth } from "../support/auth.ts"
import { onSandbox } from "../support/harness.ts"
import { failsWithin, within } from "../support/virtualTime.ts"

describe("the token cache", () => {
  it.effect("sends one token request for ten thousand concurrent callers", () =>
    onSandbox(({ auth, sandbox }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("1 second"), { on: "token" })
        const { after, exit } = yield* within(
          "1 second",
          Effect.all(replicate(10_000, auth.accessToken), { concurrency: "unbounded" })
        )
        const tokens = yield* exit
        assert.strictEqual(after, 1000)
        assert.strictEqual(tokens.length, 10_000)
        assert.strictEqual(new Set(tokens.map(Redacted.value)).size, 1)
        assert.strictEqual(yield* sandbox.count("token"), 1)
      })
    )
  )

  it.effect("sends no token request before the first call", () =>
    onSandbox(({ sandbox }) => Effect.map(sandbox.count(), (count) => assert.strictEqual(count, 0)))
  )

  it.effect("continues the token request for the other callers when the first is interrupted", () =>
    onSandbox(({ auth, sandbox }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("1 second"), { on: "token" })
        const first = yield* Effect.forkChild(auth.accessToken, { startImmediately: true })
        const others = yield* Effect.forEach(replicate(100, auth.accessToken), (token) =>
          Effect.forkChild(token, { startImmediately: true })
        )
        yield* TestClock.adjust(500)
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust(500)
        const tokens = yield* Fiber.joinAll(others)
        assert.strictEqual(new Set(tokens.map(Redacted.value)).size, 1)
        assert.strictEqual(yield* sandbox.count("token"), 1)
      })
    )
  )

  it.effect("cancels the token request when every caller is interrupted, and sends another for the next caller", () =>
    Effect.gen(function* () {
      let cancelled = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => cancelled++))
      const { times, token } = yield* scriptedAuth([() => hang, numberedToken(1)])
      const callers = yield* Effect.forEach(replicate(10, token), (token) =>
        Effect.forkChild(token, { startImmediately: true })
      )
      yield* TestClock.adjust(5)
      yield* Fiber.interruptAll(callers.slice(1))
      assert.strictEqual(cancelled, 0)
      yield* Fiber.interruptAll(callers)
      assert.strictEqual(cancelled, 1)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* times, [0])
      assert.strictEqual(yield* token, "token-1")
      assert.deepStrictEqual(yield* times, [0, 86_400_005])
    })
  )

  it.effect("fails every waiting caller when the token request fails, and sends another for the next caller", () =>
    Effect.gen(function* () {
      const failure = delayed({ status: 501 }, 100)
      const { times, token } = yield* scriptedAuth([failure, failure, numberedToken(1)])
      const { exit } = yield* within(100, Effect.all(replicate(100, Effect.exit(token)), { concurrency: "unbounded" }))
      assert.isTrue((yield* exit).every(Exit.isFailure))
      assert.deepStrictEqual(yield* times, [0])
      yield* failsWithin(100, token)
      assert.strictEqual(yield* token, "token-1")
      assert.deepStrictEqual(yield* times, [0, 100, 200])
    })
  )
})
