import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AuthService, Ripio, SupportTickets } from "../../src/index.ts"
import { Sandbox } from "../../src/testing/index.ts"
import { ticketId } from "../support/fixtures.ts"

describe("two accounts", () => {
  it.effect("do not share tokens, and a revoked token of one does not affect the other", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const accounts = [sandbox.account, yield* sandbox.addAccount()] as const
      const clients = yield* Effect.forEach(accounts, (account) =>
        Effect.map(Layer.build(Ripio.layer({ environment: "sandbox", ...account })), (built) => ({
          auth: Context.get(built, AuthService),
          tickets: Context.get(built, SupportTickets)
        }))
      )
      const tokens = yield* Effect.forEach(clients, ({ auth }) => Effect.map(auth.accessToken, Redacted.value))
      assert.strictEqual(new Set(tokens).size, 2)

      const ids = yield* Effect.forEach(accounts, (account) => sandbox.seed({ account }))
      const results = yield* Effect.forEach(clients, ({ tickets }) =>
        Effect.forEach(ids, (id) =>
          Effect.match(tickets.retrieve(id), { onSuccess: ({ _tag }) => _tag, onFailure: ({ _tag }) => _tag })
        )
      )
      assert.deepStrictEqual(results, [
        ["Pending", "NotFound"],
        ["NotFound", "Pending"]
      ])

      yield* sandbox.revokeTokens(accounts[0])
      for (const [index, { tickets }] of clients.entries()) yield* tickets.retrieve(ids[index] ?? ticketId)
      assert.deepStrictEqual(
        (yield* sandbox.requests).filter(({ route }) => route === "token").map(({ clientId }) => clientId),
        [accounts[0].clientId, accounts[1].clientId, accounts[0].clientId]
      )
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )
})
