import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { createdBody, notAuthenticated, notEnabled, notFound, withSandbox } from "./sandbox.ts"
import { inProcess, requestToken, retrieve, retrieveJson, tokenRequest } from "./transports.ts"

describe("an account of the sandbox", () => {
  it.effect("reads its own tickets only", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const { account } = sandbox
        const otherAccount = yield* sandbox.addAccount()
        const ticketId = yield* sandbox.seed({ after: 0 })
        const otherTicketId = yield* sandbox.seed({ account: otherAccount, after: 0 })
        const token = yield* requestToken(account)
        const otherToken = yield* requestToken(otherAccount)
        assert.deepStrictEqual((yield* retrieveJson(ticketId, token)).body, createdBody(ticketId, "SUP-1001"))
        assert.deepStrictEqual(
          (yield* retrieveJson(otherTicketId, otherToken)).body,
          createdBody(otherTicketId, "SUP-1002")
        )
        assert.deepStrictEqual(yield* retrieveJson(ticketId, otherToken), notFound)
        assert.deepStrictEqual(yield* retrieveJson(otherTicketId, token), notFound)
        assert.deepStrictEqual(
          (yield* sandbox.requests).map(({ clientId }) => clientId),
          [account, otherAccount, account, otherAccount, otherAccount, account].map(({ clientId }) => clientId)
        )
      })
    )
  )

  it.effect("can have support tickets disabled, which is checked before the ticket is looked up", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const disabled = yield* sandbox.addAccount({ enabled: false })
        const id = yield* sandbox.seed({ after: 0 })
        const token = yield* requestToken(sandbox.account)
        assert.deepStrictEqual(yield* retrieveJson(id, yield* requestToken(disabled)), notEnabled)
        assert.strictEqual((yield* retrieveJson(id, token)).status, 200)
        yield* sandbox.setEnabled(false)
        yield* sandbox.setEnabled(true, disabled)
        assert.deepStrictEqual(yield* retrieveJson(id, token), notEnabled)
        assert.deepStrictEqual(yield* retrieveJson(id, yield* requestToken(disabled)), notFound)
        yield* sandbox.setEnabled(true)
        assert.strictEqual((yield* retrieveJson(id, token)).status, 200)
      })
    )
  )
})

describe("a token of the sandbox", () => {
  it.effect("expires after its lifetime, to the millisecond", () =>
    withSandbox(
      (sandbox) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed()
          const token = yield* requestToken(sandbox.account)
          yield* TestClock.adjust(59_999)
          assert.strictEqual((yield* retrieveJson(id, token)).status, 200)
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(yield* retrieveJson(id, token), notAuthenticated)
          assert.strictEqual((yield* retrieveJson(id, yield* requestToken(sandbox.account))).status, 200)
        }),
      { tokenLifetime: "1 minute" }
    )
  )

  it.effect("is revoked by revokeTokens with the other tokens of its account", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const otherAccount = yield* sandbox.addAccount()
        const id = yield* sandbox.seed()
        const tokens = [yield* requestToken(sandbox.account), yield* requestToken(sandbox.account)]
        const otherToken = yield* requestToken(otherAccount)
        yield* sandbox.revokeTokens()
        for (const token of tokens) assert.deepStrictEqual(yield* retrieveJson(id, token), notAuthenticated)
        assert.deepStrictEqual(yield* retrieveJson(id, otherToken), notFound)
        assert.strictEqual((yield* retrieveJson(id, yield* requestToken(sandbox.account))).status, 200)
        yield* sandbox.revokeTokens(otherAccount)
        assert.deepStrictEqual(yield* retrieveJson(id, otherToken), notAuthenticated)
      })
    )
  )

  for (const { names, tokenResponseCase } of [
    { tokenResponseCase: "camelCase", names: ["accessToken", "expiresIn", "tokenType", "scope"] },
    { tokenResponseCase: "snake_case", names: ["access_token", "expires_in", "token_type", "scope"] }
  ] as const) {
    it.effect(`is returned with field names in ${tokenResponseCase}`, () =>
      withSandbox(
        (sandbox) =>
          Effect.gen(function* () {
            const response = yield* HttpClient.execute(tokenRequest(sandbox.account))
            const body = yield* Effect.flatMap(response.json, Schema.decodeUnknownEffect(Schema.JsonObject))
            assert.deepStrictEqual(Object.keys(body), [...names])
            assert.deepStrictEqual(Object.values(body).slice(1, 3), [36_000, "Bearer"])
          }),
        { tokenResponseCase }
      )
    )
  }
})

describe("two sandboxes", () => {
  it.effect("share no token, fault, request or numbering", () =>
    Effect.gen(function* () {
      const build = Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const client = yield* HttpClient.HttpClient
        return { sandbox, withClient: Effect.provideService(HttpClient.HttpClient, client) }
      }).pipe(Effect.provide(inProcess()))
      const [left, right] = yield* Effect.all([build, build], { concurrency: 2 })
      const id = yield* left.sandbox.seed()
      yield* right.sandbox.inject(Fault.refused)
      const token = yield* left.withClient(requestToken(left.sandbox.account))
      assert.strictEqual((yield* left.withClient(retrieve(id, token))).status, 200)
      yield* right.sandbox.clearFaults
      assert.deepStrictEqual(yield* right.withClient(retrieveJson(id, token)), notAuthenticated)
      assert.strictEqual(yield* left.sandbox.count(), 2)
      assert.strictEqual(yield* right.sandbox.count(), 1)
      assert.strictEqual(yield* right.sandbox.seed(), id)
    })
  )
})
