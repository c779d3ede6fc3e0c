import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Tracer from "effect/Tracer"
import { RipioHttp } from "../../src/index.ts"
import type { ScriptedReply, ScriptedStep } from "../../src/testing/index.ts"
import { collectSpans } from "../support/collectSpans.ts"
import { apiErrors, created, failed, pending, ticketId } from "../support/fixtures.ts"
import { calls, playScript, retrieve } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"

const get = "GET /api/v1/supportTickets/{ticketId}/"
const post = "POST /oauth2/token/"
const server = { "server.address": "ripio.test", "server.port": 443 }

describe("the spans", () => {
  it.effect("of retrieve include the token, the token request and the request", () =>
    Effect.gen(function* () {
      const trace = collectSpans()
      yield* playScript(Effect.withSpan(retrieve, "caller"), [tokenResponse(), json(created)]).pipe(
        Effect.withTracer(trace.tracer)
      )
      assert.deepStrictEqual(trace.tree(), [
        "caller",
        "caller > SupportTickets.retrieve",
        "SupportTickets.retrieve > AuthService.accessToken",
        `AuthService.accessToken > ${post}`,
        `SupportTickets.retrieve > ${get}`
      ])
      assert.deepStrictEqual(trace.failed(), [])
      assert.deepStrictEqual(trace.open(), [])
      assert.deepStrictEqual(trace.attributes("SupportTickets.retrieve"), [{ ticketId }])
      assert.deepStrictEqual(trace.attributes("AuthService.accessToken"), [{}])
      assert.deepStrictEqual(trace.attributes(post), [
        {
          ...server,
          "http.request.method": "POST",
          "url.full": "https://ripio.test/oauth2/token/",
          "url.template": "/oauth2/token/",
          "http.response.status_code": 200
        }
      ])
      assert.deepStrictEqual(trace.attributes(get), [
        {
          ...server,
          "http.request.method": "GET",
          "url.full": `https://ripio.test/api/v1/supportTickets/${ticketId}/`,
          "url.template": "/api/v1/supportTickets/{ticketId}/",
          "http.response.status_code": 200
        }
      ])
      assert.deepStrictEqual(
        trace.spans.filter(({ kind }) => kind === "client").map(({ name }) => name),
        [post, get]
      )
    })
  )

  it.effect("of polls each begin a trace, which links to the span of the wait", () =>
    Effect.gen(function* () {
      for (const call of ["awaitOutcome", "changes"] as const) {
        const trace = collectSpans()
        yield* playScript(Effect.withSpan(calls[call], "caller"), [
          tokenResponse(),
          json(pending),
          { status: 503 },
          json(failed)
        ]).pipe(Effect.withTracer(trace.tracer))
        const name = `SupportTickets.${call}`
        assert.deepStrictEqual(trace.tree(), [
          "caller",
          `caller > ${name}`,
          "SupportTickets.retrieve",
          "SupportTickets.retrieve > AuthService.accessToken",
          `AuthService.accessToken > ${post}`,
          `SupportTickets.retrieve > ${get}`,
          "SupportTickets.retrieve",
          `SupportTickets.retrieve > ${get}`,
          "SupportTickets.retrieve",
          `SupportTickets.retrieve > ${get}`
        ])
        assert.deepStrictEqual(trace.attributes(name), [{ ticketId, "ripio.polls": 3, "ripio.polls.failed": 1 }])
        const [wait, ...others] = trace.spans.filter((span) => span.name === name)
        assert.deepStrictEqual(others, [])
        const polls = trace.spans.filter((span) => span.name === "SupportTickets.retrieve")
        for (const { links } of polls) {
          assert.deepStrictEqual(
            links.map(({ span }) => span.spanId),
            [wait?.spanId]
          )
        }
        assert.strictEqual(new Set([wait, ...polls].map((span) => span?.traceId)).size, 4)
        // A retry is a new poll, and not a resent request.
        assert.isTrue(trace.attributes(get).every((attributes) => !("http.request.resend_count" in attributes)))
        assert.deepStrictEqual(trace.failed(), ["SupportTickets.retrieve", get])
        assert.deepStrictEqual(trace.open(), [])
      }
    })
  )

  it.effect("of polls are not sampled if that of the wait is not", () =>
    Effect.gen(function* () {
      const trace = collectSpans()
      const parent = Tracer.externalSpan({ traceId: "a", spanId: "b", sampled: false })
      yield* playScript(Effect.withParentSpan(calls.awaitOutcome, parent), [tokenResponse(), json(failed)]).pipe(
        Effect.withTracer(trace.tracer)
      )
      assert.strictEqual(trace.spans.length, 5)
      assert.deepStrictEqual([...new Set(trace.spans.map(({ sampled }) => sampled))], [false])
    })
  )

  it.effect("of a failed call include one for each attempt, and the spans around the failure end as failed", () =>
    Effect.gen(function* () {
      const trace = collectSpans()
      const { exit } = yield* playScript(retrieve, [tokenResponse(), "refused", { status: 503 }, { status: 502 }]).pipe(
        Effect.withTracer(trace.tracer)
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(
        trace.attributes(get).map((attributes) => attributes["http.response.status_code"]),
        [undefined, 503, 502]
      )
      assert.deepStrictEqual(
        trace.attributes(get).map((attributes) => attributes["error.type"]),
        ["TransportFailed", "503", "502"]
      )
      assert.deepStrictEqual(
        trace.attributes(get).map((attributes) => attributes["http.request.resend_count"]),
        [undefined, 1, 2]
      )
      assert.deepStrictEqual(trace.attributes("SupportTickets.retrieve"), [{ ticketId, "error.type": "ServerFailed" }])
      assert.deepStrictEqual(trace.failed(), ["SupportTickets.retrieve", get, get, get])
      assert.deepStrictEqual(trace.open(), [])
    })
  )

  it.effect("of attempts have an error.type from status 400 upwards", () =>
    Effect.gen(function* () {
      for (const { errorType, status } of [
        { status: 399, errorType: undefined },
        { status: 400, errorType: "400" }
      ]) {
        const trace = collectSpans()
        yield* playScript(retrieve, [tokenResponse(), { status }]).pipe(Effect.withTracer(trace.tracer))
        assert.deepStrictEqual(
          trace.attributes(get).map((attributes) => attributes["error.type"]),
          [errorType]
        )
      }
    })
  )

  it.effect("end as failed with the error that the caller receives", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<{
        readonly call: keyof typeof calls
        readonly script: ReadonlyArray<ScriptedStep>
        readonly failed: ReadonlyArray<string>
      }> = [
        {
          call: "retrieve",
          script: [{ status: 401 }],
          failed: ["SupportTickets.retrieve", "AuthService.accessToken", post]
        },
        {
          call: "retrieve",
          script: [tokenResponse(), { status: 404, json: apiErrors.notFound }],
          failed: ["SupportTickets.retrieve", get]
        },
        {
          call: "retrieve",
          script: [tokenResponse(), { status: 200, text: "{" }],
          failed: ["SupportTickets.retrieve"]
        },
        {
          call: "awaitOutcome",
          script: [tokenResponse(), { status: 403, json: apiErrors.notEnabled }],
          failed: ["SupportTickets.awaitOutcome", "SupportTickets.retrieve", get]
        },
        {
          call: "changes",
          script: [tokenResponse(), { status: 404, json: apiErrors.notFound }],
          failed: ["SupportTickets.changes", "SupportTickets.retrieve", get]
        }
      ]
      for (const { call, failed, script } of cases) {
        const trace = collectSpans()
        const { exit } = yield* playScript(calls[call], script).pipe(Effect.withTracer(trace.tracer))
        assert(Exit.isFailure(exit))
        assert.deepStrictEqual(trace.failed(), failed)
        const outermost = trace.spans[0]?.status
        assert(outermost?._tag === "Ended" && Exit.isFailure(outermost.exit))
        const shown = (cause: Cause.Cause<unknown>) => Cause.prettyErrors(cause).map(({ message }) => message)
        assert.deepStrictEqual(shown(outermost.exit.cause), shown(exit.cause))
        const error = exit.cause.reasons.find(Cause.isFailReason)?.error
        assert(Predicate.hasProperty(error, "_tag"))
        assert.deepStrictEqual(
          Cause.prettyErrors(outermost.exit.cause).map(({ name }) => name),
          [error._tag]
        )
      }
    })
  )

  it.effect("of another endpoint show the names in a query, and not the values", () =>
    Effect.gen(function* () {
      const trace = collectSpans()
      const request = HttpClientRequest.get("/api/v1/x/?signature=a-secret", {
        urlParams: { page: "private", "a b": "c" }
      })
      const call = RipioHttp.use((http) => http.execute(request, { operation: "x", decode: Result.succeed }))
      yield* playScript(call, [tokenResponse(), json({})]).pipe(Effect.withTracer(trace.tracer))
      assert.deepStrictEqual(trace.attributes("GET"), [
        {
          ...server,
          "http.request.method": "GET",
          "url.full": "https://ripio.test/api/v1/x/?signature=REDACTED&page=REDACTED&a%20b=REDACTED",
          "http.response.status_code": 200
        }
      ])
    })
  )

  it.effect("of a request that is sent again with a new token have a resend count", () =>
    Effect.gen(function* () {
      const trace = collectSpans()
      yield* playScript(retrieve, [tokenResponse("a"), { status: 401 }, tokenResponse("b"), json(created)]).pipe(
        Effect.withTracer(trace.tracer)
      )
      const attempts = trace.attributes(get)
      assert.deepStrictEqual(
        attempts.map((attributes) => [attributes["error.type"], attributes["http.request.resend_count"]]),
        [
          ["401", undefined],
          [undefined, 1]
        ]
      )
    })
  )

  it.effect("are not created without a tracer", () =>
    Effect.gen(function* () {
      for (const call of ["retrieve", "awaitOutcome", "changes"] as const) {
        const parents: Array<string> = []
        const recordParent =
          (reply: ScriptedReply): ScriptedStep =>
          () =>
            Effect.map(Effect.serviceOption(Tracer.ParentSpan), (parent) => {
              parents.push(Option.isSome(parent) && parent.value._tag === "Span" ? parent.value.name : "none")
              return reply
            })
        const script = [recordParent(tokenResponse()), recordParent(json(created))]
        yield* playScript(calls[call], script)
        assert.deepStrictEqual(parents, ["none", "none"], call)
        parents.length = 0
        // A program may switch tracing off with the tracer that Effect has by default.
        yield* Effect.withTracer(playScript(calls[call], script), Tracer.nativeTracer)
        assert.deepStrictEqual(parents, ["none", "none"], call)
        parents.length = 0
        yield* playScript(Effect.withSpan(calls[call], "caller"), script)
        assert.deepStrictEqual(parents, ["caller", "caller"], call)
      }
    })
  )
})
