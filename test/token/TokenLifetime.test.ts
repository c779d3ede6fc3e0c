import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import { delayed, numberedToken, replicate, scriptedAuth } from "../support/auth.ts"
import { onSandbox, type Script } from "../support/harness.ts"
import { tokenResponse } from "../support/replies.ts"
import { gaps, within } from "../support/virtualTime.ts"

/** Calls at a fixed interval. */
const callsEvery = <A, E>(millis: number, count: number, call: Effect.Effect<A, E>) =>
  Effect.forEach(replicate(count, call), (call) => Effect.tap(call, () => TestClock.adjust(millis)))

const shortLifetimes = [0, 1e-9, 0.5, 0.999, "0", "0.5"]

describe("a lifetime under one second", () => {
  const shortTokens = (expiresIn: unknown) =>
    scriptedAuth((_, index) => Effect.succeed(numberedToken(index + 1, expiresIn)))

  it.effect.each(shortLifetimes)("counts as ten seconds: %j", (expiresIn) =>
    Effect.gen(function* () {
      const { times, token } = yield* shortTokens(expiresIn)
      for (const at of [0, 4999]) {
        yield* TestClock.setTime(at)
        assert.strictEqual(yield* token, "token-1")
      }
      // Renewed after half of it, and requested anew after all of it.
      for (const at of [5000, 15_000]) {
        yield* TestClock.setTime(at)
        yield* token
      }
      assert.deepStrictEqual(yield* times, [0, 5000, 15_000])
    })
  )

  it.effect.each(shortLifetimes)("does not cause a token request for every call: %j", (expiresIn) =>
    Effect.gen(function* () {
      const { times, token } = yield* shortTokens(expiresIn)
      yield* Effect.all(replicate(1000, token), { concurrency: "unbounded" })
      yield* callsEvery(1, 1000, token)
      assert.strictEqual((yield* times).length, 1)
      // An hour of calls.
      yield* callsEvery(1000, 3600, token)
      assert.isAtMost((yield* times).length, 721)
      assert.isAtLeast(Math.min(...gaps(yield* times)), 5000)
    })
  )

  it.effect("costs a call at most one repetition if the API refuses the expired token", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ outcome: "Pending" })
          // Each token expires after 400 ms, and its lifetime is sent as 0: the fifth call with it is refused.
          yield* callsEvery(100, 400, tickets.retrieve(id))
          assert.strictEqual(yield* sandbox.count("token"), 100)
          assert.strictEqual(yield* sandbox.count("retrieve"), 499)
        }),
      { tokenLifetime: "400 millis" }
    )
  )
})

describe("a token that arrives after its lifetime", () => {
  it.effect("serves every caller that waited for it, and the next caller requests another", () =>
    Effect.gen(function* () {
      const slow: Script = (_, index) => delayed(numberedToken(index + 1, 1), 3000)()
      const { times, token } = yield* scriptedAuth(slow)
      const hundred = Effect.all(replicate(100, token), { concurrency: "unbounded" })
      for (const number of [1, 2, 3]) {
        assert.deepStrictEqual(yield* within("3 seconds", hundred), {
          exit: Exit.succeed(Array.from(replicate(100, `token-${number}`))),
          after: 3000
        })
      }
      assert.deepStrictEqual(yield* times, [0, 3000, 6000])
    })
  )
})

describe("a token endpoint that returns the same token with its remaining lifetime", () => {
  it.effect.each([
    { title: "in whole seconds", remaining: (millis: number) => Math.floor(millis / 1000) },
    { title: "in fractions", remaining: (millis: number) => millis / 1000 },
    { title: "in digits as text", remaining: (millis: number) => `${Math.ceil(millis / 1000)}` }
  ])("receives a dozen requests an hour: $title", ({ remaining }) =>
    Effect.gen(function* () {
      const lifetime = 3_600_000
      const { times, token } = yield* scriptedAuth(({ at }) =>
        Effect.succeed(tokenResponse(`token-${Math.floor(at / lifetime)}`, remaining(lifetime - (at % lifetime))))
      )
      for (let call = 0; call < 7200; call++) {
        const now = yield* Clock.currentTimeMillis
        const issued = Number((yield* token).slice("token-".length)) * lifetime
        // The API refuses it from then on, and it is replaced at once.
        assert.isBelow(now - issued, lifetime + 10_000)
        yield* TestClock.adjust("1 second")
      }
      assert.isAtMost((yield* times).length, 24)
    })
  )

  it.effect("receives one request for a thousand calls, whatever remains", () =>
    Effect.gen(function* () {
      for (const seconds of [59, 30, 20, 10, 5, 1, 0]) {
        const { times, token } = yield* scriptedAuth(() => Effect.succeed(tokenResponse("token", seconds)))
        for (let call = 0; call < 1000; call++) yield* token
        assert.strictEqual((yield* times).length, 1)
      }
    })
  )
})
