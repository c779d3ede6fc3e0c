import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import { Sandbox } from "../../src/testing/index.ts"
import { retrieve, token, tokenRequest, transports, type Transport } from "./transports.ts"

const id = "00000000-0000-4000-8000-000000000001"
const ticketPath = `/api/v1/supportTickets/${id}/`

const send = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) =>
    Effect.map(response.text, (text) => ({ status: response.status, headers: response.headers, text }))
  )

const authorization = (value: string) => HttpClientRequest.setHeader("authorization", value)

const base64 = (text: string) => btoa(text)

const on =
  (layer: Transport) =>
  (says: string, test: (sandbox: Sandbox["Service"]) => Effect.Effect<void, unknown, HttpClient.HttpClient>) =>
    it.effect(says, () =>
      Sandbox.use((sandbox) => Effect.andThen(sandbox.seed(), test(sandbox))).pipe(Effect.provide(layer()))
    )

for (const [name, layer] of transports) {
  describe(`strictness ${name}`, () => {
    const strict = on(layer)

    strict("a missing slash is redirected to, whatever the method, and nothing is done", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const get = yield* send(
          HttpClientRequest.get(`${ticketPath.slice(0, -1)}?a=1`).pipe(HttpClientRequest.bearerToken(bearer))
        )
        const post = yield* send(tokenRequest(sandbox.account, "/oauth2/token"))
        const create = yield* send(HttpClientRequest.post("/api/v1/supportTickets"))
        assert.deepStrictEqual([create.status, create.headers["location"]], [301, "/api/v1/supportTickets/"])
        assert.strictEqual(yield* sandbox.count("create"), 0)
        assert.deepStrictEqual([get.status, get.headers["location"]], [301, `${ticketPath}?a=1`])
        assert.deepStrictEqual([post.status, post.headers["location"]], [301, "/oauth2/token/"])
        assert.strictEqual(yield* sandbox.count("token"), 1)
        assert.strictEqual(yield* sandbox.count("retrieve"), 0)
      })
    )

    strict("a wrong method is 405, and the right one is named", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        for (const method of ["POST", "PUT", "PATCH", "DELETE"] as const) {
          const answer = yield* send(
            HttpClientRequest.make(method)(ticketPath).pipe(HttpClientRequest.bearerToken(bearer))
          )
          assert.deepStrictEqual([method, answer.status, answer.headers["allow"]], [method, 405, "GET"])
        }
        const list = yield* send(HttpClientRequest.get("/api/v1/supportTickets/"))
        assert.deepStrictEqual([list.status, list.headers["allow"]], [405, "POST"])
        const get = yield* send(HttpClientRequest.get("/oauth2/token/"))
        assert.deepStrictEqual([get.status, get.headers["allow"]], [405, "POST"])
        assert.strictEqual(get.headers["content-type"], "text/html; charset=utf-8")
      })
    )

    strict("a path that is none is 404 in HTML, and no API error", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        for (const path of [
          "/",
          "//",
          "/v2/supportTickets/",
          `/v1${ticketPath}`,
          "/api/v1/supportTickets//",
          "/api/v1/supportTickets/SUP-1001/",
          `/api/v1/supportTickets/${id.slice(1)}/`,
          `/api/v1/supportTickets/${id}/notes/`,
          "/api/v1/supportTickets/ABCDEF00-0000-4000-8000-000000000001/",
          `/api/v1/supporttickets/${id}/`,
          `${ticketPath}/`
        ]) {
          const answer = yield* send(HttpClientRequest.get(path).pipe(HttpClientRequest.bearerToken(bearer)))
          assert.deepStrictEqual(
            [path, answer.status, answer.headers["content-type"]],
            [path, 404, "text/html; charset=utf-8"]
          )
          assert.include(answer.text, "<title>Not Found</title>")
        }
      })
    )

    strict("a ticket is shown to a Bearer token that is known, and to nothing else", (sandbox) =>
      Effect.gen(function* () {
        const { clientId, clientSecret } = sandbox.account
        const good = Redacted.value(yield* token(sandbox.account))
        for (const value of [
          undefined,
          "",
          good,
          `Token ${good}`,
          `Bearer${good}`,
          `Bearer  ${good}`,
          `Bearer ${good} ${good}`,
          `Bearer ${good.toUpperCase()}!`,
          "Bearer ",
          `Basic ${base64(`${clientId}:${Redacted.value(clientSecret)}`)}`
        ]) {
          const request = HttpClientRequest.get(ticketPath)
          const answer = yield* send(value === undefined ? request : authorization(value)(request))
          assert.deepStrictEqual([value, answer.status], [value, 401])
          assert.include(answer.text, '"code":40001')
        }
        const answer = yield* send(HttpClientRequest.get(ticketPath).pipe(authorization(`bearer ${good}`)))
        assert.strictEqual(answer.status, 200)
      })
    )

    strict("a token is given for the right Basic credentials, and for nothing else", (sandbox) =>
      Effect.gen(function* () {
        const { clientId } = sandbox.account
        const clientSecret = Redacted.value(sandbox.account.clientSecret)
        for (const value of [
          undefined,
          "Basic",
          "Basic !!!",
          `Basic ${base64(clientId)}`,
          `Basic ${base64(`${clientId}:`)}`,
          `Basic ${base64(`${clientId}:${clientSecret} `)}`,
          `Basic ${base64(`${clientSecret}:${clientId}`)}`,
          `Basic ${base64(`other:${clientSecret}`)}`,
          `Bearer ${base64(`${clientId}:${clientSecret}`)}`
        ]) {
          const request = HttpClientRequest.post("/oauth2/token/").pipe(
            HttpClientRequest.bodyUrlParams({
              grant_type: "client_credentials",
              client_id: clientId,
              client_secret: clientSecret
            })
          )
          const answer = yield* send(value === undefined ? request : authorization(value)(request))
          assert.deepStrictEqual([value, answer.status, answer.text], [value, 401, '{"error":"invalid_client"}'])
          assert.include(answer.headers["www-authenticate"], "Basic")
        }
      })
    )

    strict("a token is asked for in a form, with one grant type", (sandbox) =>
      Effect.gen(function* () {
        const ask = HttpClientRequest.post("/oauth2/token/").pipe(
          HttpClientRequest.basicAuth(sandbox.account.clientId, sandbox.account.clientSecret)
        )
        const grant = { grant_type: "client_credentials" }
        const wrongType = [
          ask,
          HttpClientRequest.bodyJsonUnsafe(ask, grant),
          HttpClientRequest.bodyText(ask, "grant_type=client_credentials", "text/plain")
        ]
        for (const request of wrongType) {
          const answer = yield* send(request)
          assert.strictEqual(answer.status, 400)
          assert.include(answer.text, '"error":"invalid_request"')
        }
        const wrongGrant = [
          HttpClientRequest.bodyUrlParams(ask, {}),
          HttpClientRequest.bodyUrlParams(ask, { grant_type: "password" }),
          HttpClientRequest.bodyUrlParams(ask, { grantType: "client_credentials" }),
          HttpClientRequest.bodyUrlParams(ask, [
            ["grant_type", "client_credentials"],
            ["grant_type", "password"]
          ])
        ]
        for (const request of wrongGrant) {
          const answer = yield* send(request)
          assert.deepStrictEqual([answer.status, answer.text], [400, '{"error":"unsupported_grant_type"}'])
        }
        const charset = HttpClientRequest.bodyText(
          ask,
          "grant_type=client_credentials",
          "application/x-www-form-urlencoded;charset=UTF-8"
        )
        assert.strictEqual((yield* send(charset)).status, 200)
      })
    )

    strict("every answer carries a request id of its own", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const answers = [
          yield* send(tokenRequest(sandbox.account)),
          yield* retrieve(id, bearer),
          yield* retrieve(id, Redacted.make("none")),
          yield* send(HttpClientRequest.get("/"))
        ]
        assert.deepStrictEqual(
          answers.map(({ headers }) => headers["x-request-id"]),
          ["sandbox-request-2", "sandbox-request-3", "sandbox-request-4", "sandbox-request-5"]
        )
      })
    )
  })
}
