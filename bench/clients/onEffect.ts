// Shared by the candidates that use Effect: the transport, the tracer, and one fiber for each session.
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Tracer from "effect/Tracer"
import { check, type Open } from "../client.ts"

// The tracer discards its spans, so that the benchmark does not include an exporter.
const tracer = Layer.succeed(Tracer.Tracer, Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))

/** @param make returns a function that retrieves a ticket, and returns its `issueKey` or "no such ticket" */
export const onEffect =
  <R, E>(
    make: (baseUrl: string) => Effect.Effect<(id: string) => Effect.Effect<string, unknown>, E, R | HttpClient>,
    layerOf: (baseUrl: string) => Layer.Layer<R, unknown, HttpClient>,
    fetchLayer: Layer.Layer<HttpClient> = FetchHttpClient.layer
  ): Open =>
  async ({ baseUrl, fetch, isTraced, transport }) => {
    const http =
      transport === "undici"
        ? (await import("@effect/platform-node/NodeHttpClient")).layerUndici
        : fetchLayer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)))
    const layer = layerOf(baseUrl).pipe(Layer.provideMerge(http))
    const runtime = ManagedRuntime.make(isTraced ? Layer.provideMerge(layer, tracer) : layer)
    const retrieve = await runtime.runPromise(make(baseUrl))
    return (id, calls) => {
      const call = Effect.map(
        Effect.suspend(() => retrieve(id)),
        (result) => check(id, result)
      )
      return runtime.runPromise(Effect.forEach(Array.from({ length: calls }), () => call, { discard: true }))
    }
  }
