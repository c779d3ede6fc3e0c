import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { formatDetails } from "../domain/ApiError.ts"
import type { Classification } from "../domain/classify.ts"
import type { RawResponse } from "../domain/RawResponse.ts"
import type { RipioHttpErrorReason } from "../domain/RipioHttpError.ts"
import { CurrentPoll } from "./http/gate/currentPoll.ts"
import { stopwatchMillis } from "./http/monotonic.ts"
import { errorTypeOf, type OperationMetrics } from "./metrics.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** An error of the library. */
interface AnyError {
  readonly _tag: string
  readonly message: string
  readonly reason?: { readonly _tag: string } | undefined
}

// A span that no tracer exports costs as much as the rest of a call, so spans exist only if a tracer is installed.
const hasTracer = ({ cache }: AnyFiber): boolean => cache.tracer !== undefined && cache.tracer !== Tracer.nativeTracer

/** Changes the current span of a fiber. */
const changeSpan = (fiber: AnyFiber, change: (span: Tracer.Span) => void): void => {
  if (!hasTracer(fiber)) return
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span?._tag !== "Span") return
  try {
    change(span)
  } catch {
    // A tracer that fails does not fail the call.
  }
}

/** An error as exporters read it. They use its `code`, if it has one, or else its name as `exception.type`. */
const spanError = (name: string, message: string) => ({ name, message })

/** Adds to a span what an exit says. Returns the exit that the span ends with, if it is another one. */
type Observe<A, E> = (span: Tracer.Span, exit: Exit.Exit<A, E>) => Exit.Exit<unknown, unknown> | undefined

const observeFailure: Observe<unknown, AnyError> = (span, exit) => {
  const error = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
  // An interruption or a defect.
  if (error === undefined) return undefined
  span.attribute("error.type", errorTypeOf(error))
  return Exit.mapError(exit, ({ _tag, message }) => spanError(_tag, message))
}

/** Ends a span with another exit than that of its effect. The first end of a span counts. */
const endSpan = (span: Tracer.Span, exit: Exit.Exit<unknown, unknown>) =>
  Effect.withFiber((fiber) => {
    const isTimed = fiber.getRef(References.TracerTimingEnabled)
    span.end(isTimed ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe() : 0n, exit)
    return Effect.void
  })

/**
 * Runs an effect in a span. A tracer that throws changes neither whether the effect runs nor its result, which may be the
 * only evidence of a ticket.
 */
const inSpan = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  options: Tracer.SpanOptionsNoTrace,
  observe: Observe<A, E>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let hasBegun = false
    let exit: Exit.Exit<A, E> | undefined
    const traced = Effect.useSpan(name, options, (span) => {
      const recorded = Effect.suspend(() => {
        hasBegun = true
        return Effect.onExitPrimitive(effect, (result) => {
          exit = result
          const observed = observe(span, result)
          return observed === undefined ? undefined : endSpan(span, observed)
        })
      })
      return Effect.withParentSpan(recorded, span, { captureStackTrace: false })
    })
    return Effect.catchDefect(traced, (defect) => exit ?? (hasBegun ? Effect.die(defect) : effect))
  })

/** The `url.template` of the requests of an operation. Set only if a tracer is installed. */
const UrlTemplate = Context.Reference<string | undefined>("effect-ripio-tickets/UrlTemplate", {
  defaultValue: () => undefined
})

const runIn = <A, E extends AnyError, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  options: Tracer.SpanOptionsNoTrace,
  urlTemplate: string | undefined
): Effect.Effect<A, E, R> =>
  inSpan(
    urlTemplate === undefined ? effect : Effect.provideService(effect, UrlTemplate, urlTemplate),
    name,
    options,
    observeFailure
  )

/** Runs an operation in a span. */
export const withSpan =
  (name: string, { attributes = {}, urlTemplate }: OperationSpan = {}) =>
  <A, E extends AnyError, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => (hasTracer(fiber) ? runIn(effect, name, { attributes }, urlTemplate) : effect))

interface OperationSpan {
  readonly attributes?: Record<string, unknown>
  /** The path of the operation's requests, with names in place of its variable parts. */
  readonly urlTemplate?: string
}

/**
 * Runs an operation that may be a poll in a span.
 *
 * A wait may poll for days, and the span of a wait with thousands of children is more than a tracing system shows. So the
 * span of a poll begins a trace, and links to the span of its wait.
 */
export const withPollSpan =
  (name: string, { attributes = {}, urlTemplate }: OperationSpan) =>
  <A, E extends AnyError, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      if (!hasTracer(fiber)) return effect
      const wait = fiber.getRef(CurrentPoll) && Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
      const link: Tracer.SpanOptionsNoTrace =
        wait === undefined
          ? {}
          : { root: true, links: [{ span: wait, attributes: {} }], ...(wait.sampled ? {} : { sampled: false }) }
      return runIn(effect, name, { attributes, ...link }, urlTemplate)
    })

/** Adds to the current span that its operation waited for the account gate. */
export const addGateWait = (fiber: AnyFiber, millis: number): void =>
  changeSpan(fiber, (span) =>
    span.event("ripio.gate.wait", fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), {
      "ripio.gate.wait": millis / 1000
    })
  )

/** Adds to the current span, that of a wait, how often it polled. */
export const addPollCounts = (fiber: AnyFiber, polls: number, failedPolls: number): void =>
  changeSpan(fiber, (span) => {
    span.attribute("ripio.polls", polls)
    span.attribute("ripio.polls.failed", failedPolls)
  })

/** Runs a stream in a span that lasts from the first pull to the end. */
export const withStreamSpan =
  (name: string, attributes: Record<string, unknown>) =>
  <A, E extends AnyError, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> => {
    const traced = Effect.map(Effect.makeSpan(name, { attributes }), (span) =>
      stream.pipe(
        Stream.provideService(Tracer.ParentSpan, span),
        Stream.onExit((exit) =>
          Effect.ignoreCause(Effect.suspend(() => endSpan(span, observeFailure(span, exit) ?? exit)))
        )
      )
    )
    return Stream.unwrap(
      Effect.withFiber((fiber) =>
        hasTracer(fiber) ? Effect.catchDefect(traced, () => Effect.succeed(stream)) : Effect.succeed(stream)
      )
    )
  }

/** One attempt of a request, for its span and its metrics. */
export interface AttemptInfo {
  readonly metrics: OperationMetrics
  /** The number of the attempt, from 1. */
  readonly number: number
  readonly classify: (response: RawResponse) => Classification
}

/**
 * Measures one attempt of a request, and runs it in a client span if a tracer is installed. Both are by OpenTelemetry's
 * conventions for HTTP.
 */
export const withAttemptSpan = <E extends RipioHttpErrorReason>(
  request: HttpClientRequest,
  info: AttemptInfo,
  attempt: Effect.Effect<RawResponse, E>
): Effect.Effect<RawResponse, E> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const start = stopwatchMillis(clock)
    const measured = Effect.onExitPrimitive(attempt, (exit) => {
      try {
        info.metrics.duration(request.method, resultOf(exit), (stopwatchMillis(clock) - start) / 1000, fiber.context)
      } catch {
        // A clock or a registry that fails does not hide how the request ended.
      }
      return undefined
    })
    return hasTracer(fiber) ? inAttemptSpan(request, info, measured, fiber) : measured
  })

/** The status of the response, or the kind of the failure. */
const resultOf = (exit: Exit.Exit<RawResponse, RipioHttpErrorReason>): number | string => {
  if (Exit.isSuccess(exit)) return exit.value.status
  // OpenTelemetry names every kind without a name `_OTHER`.
  return (
    exit.cause.reasons.find(Cause.isFailReason)?.error._tag ??
    (Cause.hasInterrupts(exit.cause) ? "Interrupted" : "_OTHER")
  )
}

const inAttemptSpan = <E extends RipioHttpErrorReason>(
  request: HttpClientRequest,
  { classify, metrics: { server }, number }: AttemptInfo,
  attempt: Effect.Effect<RawResponse, E>,
  fiber: AnyFiber
): Effect.Effect<RawResponse, E> => {
  const { method } = request
  const template = fiber.getRef(UrlTemplate)
  const attributes: Record<string, unknown> = {
    "http.request.method": method,
    "url.full": urlOf(request),
    "server.address": server.address,
    "server.port": server.port,
    ...(template === undefined ? {} : { "url.template": template }),
    ...(number > 1 ? { "http.request.resend_count": number - 1 } : {})
  }
  return inSpan(
    attempt,
    template === undefined ? method : `${method} ${template}`,
    { kind: "client", attributes },
    (span, exit) => {
      if (Exit.isFailure(exit)) return observeFailure(span, exit)
      const { status } = exit.value
      span.attribute("http.response.status_code", status)
      if (status < 400) return undefined
      span.attribute("error.type", `${status}`)
      const refusal = classify(exit.value)
      return Exit.fail(spanError(refusal._tag, messageOf(refusal)))
    }
  )
}

const messageOf = (classification: Classification): string =>
  "message" in classification
    ? classification.message
    : classification._tag === "Success"
      ? ""
      : `The API refused the request ${formatDetails(classification)}`

/** The URL of a request. The values of a query may be secrets, so it shows only their names. */
const urlOf = ({ url, urlParams }: HttpClientRequest): string => {
  try {
    // Without a query, and without credentials in it. A new `URL` costs as much as a span.
    if (urlParams.params.length === 0 && !/[?#@]/u.test(url)) return url
    const { origin, pathname, searchParams } = new URL(url)
    const names = [...searchParams.keys(), ...Array.from(urlParams, ([name]) => name)]
    const query = names.map((name) => `${encodeURIComponent(name)}=REDACTED`).join("&")
    return `${origin}${pathname}${query === "" ? "" : `?${query}`}`
  } catch {
    // Not a URL: the transport refuses it.
    return ""
  }
}
