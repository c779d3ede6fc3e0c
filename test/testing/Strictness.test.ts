import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import { firstTicketId, itOn, requestToken, retrieve, tokenRequest, transports } from "./transports.ts"

const ticketPath = `/api/v1/supportTickets/${firstTicketId}/`

const send = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), ({ headers, status, text }) =>
    Effect.map(text, (text) => ({ status, headers, text }))
  )

const withAuthorization = (request: HttpClientRequest.HttpClientRequest, value: string | undefined) =>
  value === undefined ? request : HttpClientRequest.setHeader(request, "authorization", value)

for (const { title, transport } of transports) {
  describe(`the sandbox (${title})`, () => {
    const it = itOn(transport)

    it("redirects a path without its trailing slash, for every method, and processes nothing", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.seed()
        const token = yield* requestToken(sandbox.account)
        const retrieveWithoutSlash = HttpClientRequest.get(`${ticketPath.slice(0, -1)}?a=1`).pipe(
          HttpClientRequest.bearerToken(token)
        )
        for (const { location, request } of [
          { request: retrieveWithoutSlash, location: `${ticketPath}?a=1` },
          { request: tokenRequest(sandbox.account, "/oauth2/token"), location: "/oauth2/token/" },
          { request: HttpClientRequest.post("/api/v1/supportTickets"), location: "/api/v1/supportTickets/" }
        ]) {
          const { headers, status } = yield* send(request)
          assert.strictEqual(status, 301)
          assert.strictEqual(headers["location"], location)
        }
        assert.strictEqual(yield* sandbox.count("create"), 0)
        assert.strictEqual(yield* sandbox.count("token"), 1)
        assert.strictEqual(yield* sandbox.count("retrieve"), 0)
      }))

    it("responds 405 to a wrong method and names the right one in Allow", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.seed()
        const token = yield* requestToken(sandbox.account)
        for (const method of ["POST", "PUT", "PATCH", "DELETE"] as const) {
          const { headers, status } = yield* send(
            HttpClientRequest.make(method)(ticketPath).pipe(HttpClientRequest.bearerToken(token))
          )
          assert.deepStrictEqual({ method, status, allow: headers["allow"] }, { method, status: 405, allow: "GET" })
        }
        for (const path of ["/api/v1/supportTickets/", "/oauth2/token/"]) {
          const { headers, status } = yield* send(HttpClientRequest.get(path))
          assert.deepStrictEqual({ path, status, allow: headers["allow"] }, { path, status: 405, allow: "POST" })
          assert.strictEqual(headers["content-type"], "text/html; charset=utf-8")
        }
      }))

    it("responds 404 in HTML to an unknown path", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.seed()
        const token = yield* requestToken(sandbox.account)
        for (const path of [
          "/",
          "//",
          "/v2/supportTickets/",
          `/v1${ticketPath}`,
          "/api/v1/supportTickets//",
          "/api/v1/supportTickets/SUP-1001/",
          `/api/v1/supportTickets/${firstTicketId.slice(1)}/`,
          `/api/v1/supportTickets/${firstTicketId}/notes/`,
          "/api/v1/supportTickets/ABCDEF00-0000-4000-8000-000000000001/",
          `/api/v1/supporttickets/${firstTicketId}/`,
          `${ticketPath}/`
        ]) {
          const { headers, status, text } = yield* send(
            HttpClientRequest.get(path).pipe(HttpClientRequest.bearerToken(token))
          )
          assert.deepStrictEqual(
            { path, status, contentType: headers["content-type"] },
            { path, status: 404, contentType: "text/html; charset=utf-8" }
          )
          assert.include(text, "<title>Not Found</title>")
        }
      }))

    it("returns a ticket only for a valid Bearer token", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.seed()
        const { clientId, clientSecret } = sandbox.account
        const token = Redacted.value(yield* requestToken(sandbox.account))
        const request = HttpClientRequest.get(ticketPath)
        for (const authorization of [
          undefined,
          "",
          token,
          `Token ${token}`,
          `Bearer${token}`,
          `Bearer  ${token}`,
          `Bearer ${token} ${token}`,
          `Bearer ${token.toUpperCase()}!`,
          "Bearer ",
          `Basic ${btoa(`${clientId}:${Redacted.value(clientSecret)}`)}`
        ]) {
          const { status, text } = yield* send(withAuthorization(request, authorization))
          assert.deepStrictEqual({ authorization, status }, { authorization, status: 401 })
          assert.include(text, '"code":40001')
        }
        assert.strictEqual((yield* send(withAuthorization(request, `bearer ${token}`))).status, 200)
      }))

    it("grants a token only for the right Basic credentials", (sandbox) =>
      Effect.gen(function* () {
        const { clientId } = sandbox.account
        const clientSecret = Redacted.value(sandbox.account.clientSecret)
        const request = HttpClientRequest.post("/oauth2/token/").pipe(
          HttpClientRequest.bodyUrlParams({
            grant_type: "client_credentials",
            client_id: clientId,
            client_secret: clientSecret
          })
        )
        for (const authorization of [
          undefined,
          "Basic",
          "Basic !!!",
          `Basic ${btoa(clientId)}`,
          `Basic ${btoa(`${clientId}:`)}`,
          `Basic ${btoa(`${clientId}:${clientSecret} `)}`,
          `Basic ${btoa(`${clientSecret}:${clientId}`)}`,
          `Basic ${btoa(`other:${clientSecret}`)}`,
          `Bearer ${btoa(`${clientId}:${clientSecret}`)}`
        ]) {
          const { headers, status, text } = yield* send(withAuthorization(request, authorization))
          assert.deepStrictEqual(
            { authorization, status, text },
            { authorization, status: 401, text: '{"error":"invalid_client"}' }
          )
          assert.include(headers["www-authenticate"], "Basic")
        }
      }))

    it("grants a token only for a form with the grant type client_credentials", (sandbox) =>
      Effect.gen(function* () {
        const request = HttpClientRequest.post("/oauth2/token/").pipe(
          HttpClientRequest.basicAuth(sandbox.account.clientId, sandbox.account.clientSecret)
        )
        const grant = { grant_type: "client_credentials" }
        for (const notAForm of [
          request,
          HttpClientRequest.bodyJsonUnsafe(request, grant),
          HttpClientRequest.bodyText(request, "grant_type=client_credentials", "text/plain")
        ]) {
          const { status, text } = yield* send(notAForm)
          assert.strictEqual(status, 400)
          assert.include(text, '"error":"invalid_request"')
        }
        for (const wrongGrantType of [
          HttpClientRequest.bodyUrlParams(request, {}),
          HttpClientRequest.bodyUrlParams(request, { grant_type: "password" }),
          HttpClientRequest.bodyUrlParams(request, { grantType: "client_credentials" }),
          HttpClientRequest.bodyUrlParams(request, [
            ["grant_type", "client_credentials"],
            ["grant_type", "password"]
          ])
        ]) {
          const { status, text } = yield* send(wrongGrantType)
          assert.strictEqual(status, 400)
          assert.strictEqual(text, '{"error":"unsupported_grant_type"}')
        }
        const withCharset = HttpClientRequest.bodyText(
          request,
          "grant_type=client_credentials",
          "application/x-www-form-urlencoded;charset=UTF-8"
        )
        assert.strictEqual((yield* send(withCharset)).status, 200)
      }))

    it("numbers its responses in X-Request-Id", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.seed()
        const token = yield* requestToken(sandbox.account)
        const responses = [
          yield* send(tokenRequest(sandbox.account)),
          yield* retrieve(firstTicketId, token),
          yield* retrieve(firstTicketId, Redacted.make("none")),
          yield* send(HttpClientRequest.get("/"))
        ]
        assert.deepStrictEqual(
          responses.map(({ headers }) => headers["x-request-id"]),
          ["sandbox-request-2", "sandbox-request-3", "sandbox-request-4", "sandbox-request-5"]
        )
      }))
  })
}
