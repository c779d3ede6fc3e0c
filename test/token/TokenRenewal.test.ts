import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Fault, type ScriptedReply } from "../../src/testing/index.ts"
import { delayed, numberedToken, replicate, scriptedAuth } from "../support/auth.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { onSandbox } from "../support/harness.ts"
import { failsWithin, within } from "../support/virtualTime.ts"

const atOnce = <A>(value: A) => ({ exit: Exit.succeed(value), after: 0 })
const unique = (tokens: ReadonlyArray<string>) => [...new Set(tokens)]

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

  it.effect("that times out before the old token expires leaves it in use, and no call waits", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), "hang", numberedToken(2, 100)])
      yield* token
      for (const at of [50_000, 55_000, 60_000, 64_999]) {
        yield* TestClock.setTime(at)
        assert.deepStrictEqual(yield* within(0, token), atOnce("token-1"))
      }
      yield* TestClock.setTime(65_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 50_000, 65_000])
    })
  )

  it.effect("is in flight once, and no call waits, while the token endpoint is silent in the last minute", () =>
    Effect.gen(function* () {
      let [inFlight, maxInFlight] = [0, 0]
      const hang = Effect.acquireUseRelease(
        Effect.sync(() => {
          maxInFlight = Math.max(maxInFlight, ++inFlight)
        }),
        () => Effect.never,
        () => Effect.sync(() => inFlight--)
      )
      const { times, token } = yield* scriptedAuth((_, index) =>
        index === 0 ? Effect.succeed(numberedToken(1)) : hang
      )
      yield* token
      for (let at = 3_540_000; at < 3_600_000; at += 100) {
        yield* TestClock.setTime(at)
        const calls = yield* within(0, Effect.all(replicate(10, token), { concurrency: "unbounded" }))
        assert.deepStrictEqual(calls, atOnce(Array.from(replicate(10, "token-1"))))
      }
      assert.strictEqual(maxInFlight, 1)
      assert.deepStrictEqual(yield* times, [0, 3_540_000, 3_555_000, 3_570_000, 3_585_000])
    })
  )

  it.effect("does not delay any call to the API while the token endpoint is slow or silent", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ outcome: "Pending" })
          yield* tickets.retrieve(id)
          for (const fault of [Fault.latency("9 seconds"), Fault.hang, Fault.refused, Fault.status(503)]) {
            yield* sandbox.inject(fault, { on: "token" })
          }
          yield* TestClock.adjust("59 minutes")
          for (let second = 0; second < 60; second++) {
            assert.strictEqual((yield* within(0, tickets.retrieve(id))).after, 0)
            yield* TestClock.adjust("1 second")
          }
          assert.strictEqual(yield* sandbox.count("retrieve"), 61)
          // The slow response arrived after nine seconds, and that token is not due for renewal.
          assert.strictEqual(yield* sandbox.count("token"), 2)
          yield* TestClock.adjust("58 minutes")
          for (let second = 0; second < 60; second++) {
            assert.strictEqual((yield* within(0, tickets.retrieve(id))).after, 0)
            yield* TestClock.adjust("1 second")
          }
          assert.strictEqual(yield* sandbox.count("token"), 6)
        }),
      { tokenLifetime: "1 hour" }
    )
  )

  it.effect("sends one request for ten thousand concurrent callers, and none of them waits", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), delayed(numberedToken(2, 100), 5000)])
      yield* token
      yield* TestClock.setTime(50_000)
      const all = Effect.all(replicate(10_000, token), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* within(0, Effect.map(all, unique)), atOnce(["token-1"]))
      yield* TestClock.setTime(55_000)
      assert.deepStrictEqual(unique(yield* all), ["token-2"])
      assert.deepStrictEqual(yield* times, [0, 50_000])
    })
  )

  it.effect("goes on when the call that started it has ended", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), delayed(numberedToken(2, 100), 1000)])
      yield* token
      yield* TestClock.setTime(50_000)
      yield* Fiber.interrupt(yield* Effect.forkChild(token, { startImmediately: true }))
      yield* TestClock.setTime(51_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 50_000])
    })
  )
})

describe("a token that expires during its renewal", () => {
  it.effect("makes ten thousand callers wait for that renewal", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), delayed(numberedToken(2, 100), 8000)])
      yield* token
      yield* TestClock.setTime(95_000)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(100_000)
      const all = Effect.all(replicate(10_000, token), { concurrency: "unbounded" })
      const { after, exit } = yield* within("10 seconds", Effect.map(all, unique))
      assert.deepStrictEqual({ after, tokens: yield* exit }, { after: 3000, tokens: ["token-2"] })
      assert.deepStrictEqual(yield* times, [0, 95_000])
    })
  )

  it.effect("makes callers wait for a new request if that renewal times out", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), "hang", numberedToken(2, 100)])
      yield* token
      yield* TestClock.setTime(95_000)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(100_000)
      const all = Effect.all(replicate(100, token), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* within("10 seconds", Effect.map(all, unique)), {
        exit: Exit.succeed(["token-2"]),
        after: 5000
      })
      assert.deepStrictEqual(yield* times, [0, 95_000, 105_000])
    })
  )

  it.effect("fails callers with TimedOut in bounded time if the token endpoint stays silent", () =>
    Effect.gen(function* () {
      const silent = (_: unknown, index: number) =>
        Effect.succeed<ScriptedReply>(index === 0 ? numberedToken(1, 100) : "hang")
      const { times, token } = yield* scriptedAuth(silent, { retry: { times: 1, base: 1, max: 1 } })
      yield* token
      yield* TestClock.setTime(95_000)
      yield* token
      yield* TestClock.setTime(100_000)
      const { after, error } = yield* failsWithin("1 minute", token)
      assert(error._tag === "RipioHttpError" && error.reason._tag === "TimedOut")
      assert.deepInclude(error, { operation: "accessToken", attempts: 2 })
      // The rest of the renewal, and two attempts of 10 s with at most 1 ms between them.
      assert.isAtLeast(after, 25_000)
      assert.isAtMost(after, 25_001)
      assert.strictEqual((yield* times).length, 4)
    })
  )

  it.effect("leaves the renewal in flight if every waiting caller is interrupted", () =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([numberedToken(1, 100), delayed(numberedToken(2, 100), 8000)])
      yield* token
      yield* TestClock.setTime(95_000)
      yield* token
      yield* TestClock.setTime(100_000)
      const callers = yield* Effect.forEach(replicate(10, token), (token) =>
        Effect.forkChild(token, { startImmediately: true })
      )
      yield* TestClock.setTime(101_000)
      yield* Fiber.interruptAll(callers)
      yield* TestClock.setTime(103_000)
      assert.deepStrictEqual(yield* within(0, token), atOnce("token-2"))
      assert.deepStrictEqual(yield* times, [0, 95_000])
    })
  )
})

describe("a renewal that fails", () => {
  const logged = (reply: ScriptedReply, test: "waits" | "expires" | "invalidates") =>
    Effect.gen(function* () {
      const { accessToken, invalidate, times, token } = yield* scriptedAuth([
        numberedToken(1, 100),
        delayed(reply, 8000),
        numberedToken(2, 100)
      ])
      const lines = yield* collectLogs(
        Effect.gen(function* () {
          const first = yield* accessToken
          yield* TestClock.setTime(test === "expires" ? 95_000 : 50_000)
          yield* token
          if (test === "invalidates") yield* invalidate(first)
          yield* TestClock.adjust(8000)
          assert.strictEqual(yield* token, test === "waits" ? "token-1" : "token-2")
          yield* TestClock.adjust(5000)
          assert.strictEqual(yield* token, "token-2")
        })
      )
      assert.strictEqual((yield* times).length, 3)
      return lines
    })

  const stillValid = "Warn: The access token could not be renewed yet. The current one is still valid"
  const notValid = "Warn: The access token could not be renewed. The next call requests a new one"
  const serverFailed = "accessToken: the server failed with status 503 (1 attempt)"

  it.effect.each([
    { test: "waits", line: `${stillValid}: ${serverFailed}` },
    { test: "expires", line: `${notValid}: ${serverFailed}` },
    { test: "invalidates", line: `${notValid}: ${serverFailed}` }
  ] as const)("logs one warning: the current token $test", ({ line, test }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* logged({ status: 503 }, test), [line])
    })
  )

  it.effect("because its client dies logs one warning with the defect, and the current token stays in use", () =>
    Effect.gen(function* () {
      const defect = new Error("a bug in the client")
      const warnings: Array<Cause.Cause<unknown>> = []
      const logger = Logger.make(({ cause }) => warnings.push(cause))
      const { token } = yield* scriptedAuth([numberedToken(1, 100), () => Effect.die(defect), numberedToken(2, 100)])
      yield* Effect.gen(function* () {
        yield* token
        yield* TestClock.setTime(50_000)
        for (let call = 0; call < 10; call++) assert.strictEqual(yield* token, "token-1")
        yield* TestClock.setTime(55_000)
        assert.strictEqual(yield* token, "token-2")
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(warnings.map(Cause.squash), [defect])
    })
  )
})

describe("a layer that closes during a renewal", () => {
  it.effect.each([
    { caller: "an interruptible call", uninterruptible: false },
    { caller: "an uninterruptible call", uninterruptible: true }
  ])("interrupts the renewal, which $caller started, and starts no other", ({ uninterruptible }) =>
    Effect.gen(function* () {
      let cancelled = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => cancelled++))
      const scope = yield* Scope.make()
      const { times, token } = yield* Scope.provide(scriptedAuth([numberedToken(1, 100), () => hang]), scope)
      yield* token
      yield* TestClock.setTime(50_000)
      const lines = yield* collectLogs(
        Effect.gen(function* () {
          assert.strictEqual(yield* uninterruptible ? Effect.uninterruptible(token) : token, "token-1")
          assert.deepStrictEqual(yield* within(0, Scope.close(scope, Exit.void)), atOnce(undefined))
          assert.strictEqual(cancelled, 1)
          yield* TestClock.setTime(99_999)
          assert.strictEqual(yield* token, "token-1")
        })
      )
      assert.deepStrictEqual(lines, [])
      assert.deepStrictEqual(yield* times, [0, 50_000])
    })
  )
})
