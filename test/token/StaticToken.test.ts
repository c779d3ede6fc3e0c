import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AuthStaticToken, SupportTickets } from "../../src/index.ts"
import { authorizationOf } from "../support/auth.ts"
import { apiErrors, ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"
import { failsWithin, fieldsOf } from "../support/virtualTime.ts"

describe("a static token", () => {
  it.effect("is sent unchanged, and a refusal fails the call without a retry", () =>
    Effect.gen(function* () {
      const { layer, requests } = yield* scriptedTickets([{ status: 401, json: apiErrors.notAuthenticated }])
      const tickets = Context.get(yield* Layer.build(layer), SupportTickets)
      const { error } = yield* failsWithin("1 hour", tickets.retrieve(ticketId))
      assert.deepStrictEqual(fieldsOf(error), {
        ...apiErrors.notAuthenticated,
        _tag: "Unauthenticated",
        refused: "token",
        attempts: 1
      })
      assert.include(error.message, "Check that the token belongs to this environment and has not expired")
      assert.deepStrictEqual((yield* requests).map(authorizationOf), ["Bearer a-token"])
    })
  )

  it.effect.each([
    "",
    "a b",
    " a",
    "a ",
    "a\r\nX-Injected: yes",
    "a\n",
    "\ta",
    "a\u0000",
    "a\u007f",
    "tökén",
    "a\u2028"
  ])("that is not valid in a header fails the layer, and is not printed: %j", (text) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(AuthStaticToken.layer({ token: Redacted.make(text) })))
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "InvalidOption",
        option: "token",
        issue: "expected visible ASCII characters"
      })
    })
  )
})
