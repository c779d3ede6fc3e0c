import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { Ripio, SupportTickets } from "../../src/index.ts"
import { Sandbox, type ScriptedReply } from "../../src/testing/index.ts"
import { scriptedAccount, scriptedAuth } from "../support/auth.ts"
import { apiErrors, created, ticketId } from "../support/fixtures.ts"
import { always, json } from "../support/replies.ts"
import { fieldsOf } from "../support/virtualTime.ts"

describe("a valid token response", () => {
  const cases: ReadonlyArray<{ readonly name: string; readonly body: unknown }> = [
    { name: "the names of the API", body: { accessToken: "t", expiresIn: 3600, tokenType: "Bearer" } },
    { name: "the names of RFC 6749", body: { access_token: "t", expires_in: 3600, token_type: "Bearer" } },
    {
      name: "a scope",
      body: { accessToken: "t", expiresIn: 3600, tokenType: "Bearer", scope: "read write" }
    },
    {
      name: "unknown fields",
      body: { access_token: "t", expires_in: 3600, token_type: "Bearer", x: null, y: [1] }
    },
    {
      name: "the token type in lower case",
      body: { access_token: "t", expires_in: 3600, token_type: "bearer" }
    },
    { name: "no token type", body: { accessToken: "t", expiresIn: 3600 } },
    {
      name: "a fraction of a second",
      body: { accessToken: "t", expiresIn: 3600.5, tokenType: "Bearer" }
    },
    { name: "the digits of expiresIn as text", body: { accessToken: "t", expiresIn: "3600" } },
    { name: "the digits of expires_in as text", body: { access_token: "t", expires_in: "3600.0" } }
  ]

  it.effect.each(cases)("may have $name", ({ body }) =>
    Effect.gen(function* () {
      const { times, token } = yield* scriptedAuth([json(body)])
      assert.strictEqual(yield* token, "t")
      yield* TestClock.adjust(3_539_999)
      assert.strictEqual(yield* token, "t")
      assert.deepStrictEqual(yield* times, [0])
    })
  )
})

describe("an invalid token response", () => {
  const secret = "s3cr3t-t0k3n"
  const bearer = { tokenType: "Bearer" }
  const visible = "Expected visible ASCII characters and at least one"
  const seconds = "Expected a number of seconds that is not negative"

  const cases: ReadonlyArray<{ readonly name: string; readonly body: unknown; readonly issue: string }> = [
    { name: "no token", body: { expiresIn: 3600, ...bearer }, issue: "accessToken: Missing key" },
    { name: "no expiresIn", body: { accessToken: secret, ...bearer }, issue: "expiresIn: Missing key" },
    {
      name: "a negative expiresIn",
      body: { accessToken: secret, expiresIn: -1, ...bearer },
      issue: `expiresIn: ${seconds}`
    },
    ...["", "soon", "-1", "1e3", "0x10", "3600s", "Infinity", secret].map((expiresIn) => ({
      name: `the text "${expiresIn}" as expiresIn`,
      body: { accessToken: secret, expiresIn, ...bearer },
      issue: `expiresIn: ${seconds}`
    })),
    {
      name: "more digits as expiresIn than a number holds",
      body: { accessToken: secret, expiresIn: "9".repeat(400), ...bearer },
      issue: "expiresIn: Expected a finite number"
    },
    ...[null, true, [3600]].map((expiresIn) => ({
      name: `${JSON.stringify(expiresIn)} as expiresIn`,
      body: { accessToken: secret, expiresIn, ...bearer },
      issue: "expiresIn: Expected number | string"
    })),
    {
      name: "a token of null",
      body: { accessToken: null, expiresIn: 3600, ...bearer },
      issue: "accessToken: Expected string"
    },
    {
      name: "a number as the token",
      body: { accessToken: 7, expiresIn: 3600, ...bearer },
      issue: "accessToken: Expected string"
    },
    {
      name: "another tokenType",
      body: { accessToken: secret, expiresIn: 3600, tokenType: "mac" },
      issue: "tokenType: Expected the token type Bearer"
    },
    {
      name: "a tokenType of null",
      body: { accessToken: secret, expiresIn: 3600, tokenType: null },
      issue: "tokenType: Expected string"
    },
    {
      name: "another token_type",
      body: { access_token: secret, expires_in: 3600, token_type: "DPoP" },
      issue: "token_type: Expected the token type Bearer"
    },
    {
      name: "a negative expires_in",
      body: { access_token: secret, expires_in: -0.5 },
      issue: `expires_in: ${seconds}`
    },
    {
      name: "names of both kinds",
      body: { access_token: secret, expiresIn: 3600 },
      issue: "accessToken: Missing key"
    },
    { name: "an empty token", body: { accessToken: "", expiresIn: 3600 }, issue: `accessToken: ${visible}` },
    {
      name: "a space in the token",
      body: { accessToken: `${secret} x`, expiresIn: 3600 },
      issue: `accessToken: ${visible}`
    },
    {
      name: "a header in the token",
      body: { accessToken: `${secret}\r\nX-Injected: yes`, expiresIn: 3600 },
      issue: `accessToken: ${visible}`
    },
    {
      name: "a line break after the token",
      body: { accessToken: `${secret}\n`, expiresIn: 3600 },
      issue: `accessToken: ${visible}`
    },
    {
      name: "a tab before the token",
      body: { accessToken: `\t${secret}`, expiresIn: 3600 },
      issue: `accessToken: ${visible}`
    },
    {
      name: "a null character in the token",
      body: { accessToken: `${secret}\u0000`, expiresIn: 3600 },
      issue: `accessToken: ${visible}`
    },
    {
      name: "a delete character in the token",
      body: { accessToken: `${secret}\u007f`, expiresIn: 3600 },
      issue: `accessToken: ${visible}`
    },
    {
      name: "characters beyond ASCII in the token",
      body: { access_token: `${secret}\u2028é`, expires_in: 3600 },
      issue: `access_token: ${visible}`
    },
    { name: "an array", body: [], issue: "Expected object" },
    { name: "null", body: null, issue: "Expected object" }
  ]

  it.effect.each(cases)(
    "fails the call with the name of the field, and its token is neither printed nor sent: $name",
    ({ body, issue }) =>
      Effect.gen(function* () {
        const { log, tickets } = yield* scriptedAccount({ token: always(json(body)), api: always(json(created)) })
        const error = yield* Effect.flip(tickets.retrieve(ticketId))
        assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken", attempts: 1 })
        assert(error._tag === "RipioHttpError" && error.reason._tag === "UnexpectedResponse")
        assert.deepInclude(error.reason, { status: 200, excerpt: "" })
        assert.include(error.reason.issue.split("; "), issue)
        assert.notInclude(JSON.stringify(error) + String(error), secret)
        assert.deepStrictEqual(yield* log, ["token"])
      })
  )
})

describe("an error of the token endpoint", () => {
  const html = "<html><body>Who are you?</body></html>"

  const refusals: ReadonlyArray<{
    readonly name: string
    readonly reply: ScriptedReply
    readonly details: Record<string, unknown>
  }> = [
    {
      name: "RFC 6749, 401",
      reply: { status: 401, json: { error: "invalid_client" } },
      details: { status: 401, type: "invalid_client" }
    },
    {
      name: "RFC 6749, 400",
      reply: {
        status: 400,
        json: { error: "invalid_client", error_description: "no" },
        headers: { "x-request-id": "r-1" }
      },
      details: { status: 400, type: "invalid_client", requestId: "r-1" }
    },
    {
      name: "RFC 6749, 403",
      reply: { status: 403, json: { error: "access_denied" } },
      details: { status: 403, type: "access_denied" }
    },
    {
      name: "an error body of the API, 401",
      reply: { status: 401, json: apiErrors.notAuthenticated },
      details: apiErrors.notAuthenticated
    },
    {
      name: "an error body of the API, 403",
      reply: { status: 403, json: { ...apiErrors.notAuthenticated, status: 403 } },
      details: { ...apiErrors.notAuthenticated, status: 403 }
    },
    {
      name: "HTML, 401",
      reply: { status: 401, text: html, headers: { "content-type": "text/html" } },
      details: { status: 401 }
    },
    { name: "no body, 401", reply: { status: 401 }, details: { status: 401 } }
  ]

  it.effect.each(refusals)(
    "that refuses the credentials is Unauthenticated, with its details and without a retry: $name",
    ({ details, reply }) =>
      Effect.gen(function* () {
        const { times, token } = yield* scriptedAuth([reply])
        const error = yield* Effect.flip(token)
        assert.deepStrictEqual(fieldsOf(error), {
          _tag: "Unauthenticated",
          refused: "credentials",
          attempts: 1,
          ...details
        })
        assert.include(error.message, "Check the client id and secret")
        assert.deepStrictEqual(yield* times, [0])
      })
  )

  const notFromApi = "not an error of the API: check the base URL, and whether a proxy responds"
  const otherErrors: ReadonlyArray<{
    readonly name: string
    readonly reply: ScriptedReply
    readonly issue: string
  }> = [
    {
      name: "invalid_request",
      reply: { status: 400, json: { error: "invalid_request" } },
      issue: "the token endpoint refused the request: invalid_request"
    },
    { name: "HTML, 403", reply: { status: 403, text: html }, issue: notFromApi },
    { name: "HTML, 404", reply: { status: 404, text: html }, issue: notFromApi },
    {
      name: "code 20061",
      reply: { status: 403, json: apiErrors.notEnabled },
      issue: "code 20061 (SupportTicketsNotEnabledException) is not documented for this operation"
    }
  ]

  it.effect.each(otherErrors)(
    "that does not refuse the credentials is an UnexpectedResponse, without a retry: $name",
    ({ issue, reply }) =>
      Effect.gen(function* () {
        const { times, token } = yield* scriptedAuth([reply])
        const error = yield* Effect.flip(token)
        assert(error._tag === "RipioHttpError" && error.reason._tag === "UnexpectedResponse")
        assert.strictEqual(error.reason.issue, issue)
        assert.deepStrictEqual(yield* times, [0])
      })
  )

  it.effect("of the sandbox for a wrong secret is Unauthenticated, with the request id", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const { clientId } = sandbox.account
      const layer = Ripio.layer({ environment: "sandbox", clientId, clientSecret: Redacted.make("not the secret") })
      const tickets = Context.get(yield* Layer.build(layer), SupportTickets)
      const error = yield* Effect.flip(tickets.retrieve(ticketId))
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "Unauthenticated",
        refused: "credentials",
        attempts: 1,
        status: 401,
        type: "invalid_client",
        requestId: "sandbox-request-1"
      })
      assert.strictEqual(yield* sandbox.count(), 1)
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )
})
