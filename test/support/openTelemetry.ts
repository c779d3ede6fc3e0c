import * as OtelMetrics from "@effect/opentelemetry/OtelMetrics"
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import * as Resource from "@effect/opentelemetry/Resource"
import { MetricReader } from "@opentelemetry/sdk-metrics"
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"

/** The tracer of the OpenTelemetry SDK, with an exporter in memory. */
export const inMemoryTracer = () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const layer = OtelTracer.layer.pipe(
    Layer.provide(Layer.succeed(OtelTracer.OtelTracerProvider, provider)),
    Layer.provide(Resource.layer({ serviceName: "shop" }))
  )
  return { layer, exporter }
}

class InMemoryReader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

/** Runs a program with new metrics, and returns them as the OpenTelemetry SDK exports them. */
export const exportedMetrics = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    yield* program
    const reader = new InMemoryReader()
    const producer = yield* OtelMetrics.makeProducer()
    yield* OtelMetrics.registerProducer(producer, () => reader)
    const { resourceMetrics } = yield* Effect.promise(() => reader.collect())
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)
  }).pipe(
    Effect.scoped,
    Effect.provide(Resource.layer({ serviceName: "shop" })),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
