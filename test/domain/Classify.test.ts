import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { apiErrors, created } from "../support/fixtures.ts"
import { classify, classifyTokenResponse, range, rawResponse, unknownCode } from "./responses.ts"

describe("classify", () => {
  it("returns the JSON of every 2xx unchanged", () => {
    for (const status of range(200, 299)) {
      assert.deepStrictEqual(classify(rawResponse(status, created)), { _tag: "Success", json: created })
    }
    assert.deepStrictEqual(classify(rawResponse(200, "null")), { _tag: "Success", json: null })
  })

  it("returns the fields of an API error, and omits a request id that the response does not have", () => {
    assert.deepStrictEqual(classify(rawResponse(404, unknownCode, { requestId: "7f3a" })), {
      _tag: "ApiError",
      ...unknownCode,
      status: 404,
      requestId: "7f3a"
    })
    assert.deepStrictEqual(classify(rawResponse(404, unknownCode)), { _tag: "ApiError", ...unknownCode, status: 404 })
    assert.deepStrictEqual(classify(rawResponse(401, "")), { _tag: "Unauthenticated", status: 401 })
  })

  it("marks only transient failures as retryable", () => {
    const retryable = range(200, 599).filter((status) => {
      const classification = classify(rawResponse(status, ""))
      return "isRetryable" in classification && classification.isRetryable
    })
    assert.deepStrictEqual(retryable, [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])
  })

  it("returns RateLimited for a Retry-After above 60 s on a 408, a 429 or a 5xx, and for no other status", () => {
    for (const seconds of [60, 60.001, 3600]) {
      const retryAfter = Duration.seconds(seconds)
      const limited = range(400, 599).filter((status) => {
        const classification = classify(rawResponse(status, "", { retryAfter }))
        if (classification._tag === "RateLimited") assert.deepEqual(classification.retryAfter, retryAfter)
        return classification._tag === "RateLimited"
      })
      assert.deepStrictEqual(limited, seconds > 60 ? [408, 429, ...range(500, 599)] : [429])
    }
  })

  it("returns UnexpectedResponse for a status below 200, and so does classifyTokenResponse, whatever the body", () => {
    for (const status of [0, 1, 100, 101, 103, 199]) {
      for (const body of [JSON.stringify(created), JSON.stringify(apiErrors.notFound), "", undefined]) {
        for (const classifyResponse of [classify, classifyTokenResponse]) {
          assert.deepInclude(classifyResponse(rawResponse(status, body)), { _tag: "UnexpectedResponse", status })
        }
      }
    }
  })

  it("redacts secrets before it truncates the excerpt, so that no part of a secret remains", () => {
    const secret = "s".repeat(100)
    const response = rawResponse(404, `${"x".repeat(500)}${secret}`, { secrets: [Redacted.make(secret)] })
    assert.deepInclude(classify(response), {
      _tag: "UnexpectedResponse",
      excerpt: `${"x".repeat(500)}<redacted>`
    })
  })
})
