import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"

/** A span for an operation, if there is a tracer to see it: one that nobody sees costs as much as the rest of a call. */
export const withSpan =
  (name: string, attributes: Record<string, unknown> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
        ? effect
        : Effect.useSpan(name, { attributes }, (span) =>
            Effect.withParentSpan(effect, span, { captureStackTrace: false })
          )
    )

/** The same for a stream: from its first pull to its end. */
export const withStreamSpan =
  (name: string, attributes: Record<string, unknown>) =>
  <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
    Stream.unwrap(
      Effect.withFiber((fiber) =>
        Effect.succeed(
          fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer ? stream : Stream.withSpan(stream, name, { attributes })
        )
      )
    )
