import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { RipioHttp } from "../../src/index.ts"
import { collectSpans } from "../support/collectSpans.ts"
import { apiErrors } from "../support/fixtures.ts"
import { operation, scriptedHttp, scriptedTickets } from "../support/harness.ts"
import { playScript, retrieve } from "../support/playScript.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { ok, tokenResponse } from "../support/replies.ts"
import { failsWithin, fieldsOf } from "../support/virtualTime.ts"

describe("RipioHttp.execute", () => {
  it.effect("sends the request below the base URL, with the token, and accepts JSON", () =>
    Effect.gen(function* () {
      const { requests, send } = yield* scriptedHttp([ok, ok], {
        environment: { baseUrl: "https://proxy.test/ripio/" }
      })
      yield* send(HttpClientRequest.get("/api/v1/depositNetworks/", { urlParams: { page: "2" } }))
      yield* send(HttpClientRequest.post("/api/v1/customers/").pipe(HttpClientRequest.bodyJsonUnsafe({ a: "ñ" })))
      const [get, post] = yield* requests
      assert.deepInclude(get, {
        method: "GET",
        url: "https://proxy.test/ripio/api/v1/depositNetworks/?page=2",
        body: ""
      })
      assert.deepInclude(post, { method: "POST", url: "https://proxy.test/ripio/api/v1/customers/", body: '{"a":"ñ"}' })
      for (const request of [get, post]) {
        assert.strictEqual(request?.headers["accept"], "application/json")
        const authorization = request?.headers["authorization"]
        assert(Redacted.isRedacted(authorization))
        assert.strictEqual(Redacted.value(authorization), "Bearer static-token")
      }
      assert.strictEqual(post?.headers["content-type"], "application/json")
    })
  )

  it.effect("sends the request to the host of the base URL, whatever its path is", () =>
    Effect.gen(function* () {
      const paths = [
        "https://elsewhere.test/",
        "//elsewhere.test/",
        "@elsewhere.test/",
        ".elsewhere.test/",
        "\\\\elsewhere.test/",
        ":80@elsewhere.test/",
        "",
        "x/"
      ]
      for (const path of paths) {
        const scripted = yield* scriptedTickets([{ status: 200, json: {} }])
        yield* RipioHttp.use((http) =>
          http.execute(HttpClientRequest.get(path), { operation: "x", decode: Result.succeed })
        ).pipe(Effect.provide(scripted.layer))
        const [request] = yield* scripted.requests
        assert.strictEqual(new URL(request?.url ?? "").origin, "https://ripio.test", path)
      }
    })
  )

  it.effect("fails with an ApiError that has every field of the error body", () =>
    Effect.gen(function* () {
      const body = {
        code: 20000,
        type: "ValidationError",
        detail: { message: "Wrong.", fields: { amount: ["too small", null, 1.5] } },
        status: 400
      }
      const headers = { "x-request-id": "request-7" }
      const { get, times } = yield* scriptedHttp([{ status: 400, json: body, headers }])
      const error = yield* Effect.flip(get)
      assert.deepStrictEqual(fieldsOf(error), { _tag: "ApiError", ...body, requestId: "request-7", attempts: 1 })
      assert.strictEqual(
        error.message,
        "The API refused the request: Wrong. (400, code 20000 ValidationError, request request-7)"
      )
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("counts the attempts before an ApiError", () =>
    Effect.gen(function* () {
      const { get } = yield* scriptedHttp(["refused", { status: 503 }, { status: 404, json: apiErrors.notFound }])
      const { error } = yield* failsWithin("1 minute", get)
      assert.deepInclude(error, { _tag: "ApiError", attempts: 3 })
    })
  )

  it.effect("returns what the decoder returns, and reports its error as the issue", () =>
    Effect.gen(function* () {
      const { execute } = yield* scriptedHttp([ok, ok])
      const request = HttpClientRequest.get("/")
      const error = yield* Effect.flip(
        execute(request, { operation, decode: () => Result.fail("amount: is above the limit") })
      )
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), {
        _tag: "UnexpectedResponse",
        status: 200,
        issue: "amount: is above the limit",
        excerpt: '{"ok":true}'
      })
      assert.strictEqual(yield* execute(request, { operation, decode: () => Result.succeed(7) }), 7)
    })
  )

  it.effect("sends no header but accept and authorization, with a tracer and without", () =>
    Effect.gen(function* () {
      const { spans, tracer } = collectSpans()
      const { get, requests } = yield* scriptedHttp([ok, ok, ok])
      yield* get
      yield* Effect.withSpan(get, "outer")
      yield* get.pipe(Effect.withSpan("traced"), Effect.withTracer(tracer))
      assert.include(
        spans.map(({ name }) => name),
        "traced"
      )
      for (const { headers } of yield* requests) {
        assert.deepStrictEqual(Object.keys(headers).toSorted(), ["accept", "authorization"])
      }
    })
  )

  it.effect("creates errors without a stack trace, and does not change the stack trace of other errors", () =>
    Effect.gen(function* () {
      const limit = Error.stackTraceLimit
      const script = [tokenResponse(), { status: 404, json: apiErrors.notFound }]
      const { exit } = yield* playScript(Effect.flip(retrieve), script)
      const error = Exit.isSuccess(exit) ? exit.value : assert.fail("retrieve must fail")
      assert.strictEqual(error._tag, "NotFound")
      assert.notInclude(error.stack ?? "", "\n    at ")
      assert.strictEqual(Error.stackTraceLimit, limit)
      assert.include(new Error("another error").stack ?? "", "\n    at ")
    })
  )
})
