import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Tracer from "effect/Tracer"
import { collectSpans } from "../support/collectSpans.ts"
import { created, pending } from "../support/fixtures.ts"
import { account } from "../support/harness.ts"
import { playScript, retrieve, waits } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"

type Wrap = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

describe("trace headers", () => {
  const isTraceHeader = (name: string) => /trace|b3|span|baggage|sentry|uber/iu.test(name)
  const { tracer } = collectSpans()
  const contexts: ReadonlyArray<{ readonly name: string; readonly wrap: Wrap }> = [
    { name: "without a tracer", wrap: (effect) => effect },
    { name: "within a span of the caller", wrap: (effect) => Effect.withSpan(effect, "caller") },
    { name: "with a tracer", wrap: (effect) => Effect.withTracer(effect, tracer) },
    {
      name: "with a tracer, within a span of the caller",
      wrap: (effect) => Effect.withTracer(Effect.withSpan(effect, "caller"), tracer)
    },
    {
      name: "within a span of another process",
      wrap: (effect) =>
        Effect.withParentSpan(effect, Tracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16) }))
    }
  ]

  for (const { name, wrap } of contexts) {
    it.effect(`are not sent ${name}`, () =>
      Effect.gen(function* () {
        const script = [tokenResponse(), { status: 503 }, json(pending), json(created)]
        for (const call of waits) {
          const { requests } = yield* wrap(playScript(call, script))
          for (const { headers } of requests) assert.deepStrictEqual(Object.keys(headers).filter(isTraceHeader), [])
        }
      })
    )

    it.effect(`are not sent ${name}, with fetch`, () =>
      Effect.gen(function* () {
        const sent: Array<ReadonlyArray<string>> = []
        const fetch: typeof globalThis.fetch = (_, init) => {
          sent.push([...new Headers(init?.headers).keys()])
          return Promise.resolve(Response.json(sent.length === 1 ? tokenResponse().json : created))
        }
        const layer = account().pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch))
        )
        yield* wrap(Effect.provide(retrieve, layer))
        assert.strictEqual(sent.length, 2)
        assert.include(sent[1] ?? [], "authorization")
        for (const names of sent) assert.deepStrictEqual(names.filter(isTraceHeader), [])
      })
    )
  }

  it.effect("are not sent by a client that creates its own spans", () =>
    Effect.gen(function* () {
      const sent: Array<ReadonlyArray<string>> = []
      const { spans, tracer } = collectSpans()
      const client = HttpClient.make((request) =>
        Effect.sync(() => {
          sent.push(Object.keys(request.headers))
          const body = sent.length === 1 ? tokenResponse().json : created
          return HttpClientResponse.fromWeb(request, Response.json(body))
        })
      ).pipe(HttpClient.transformResponse(Effect.provideService(HttpClient.TracerDisabledWhen, () => false)))
      const layer = account().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
      yield* Effect.provide(retrieve, layer).pipe(Effect.withTracer(tracer))
      assert.strictEqual(spans.filter(({ kind }) => kind === "client").length, 4)
      for (const names of sent) assert.deepStrictEqual(names.filter(isTraceHeader), [])
    })
  )
})
