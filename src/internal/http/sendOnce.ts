import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type { Headers } from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { RawResponse } from "../../domain/RawResponse.ts"
import { redact } from "../../domain/Redaction.ts"
import { type InvalidRequest, TimedOut, type TransportFailed } from "../../domain/RipioHttpError.ts"
import { withAttemptSpan } from "../tracing.ts"
import { readBody } from "./responseBody.ts"
import { parseRetryAfter } from "./retry.ts"
import { timeoutOrElse } from "./timeoutOrElse.ts"
import { toTransportReason } from "./transportError.ts"

/** Sends a request once and reads the whole response. */
export type SendOnce = (
  request: HttpClientRequest,
  /** The secrets of the request. Errors must not show them. */
  secrets: ReadonlyArray<Redacted.Redacted>
) => Effect.Effect<RawResponse, TransportFailed | TimedOut | InvalidRequest>

/**
 * Creates a {@link SendOnce} on the `HttpClient` of the context.
 *
 * @param timeout of each attempt, response body included
 */
export const makeSendOnce = Effect.fnUntraced(function* (timeout: Duration.Duration) {
  const init = Option.getOrUndefined(yield* Effect.serviceOption(FetchHttpClient.RequestInit))
  const client = HttpClient.mapRequestEffect(yield* HttpClient.HttpClient, disableFetchRedirects(init))
  const sendOnce: SendOnce = (request, secrets) => {
    const duration = uploadTimeout(timeout, request)
    const fail = (error: HttpClientError) => Effect.fail(toTransportReason(error, secrets))
    const read = (response: HttpClientResponse.HttpClientResponse) =>
      Effect.matchEffect(readBody(response), {
        onSuccess: (body) => toRawResponse(response, body, secrets),
        onFailure: fail
      })
    const attempt = Effect.matchEffect(withoutClientSpan(client.execute(request)), {
      onSuccess: read,
      // A client with `filterStatusOk` fails with the response.
      onFailure: (error) => (error.reason._tag === "StatusCodeError" ? read(error.reason.response) : fail(error))
    })
    return withAttemptSpan(
      request,
      timeoutOrElse(attempt, { duration, orElse: () => Effect.fail(new TimedOut({ after: duration })) })
    )
  }
  return sendOnce
})

// A slow line needs time for a large upload: one second per 128 KiB.
const uploadTimeout = (timeout: Duration.Duration, { body }: HttpClientRequest): Duration.Duration =>
  body._tag === "Empty"
    ? timeout
    : Duration.sum(timeout, Duration.seconds(Math.floor((body.contentLength ?? 0) / (128 * 1024))))

// The client's span records transport errors verbatim, which may contain secrets. `withAttemptSpan` replaces it.
const withoutClientSpan = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.updateContext(effect, (context: Context.Context<never>) =>
    context.pipe(
      Context.add(HttpClient.TracerPropagationEnabled, false),
      Context.add(HttpClient.TracerDisabledWhen, () => true)
    )
  )

// The user may provide a `RequestInit` in the client's layer, around our layer or around a call. Its other options stay, so
// this changes it in the fiber of the attempt, right before the client reads it.
const disableFetchRedirects = (outer: RequestInit | undefined) => (request: HttpClientRequest) =>
  Effect.withFiber((fiber) => {
    const init = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit) ?? outer
    fiber.setContext(Context.add(fiber.context, FetchHttpClient.RequestInit, { ...init, redirect: "manual" }))
    return Effect.succeed(request)
  })

const toRawResponse = (
  { headers, status }: HttpClientResponse.HttpClientResponse,
  body: string | undefined,
  secrets: ReadonlyArray<Redacted.Redacted>
): Effect.Effect<RawResponse> => {
  const response = { status, body, secrets, requestId: requestIdOf(headers, secrets) }
  const header = headers["retry-after"]
  return header === undefined
    ? Effect.succeed(response)
    : Effect.map(Clock.currentTimeMillis, (now) => ({
        ...response,
        retryAfter: parseRetryAfter(header, headers["date"], now)
      }))
}

// The API documents no such header. Proxies and frameworks use these.
const requestIdHeaders = ["x-request-id", "request-id", "x-correlation-id", "cf-ray"]

const requestIdOf = (headers: Headers, secrets: ReadonlyArray<Redacted.Redacted>): string | undefined => {
  for (const name of requestIdHeaders) {
    const id = headers[name]
    if (id !== undefined && id !== "") return redact(id, secrets).slice(0, 128)
  }
  return undefined
}
