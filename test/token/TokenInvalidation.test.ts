import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { Fault, type ScriptedReply } from "../../src/testing/index.ts"
import { authorizationOf, delayed, numberedToken, replicate, scriptedAccount, scriptedAuth } from "../support/auth.ts"
import { apiErrors, created, ticketId } from "../support/fixtures.ts"
import { onSandbox } from "../support/harness.ts"
import { always, json } from "../support/replies.ts"
import { failsWithin, fieldsOf, within } from "../support/virtualTime.ts"

const refused: ScriptedReply = { status: 401, json: apiErrors.notAuthenticated }

/** A token endpoint that responds with `token-1`, `token-2` and so on. */
const nextToken = (index: number) => Effect.succeed(numberedToken(index + 1))

describe("a token that the API refuses", () => {
  it.effect.each([401, 403] as const)("is replaced, and the call is repeated once: 40001 with status %s", (status) =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Pending" })
        yield* sandbox.inject(Fault.unauthenticated(status))
        assert.strictEqual((yield* tickets.retrieve(id))._tag, "Pending")
        assert.deepStrictEqual(
          (yield* sandbox.requests).map(({ route, status }) => ({ route, status })),
          [
            { route: "token", status: 200 },
            { route: "retrieve", status },
            { route: "token", status: 200 },
            { route: "retrieve", status: 200 }
          ]
        )
        yield* tickets.retrieve(id)
        assert.strictEqual(yield* sandbox.count("token"), 2)
      })
    )
  )

  it.effect.each([401, 403] as const)(
    "twice in one call fails the call with Unauthenticated: 40001 with status %s",
    (status) =>
      onSandbox(({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed()
          yield* sandbox.inject(Fault.unauthenticated(status), { times: "forever" })
          const { error } = yield* failsWithin("1 minute", tickets.retrieve(id))
          assert.deepStrictEqual(fieldsOf(error), {
            ...apiErrors.notAuthenticated,
            _tag: "Unauthenticated",
            refused: "token",
            attempts: 2,
            status,
            requestId: "sandbox-request-4"
          })
          assert.strictEqual(yield* sandbox.count("token"), 2)
          assert.strictEqual(yield* sandbox.count("retrieve"), 2)
          yield* sandbox.clearFaults
          // The second token was dropped too, so the next call does not send it again.
          yield* tickets.retrieve(id)
          assert.strictEqual(yield* sandbox.count("token"), 3)
          assert.strictEqual(yield* sandbox.count("retrieve"), 3)
        })
      )
  )

  it.effect("because it expired or was revoked is replaced, and the call succeeds", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Failed", after: 0 })
        yield* tickets.retrieve(id)
        for (const fault of [Fault.tokenExpired, Fault.tokensRevoked]) {
          yield* sandbox.inject(fault)
          assert.strictEqual((yield* tickets.retrieve(id))._tag, "Failed")
        }
        assert.strictEqual(yield* sandbox.count("token"), 3)
        assert.strictEqual(yield* sandbox.count("retrieve"), 5)
      })
    )
  )

  const refusalsWithoutCode: ReadonlyArray<{ readonly name: string; readonly refusal: ScriptedReply }> = [
    { name: "an empty body", refusal: { status: 401 } },
    { name: "HTML", refusal: { status: 401, text: "<html></html>" } },
    { name: "another code", refusal: { status: 401, json: { ...apiErrors.notAuthenticated, code: 1 } } }
  ]

  it.effect.each(refusalsWithoutCode)("is replaced for a 401 without code 40001: $name", ({ refusal }) =>
    Effect.gen(function* () {
      const { log, tickets } = yield* scriptedAccount({
        token: nextToken,
        api: (_, index) => Effect.succeed(index === 0 ? refusal : json(created))
      })
      assert.strictEqual((yield* tickets.retrieve(ticketId))._tag, "Created")
      assert.deepStrictEqual(yield* log, ["token", "Bearer token-1", "token", "Bearer token-2"])
    })
  )

  it.effect.each([401, 403, 400])("is not replaced for code 20061: status %s", (status) =>
    Effect.gen(function* () {
      const { log, tickets } = yield* scriptedAccount({
        token: nextToken,
        api: always({ status, json: { ...apiErrors.notEnabled, status } })
      })
      for (let call = 0; call < 3; call++) {
        assert.strictEqual((yield* Effect.flip(tickets.retrieve(ticketId)))._tag, "NotEnabled")
      }
      assert.deepStrictEqual(yield* log, ["token", "Bearer token-1", "Bearer token-1", "Bearer token-1"])
    })
  )

  it.effect("in fifty concurrent calls is replaced once", () =>
    onSandbox(({ auth, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed()
        yield* auth.accessToken
        yield* sandbox.revokeTokens()
        yield* sandbox.inject(Fault.latency(100), { times: 101 })
        const all = Effect.all(replicate(50, tickets.retrieve(id)), { concurrency: "unbounded" })
        const { exit } = yield* within("1 second", all)
        assert.isTrue((yield* exit).every(({ _tag }) => _tag === "Pending"))
        assert.strictEqual(yield* sandbox.count("token"), 2)
        // The 32 in flight are sent again. The others waited for the gate and have the new token at once.
        assert.strictEqual(yield* sandbox.count("retrieve"), 82)
      })
    )
  )

  it.effect("after it was replaced does not invalidate the newer token", () =>
    Effect.gen(function* () {
      const { log, tickets } = yield* scriptedAccount({
        token: nextToken,
        api: (request, index) =>
          authorizationOf(request) === "Bearer token-1"
            ? Effect.delay(Effect.succeed(refused), index === 0 ? "5 seconds" : 0)
            : Effect.succeed(json(created))
      })
      const slow = yield* Effect.forkChild(tickets.retrieve(ticketId), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* tickets.retrieve(ticketId)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* Fiber.join(slow))._tag, "Created")
      assert.deepStrictEqual(yield* log, [
        "token",
        "Bearer token-1",
        "Bearer token-1",
        "token",
        "Bearer token-2",
        "Bearer token-2"
      ])
    })
  )

  it.effect("fails every waiting call after one token request that fails", () =>
    Effect.gen(function* () {
      const { log, tickets } = yield* scriptedAccount({
        token: (index) => Effect.delay(Effect.succeed(index === 0 ? numberedToken(1) : { status: 501 }), 100),
        api: delayed(refused, 100)
      })
      const three = Effect.all(replicate(3, Effect.flip(tickets.retrieve(ticketId))), { concurrency: "unbounded" })
      const { exit } = yield* within("1 minute", three)
      for (const error of yield* exit) {
        assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken", attempts: 1 })
      }
      assert.deepStrictEqual(yield* log, ["token", ...replicate(3, "Bearer token-1"), "token"])
    })
  )
})

describe("AuthService.invalidate", () => {
  it.effect("drops a token only while it is the current one", () =>
    Effect.gen(function* () {
      const { accessToken, invalidate, times, token } = yield* scriptedAuth([
        numberedToken(1),
        numberedToken(2),
        numberedToken(3)
      ])
      const first = yield* accessToken
      yield* invalidate(Redacted.make("another token"))
      assert.strictEqual(yield* token, "token-1")
      yield* invalidate(first)
      yield* invalidate(first)
      assert.strictEqual(yield* token, "token-2")
      yield* invalidate(first)
      assert.strictEqual(yield* token, "token-2")
      yield* invalidate(Redacted.make("token-2"))
      assert.strictEqual(yield* token, "token-3")
      assert.strictEqual((yield* times).length, 3)
    })
  )

  it.effect("drops a token even if its renewal fails", () =>
    Effect.gen(function* () {
      const { accessToken, invalidate, token } = yield* scriptedAuth([
        numberedToken(1, 100),
        { status: 501 },
        numberedToken(2)
      ])
      yield* invalidate(yield* accessToken)
      yield* TestClock.setTime(60_000)
      assert.strictEqual((yield* Effect.flip(token))._tag, "RipioHttpError")
      assert.strictEqual(yield* token, "token-2")
    })
  )

  it.effect("during an early renewal leaves it in flight, and later callers wait for it", () =>
    Effect.gen(function* () {
      const { accessToken, invalidate, times, token } = yield* scriptedAuth([
        numberedToken(1, 100),
        delayed(numberedToken(2), 1000),
        delayed(numberedToken(3), 1000)
      ])
      const old = yield* accessToken
      yield* TestClock.setTime(50_000)
      assert.strictEqual(yield* token, "token-1")
      yield* invalidate(old)
      const later = Effect.all(replicate(100, token), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* within("1 second", later), {
        exit: Exit.succeed(Array.from(replicate(100, "token-2"))),
        after: 1000
      })
      assert.deepStrictEqual(yield* times, [0, 50_000])
    })
  )

  const renewals = {
    "that fails": { status: 501 },
    "that returns the old token again": numberedToken(1, 50)
  }
  for (const [title, renewal] of Object.entries(renewals)) {
    it.effect(`during an early renewal ${title} drops the old token and sends a new request`, () =>
      Effect.gen(function* () {
        const { accessToken, invalidate, times, token } = yield* scriptedAuth([
          numberedToken(1, 100),
          delayed(renewal, 1000),
          numberedToken(2)
        ])
        const old = yield* accessToken
        yield* TestClock.setTime(50_000)
        assert.strictEqual(yield* token, "token-1")
        yield* invalidate(old)
        assert.deepStrictEqual(yield* within("1 second", token), { exit: Exit.succeed("token-2"), after: 1000 })
        assert.deepStrictEqual(yield* times, [0, 50_000, 51_000])
      })
    )
  }

  it.effect("of a token that the endpoint returns again does not stop later renewals", () =>
    Effect.gen(function* () {
      const { accessToken, invalidate, times, token } = yield* scriptedAuth(() => Effect.succeed(numberedToken(1, 100)))
      yield* invalidate(yield* accessToken)
      yield* token
      for (const at of [50_000, 50_001, 99_999, 100_000]) {
        yield* TestClock.setTime(at)
        assert.strictEqual(yield* token, "token-1")
      }
      assert.deepStrictEqual(yield* times, [0, 0, 50_000, 100_000])
    })
  )
})
