import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { AuthClientCredentials, AuthService } from "../../src/index.ts"
import { Sandbox } from "../../src/testing/index.ts"
import { authorizationOf, numberedToken, scriptedAuth } from "../support/auth.ts"
import { draws, within } from "../support/virtualTime.ts"

describe("the token request", () => {
  it.effect("is a form with the credentials in Basic, encoded in UTF-8 as in RFC 7617", () =>
    Effect.gen(function* () {
      const credentials = { clientId: "pärtner-ñ", clientSecret: Redacted.make("sécret: ✓ 🎫 %41+&=") }
      const { requests, token } = yield* scriptedAuth([numberedToken(1)], credentials)
      yield* token
      const [request] = yield* requests
      assert.deepInclude(request, {
        method: "POST",
        url: "https://skala-sandbox.ripio.com/oauth2/token/",
        body: "grant_type=client_credentials"
      })
      assert.strictEqual(request?.headers["content-type"], "application/x-www-form-urlencoded")
      assert.strictEqual(request?.headers["accept"], "application/json")
      assert.strictEqual(request && authorizationOf(request), "Basic cMOkcnRuZXItw7E6c8OpY3JldDog4pyTIPCfjqsgJTQxKyY9")
    })
  )

  it.effect("is accepted by a server that decodes the credentials as UTF-8", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const account = yield* sandbox.addAccount({ clientId: "pärtner", clientSecret: Redacted.make("sécret: ✓") })
      const layer = AuthClientCredentials.layer({ environment: "sandbox", ...account })
      const { accessToken } = Context.get(yield* Layer.build(layer), AuthService)
      yield* accessToken
      assert.deepInclude((yield* sandbox.requests)[0], { status: 200, clientId: "pärtner" })
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )

  it.effect("is retried although it is a POST", () =>
    Effect.gen(function* () {
      const [one = 0, two = 0] = yield* draws("token", 2)
      const first = Math.round(one * 500)
      const { times, token } = yield* scriptedAuth([{ status: 503 }, "refused", numberedToken(1)])
      const { exit } = yield* within("5 seconds", Random.withSeed(token, "token"))
      assert.deepStrictEqual(exit, Exit.succeed("token-1"))
      assert.deepStrictEqual(yield* times, [0, first, first + Math.round(two * 1000)])
    })
  )

  it.effect.each([
    { clientId: "", option: "clientId" },
    { clientId: " ", option: "clientId" },
    { clientId: "partner:ar", option: "clientId" },
    { clientId: "partner\r\nX-Injected: yes", option: "clientId" },
    { clientSecret: Redacted.make(""), option: "clientSecret" },
    { clientSecret: Redacted.make("secret\n"), option: "clientSecret" },
    { clientSecret: Redacted.make("se\u0000cret"), option: "clientSecret" },
    { clientSecret: Redacted.make("se\u0085cret"), option: "clientSecret" }
  ])("is not sent with an invalid $option, which fails the layer: case %$", ({ option, ...invalid }) =>
    Effect.gen(function* () {
      assert.deepInclude(yield* Effect.flip(scriptedAuth([], invalid)), { _tag: "InvalidOption", option })
    })
  )
})
