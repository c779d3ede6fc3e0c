import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AuthService, RipioHttpLive, SupportTickets, SupportTicketsLive } from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { apiErrors, failed, ticketId } from "../support/fixtures.ts"

describe("a mock of SupportTickets", () => {
  const mock = Layer.mock(SupportTickets, { retrieve: (ticketId) => Effect.succeed({ _tag: "Failed", ticketId }) })

  it.effect("needs only the methods that a test calls", () =>
    Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      assert.deepStrictEqual(yield* retrieve(ticketId), { _tag: "Failed", ticketId })
    }).pipe(Effect.provide(mock))
  )

  it.effect("dies on any other method, and names it", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* SupportTickets
      const exit = yield* Effect.exit(awaitOutcome(ticketId))
      assert(Exit.isFailure(exit))
      assert.isTrue(Cause.hasDies(exit.cause))
      assert.include(Cause.pretty(exit.cause), "effect-ripio-tickets/SupportTickets")
      assert.include(Cause.pretty(exit.cause), "awaitOutcome")
    }).pipe(Effect.provide(mock))
  )
})

describe("a custom AuthService", () => {
  it.effect("provides the tokens, and its `invalidate` receives the refused one", () =>
    Effect.gen(function* () {
      const invalidated: Array<string> = []
      const vault = ["from-the-vault", "a-newer-one"]
      const auth = Layer.succeed(AuthService, {
        accessToken: Effect.sync(() => Redacted.make(vault[invalidated.length] ?? "none")),
        invalidate: (stale) => Effect.sync(() => void invalidated.push(Redacted.value(stale)))
      })
      const { layer, requests } = yield* ScriptedHttpClient.make([
        { status: 401, json: apiErrors.notAuthenticated },
        { status: 200, json: failed }
      ])
      const tickets = SupportTicketsLive.layer.pipe(
        Layer.provide(RipioHttpLive.layer({ environment: "sandbox" })),
        Layer.provide([auth, layer])
      )
      const { retrieve } = yield* Effect.provide(SupportTickets, tickets)
      assert.strictEqual((yield* retrieve(ticketId))._tag, "Failed")
      assert.deepStrictEqual(invalidated, ["from-the-vault"])
      assert.deepStrictEqual(
        (yield* requests).map(({ headers: { authorization } }) =>
          Redacted.isRedacted(authorization) ? Redacted.value(authorization) : authorization
        ),
        ["Bearer from-the-vault", "Bearer a-newer-one"]
      )
    })
  )
})
