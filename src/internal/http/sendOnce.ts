import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type { Headers } from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { RawResponse } from "../../domain/RawResponse.ts"
import { type InvalidRequest, TimedOut, type TransportFailed } from "../../domain/RipioHttpError.ts"
import { makeSanitizer } from "../../domain/sanitize.ts"
import { withAttemptSpan } from "../tracing.ts"
import { formOf, Upload } from "./formBody.ts"
import { readBody } from "./responseBody.ts"
import { parseRetryAfter } from "./retry.ts"
import { timeoutOrElse } from "./timeoutOrElse.ts"
import { toTransportReason } from "./transportError.ts"

/** One attempt to send a request. It records what is known about the request if there is no response. */
export class Attempt {
  readonly upload: Upload | undefined
  /** How often the client has begun to send. More than once if the user's client retries. */
  tries = 0

  constructor({ body }: HttpClientRequest.HttpClientRequest) {
    const form = formOf(body)
    this.upload = form === undefined ? undefined : new Upload(form)
  }

  /** Whether the transport has the request, or any of its form. */
  get isHandedOver(): boolean {
    return this.upload === undefined ? this.tries > 0 : this.upload.isHandedOver
  }

  /** Ends the attempt without a response, and returns whether the request certainly was not sent. */
  end(): boolean {
    return this.upload === undefined ? this.tries === 0 : this.upload.end()
  }

  isUnsent(cause: unknown, isBeforeConnection: boolean): boolean {
    return this.upload === undefined
      ? isBeforeConnection && this.tries <= 1
      : this.upload.isUnsent(cause, isBeforeConnection)
  }
}

/** The attempt of the fiber that sends a request. */
const CurrentAttempt = Context.Reference<Attempt | undefined>("effect-ripio-tickets/CurrentAttempt", {
  defaultValue: () => undefined
})

/** Sends a request once and reads the whole response. */
export type SendOnce = (
  request: HttpClientRequest.HttpClientRequest,
  /** The secrets of the request. Errors must not show them. */
  secrets: ReadonlyArray<Redacted.Redacted>,
  /** Records the attempt of a write. A read needs no record: it is safe to repeat. */
  attempt?: Attempt
) => Effect.Effect<RawResponse, TransportFailed | TimedOut | InvalidRequest>

/**
 * Creates a {@link SendOnce} on the `HttpClient` of the context.
 *
 * @param timeout of each attempt, response body included
 */
export const makeSendOnce = Effect.fnUntraced(function* (timeout: Duration.Duration) {
  const init = Option.getOrUndefined(yield* Effect.serviceOption(FetchHttpClient.RequestInit))
  const client = HttpClient.mapRequestEffect(yield* HttpClient.HttpClient, beginTry(init))
  const sendOnce: SendOnce = (request, secrets, attempt) => {
    const upload = attempt?.upload
    const duration = uploadTimeout(timeout, request)
    const fail = (error: HttpClientError) =>
      Effect.fail(
        toTransportReason(
          error,
          secrets,
          (cause, isBeforeConnection) => attempt?.isUnsent(cause, isBeforeConnection) ?? isBeforeConnection
        )
      )
    const read = (response: HttpClientResponse.HttpClientResponse) =>
      Effect.matchEffect(readBody(response), {
        onSuccess: (body) =>
          Effect.withFiber((fiber) => {
            const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
            return Effect.succeed(new ReceivedResponse(response, body, secrets, now))
          }),
        onFailure: fail
      })
    const sent = client.execute(upload === undefined ? request : HttpClientRequest.setBody(request, upload.body))
    const response = Effect.matchEffect(inContext(sent, attempt), {
      onSuccess: read,
      // A client with `filterStatusOk` fails with the response.
      onFailure: (error) => (error.reason._tag === "StatusCodeError" ? read(error.reason.response) : fail(error))
    })
    return withAttemptSpan(
      request,
      timeoutOrElse(response, {
        duration,
        orElse: () =>
          Effect.fail(new TimedOut({ after: duration, ...(attempt?.end() === true ? { mayHaveBeenSent: false } : {}) }))
      })
    )
  }
  return sendOnce
})

// A slow line needs time for a large upload: one second per 128 KiB.
const uploadTimeout = (timeout: Duration.Duration, { body }: HttpClientRequest.HttpClientRequest): Duration.Duration =>
  body._tag === "Empty"
    ? timeout
    : Duration.sum(timeout, Duration.seconds(Math.floor((body.contentLength ?? 0) / (128 * 1024))))

// The client's span records transport errors verbatim, which may contain secrets. `withAttemptSpan` replaces it.
const inContext = <A, E>(effect: Effect.Effect<A, E>, attempt: Attempt | undefined): Effect.Effect<A, E> =>
  Effect.updateContext(effect, (context: Context.Context<never>) => {
    const withoutSpans = context.pipe(
      Context.add(HttpClient.TracerPropagationEnabled, false),
      Context.add(HttpClient.TracerDisabledWhen, () => true)
    )
    return attempt === undefined ? withoutSpans : Context.add(withoutSpans, CurrentAttempt, attempt)
  })

/**
 * Runs each time that the client begins to send, also in a client that retries: makes `fetch` follow no redirects, and send
 * a form from its `Upload`.
 *
 * The user may provide `RequestInit` and `Fetch` in the client's layer, around our layer or around a call. This changes them
 * in the fiber of the attempt, right before the client reads them.
 */
const beginTry = (outer: RequestInit | undefined) => (request: HttpClientRequest.HttpClientRequest) =>
  Effect.withFiber((fiber) => {
    const { context } = fiber
    const init = Context.getOrUndefined(context, FetchHttpClient.RequestInit) ?? outer
    const prepared = Context.add(context, FetchHttpClient.RequestInit, { ...init, redirect: "manual" })
    const attempt = fiber.getRef(CurrentAttempt)
    if (attempt !== undefined) attempt.tries++
    const upload = attempt?.upload
    upload?.beginTry()
    fiber.setContext(
      upload === undefined
        ? prepared
        : Context.add(prepared, FetchHttpClient.Fetch, upload.wrapFetch(fiber.getRef(FetchHttpClient.Fetch)))
    )
    return Effect.succeed(request)
  })

/** A response whose request id is read from its headers when an error needs it. */
class ReceivedResponse implements RawResponse {
  readonly status: number
  readonly body: string | undefined
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  readonly retryAfter: Duration.Duration | undefined
  readonly #headers: Headers

  constructor(
    { headers, status }: Pick<HttpClientResponse.HttpClientResponse, "headers" | "status">,
    body: string | undefined,
    secrets: ReadonlyArray<Redacted.Redacted>,
    now: number
  ) {
    this.status = status
    this.body = body
    this.secrets = secrets
    this.#headers = headers
    const retryAfter = headers["retry-after"]
    this.retryAfter = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, headers["date"], now)
  }

  get requestId(): string | undefined {
    return requestIdOf(this.#headers, this.secrets)
  }
}

// The API documents no such header. Proxies and frameworks use these.
const requestIdHeaders = ["x-request-id", "request-id", "x-correlation-id", "cf-ray"]

const requestIdOf = (headers: Headers, secrets: ReadonlyArray<Redacted.Redacted>): string | undefined => {
  for (const name of requestIdHeaders) {
    const id = headers[name]
    if (id !== undefined && id !== "") return makeSanitizer(secrets).text(id, 128)
  }
  return undefined
}
