import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

/** A span for an operation, if there is a tracer to see it: one that nobody sees costs as much as the rest of a call. */
export const withSpan =
  (name: string, attributes: Record<string, unknown> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
        ? effect
        : Effect.useSpan(name, { attributes }, (span) => Effect.withParentSpan(effect, span))
    )
