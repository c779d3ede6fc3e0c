import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { constVoid } from "effect/Function"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { RawResponse } from "../domain/RawResponse.ts"

// A span that no tracer exports costs as much as the rest of a call, so spans exist only if a tracer is installed.
const hasTracer = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer

/**
 * Runs an effect in a span. A tracer that throws changes neither whether the effect runs nor its result, which may be the
 * only evidence of a ticket.
 */
const inSpan = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  options: Tracer.SpanOptionsNoTrace,
  onSuccess: (span: Tracer.Span, value: A) => void = constVoid
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let hasBegun = false
    let exit: Exit.Exit<A, E> | undefined
    const recorded = Effect.suspend(() => {
      hasBegun = true
      return Effect.onExit(effect, (result) =>
        Effect.sync(() => {
          exit = result
        })
      )
    })
    const traced = Effect.useSpan(name, options, (span) =>
      Effect.tap(Effect.withParentSpan(recorded, span, { captureStackTrace: false }), (value) =>
        Effect.sync(() => onSuccess(span, value))
      )
    )
    return Effect.catchDefect(traced, (defect) => exit ?? (hasBegun ? Effect.die(defect) : effect))
  })

/** Runs an effect in a span. */
export const withSpan =
  (name: string, attributes: Record<string, unknown> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => (hasTracer(fiber) ? inSpan(effect, name, { attributes }) : effect))

/** Adds to the current span that its operation waited for the account gate. */
export const addGateWait = (fiber: Fiber.Fiber<unknown, unknown>, millis: number): void => {
  if (!hasTracer(fiber)) return
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span?._tag !== "Span") return
  try {
    span.event("ripio.gate.wait", fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), {
      "ripio.gate.wait": millis / 1000
    })
  } catch {
    // A tracer that fails does not fail the call.
  }
}

/** Runs a stream in a span that lasts from the first pull to the end. */
export const withStreamSpan =
  (name: string, attributes: Record<string, unknown>) =>
  <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
    Stream.unwrap(
      Effect.withFiber((fiber) =>
        Effect.succeed(hasTracer(fiber) ? Stream.withSpan(stream, name, { attributes }) : stream)
      )
    )

/** Runs one attempt of a request in a client span, by OpenTelemetry's conventions for HTTP. */
export const withAttemptSpan = <E>(
  { method, url }: HttpClientRequest,
  attempt: Effect.Effect<RawResponse, E>
): Effect.Effect<RawResponse, E> =>
  Effect.withFiber((fiber) =>
    hasTracer(fiber)
      ? inSpan(
          attempt,
          method,
          { kind: "client", attributes: { "http.request.method": method, "url.full": url } },
          (span, { status }) => {
            span.attribute("http.response.status_code", status)
            if (status >= 400) span.attribute("error.type", `${status}`)
          }
        )
      : attempt
  )
