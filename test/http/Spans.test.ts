import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { ScriptedReply, ScriptedStep } from "../../src/testing/index.ts"
import { collectSpans } from "../support/collectSpans.ts"
import { apiErrors, created, failed, pending, ticketId } from "../support/fixtures.ts"
import { calls, playScript, retrieve } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"

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
        "AuthService.accessToken > POST",
        "SupportTickets.retrieve > GET"
      ])
      assert.deepStrictEqual(trace.failed(), [])
      assert.deepStrictEqual(trace.open(), [])
      assert.deepStrictEqual(trace.attributes("SupportTickets.retrieve"), [{ ticketId }])
      assert.deepStrictEqual(trace.attributes("AuthService.accessToken"), [{}])
      assert.deepStrictEqual(trace.attributes("GET"), [
        {
          "http.request.method": "GET",
          "url.full": `https://ripio.test/api/v1/supportTickets/${ticketId}/`,
          "http.response.status_code": 200
        }
      ])
      assert.deepStrictEqual(
        trace.spans.filter(({ kind }) => kind === "client").map(({ name }) => name),
        ["POST", "GET"]
      )
    })
  )

  it.effect("of a wait include one for each poll", () =>
    Effect.gen(function* () {
      for (const call of ["awaitOutcome", "changes"] as const) {
        const trace = collectSpans()
        yield* playScript(calls[call], [tokenResponse(), json(pending), json(pending), json(failed)]).pipe(
          Effect.withTracer(trace.tracer)
        )
        const name = `SupportTickets.${call}`
        assert.deepStrictEqual(trace.tree(), [
          name,
          `${name} > SupportTickets.retrieve`,
          "SupportTickets.retrieve > AuthService.accessToken",
          "AuthService.accessToken > POST",
          "SupportTickets.retrieve > GET",
          `${name} > SupportTickets.retrieve`,
          "SupportTickets.retrieve > GET",
          `${name} > SupportTickets.retrieve`,
          "SupportTickets.retrieve > GET"
        ])
        assert.deepStrictEqual(trace.attributes(name), [{ ticketId }])
        assert.deepStrictEqual(trace.failed(), [])
        assert.deepStrictEqual(trace.open(), [])
      }
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
        trace.attributes("GET").map((attributes) => attributes["http.response.status_code"]),
        [undefined, 503, 502]
      )
      assert.deepStrictEqual(
        trace.attributes("GET").map((attributes) => attributes["error.type"]),
        [undefined, "503", "502"]
      )
      assert.deepStrictEqual(trace.failed(), ["SupportTickets.retrieve", "GET"])
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
          trace.attributes("GET").map((attributes) => attributes["error.type"]),
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
          failed: ["SupportTickets.retrieve", "AuthService.accessToken"]
        },
        {
          call: "retrieve",
          script: [tokenResponse(), { status: 404, json: apiErrors.notFound }],
          failed: ["SupportTickets.retrieve"]
        },
        {
          call: "retrieve",
          script: [tokenResponse(), { status: 200, text: "{" }],
          failed: ["SupportTickets.retrieve"]
        },
        {
          call: "awaitOutcome",
          script: [tokenResponse(), { status: 403, json: apiErrors.notEnabled }],
          failed: ["SupportTickets.awaitOutcome", "SupportTickets.retrieve"]
        },
        {
          call: "changes",
          script: [tokenResponse(), { status: 404, json: apiErrors.notFound }],
          failed: ["SupportTickets.changes", "SupportTickets.retrieve"]
        }
      ]
      for (const { call, failed, script } of cases) {
        const trace = collectSpans()
        const { exit } = yield* playScript(calls[call], script).pipe(Effect.withTracer(trace.tracer))
        assert(Exit.isFailure(exit))
        assert.deepStrictEqual(trace.failed(), failed)
        const outermost = trace.spans[0]?.status
        assert(outermost?._tag === "Ended" && Exit.isFailure(outermost.exit))
        assert.deepStrictEqual(
          outermost.exit.cause.reasons.map((reason) => reason._tag === "Fail" && reason.error),
          exit.cause.reasons.map((reason) => reason._tag === "Fail" && reason.error)
        )
      }
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
        yield* playScript(Effect.withSpan(calls[call], "caller"), script)
        assert.deepStrictEqual(parents, ["caller", "caller"], call)
      }
    })
  )
})
