import { assert, describe, it } from "@effect/vitest"
import { apiErrors } from "../support/fixtures.ts"
import { classifyTokenResponse, html, range, rawResponse, unknownCode } from "./responses.ts"

describe("classifyTokenResponse", () => {
  const refusals = ["invalid_client", "unauthorized_client", "invalid_grant", "access_denied"]
  const requestErrors = ["invalid_request", "unsupported_grant_type", "invalid_scope", "server_error", "anything"]
  const clientErrors = range(400, 499).filter((status) => status !== 408 && status !== 429)

  it("returns Unauthenticated for an RFC 6749 error about the client, on any 4xx", () => {
    for (const type of refusals) {
      for (const status of clientErrors) {
        const body = { error: type, error_description: "Client authentication failed" }
        assert.deepStrictEqual(classifyTokenResponse(rawResponse(status, body, { requestId: "7f3a" })), {
          _tag: "Unauthenticated",
          status,
          requestId: "7f3a",
          type
        })
      }
    }
  })

  it("returns UnexpectedResponse for an RFC 6749 error about the request, except on 401", () => {
    for (const type of requestErrors) {
      for (const status of clientErrors) {
        assert.deepInclude(
          classifyTokenResponse(rawResponse(status, { error: type })),
          status === 401
            ? { _tag: "Unauthenticated", status, type }
            : {
                _tag: "UnexpectedResponse",
                status,
                issue: `the token endpoint refused the request: ${type}`,
                excerpt: JSON.stringify({ error: type })
              }
        )
      }
    }
  })

  it("returns Unauthenticated for an API error with code 40001, on every error status", () => {
    for (const status of range(400, 599)) {
      assert.deepStrictEqual(classifyTokenResponse(rawResponse(status, apiErrors.notAuthenticated)), {
        _tag: "Unauthenticated",
        ...apiErrors.notAuthenticated,
        status
      })
    }
  })

  it("returns UnexpectedResponse for an API error with any other code", () => {
    for (const body of [unknownCode, apiErrors.notEnabled, apiErrors.notFound]) {
      assert.deepInclude(classifyTokenResponse(rawResponse(400, body)), {
        _tag: "UnexpectedResponse",
        status: 400,
        issue: `code ${body.code} (${body.type}) is not documented for this operation`
      })
    }
  })

  it("returns ServerFailed or RateLimited for a 408, a 429 or a 5xx, even if the body is about the client", () => {
    const body = { error: "invalid_client" }
    for (const status of [408, ...range(500, 599)]) {
      assert.deepInclude(classifyTokenResponse(rawResponse(status, body)), { _tag: "ServerFailed", status })
    }
    assert.deepInclude(classifyTokenResponse(rawResponse(429, body)), { _tag: "RateLimited", status: 429 })
  })

  it("returns UnexpectedResponse for an OAuth error outside of 4xx", () => {
    for (const status of [300, 302, 399]) {
      assert.deepInclude(classifyTokenResponse(rawResponse(status, { error: "invalid_client" })), {
        _tag: "UnexpectedResponse",
        status,
        excerpt: '{"error":"invalid_client"}'
      })
    }
  })

  it("returns UnexpectedResponse for a refusal whose body is too large to read", () => {
    assert.deepInclude(classifyTokenResponse(rawResponse(400, undefined)), { _tag: "UnexpectedResponse", status: 400 })
  })

  it("returns Unauthenticated for a 401 with any body", () => {
    for (const body of [html, "", undefined, "{", { other: 1 }]) {
      assert.deepStrictEqual(classifyTokenResponse(rawResponse(401, body)), { _tag: "Unauthenticated", status: 401 })
    }
  })

  it("shows nothing of a 2xx body that it cannot read, because it may hold the token", () => {
    for (const body of ['{"accessToken":"t0ken', "", undefined, html]) {
      assert.deepInclude(classifyTokenResponse(rawResponse(200, body)), {
        _tag: "UnexpectedResponse",
        status: 200,
        excerpt: ""
      })
    }
    assert.deepStrictEqual(classifyTokenResponse(rawResponse(200, { a: 1 })), { _tag: "Success", json: { a: 1 } })
  })
})
