import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type { Headers } from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { RawResponse } from "../../domain/RawResponse.ts"
import { type InvalidRequest, TimedOut, TransportFailed } from "../../domain/RipioHttpError.ts"
import { describe } from "../../domain/describe.ts"
import { makeSanitizer } from "../../domain/sanitize.ts"
import { type AttemptInfo, withAttemptSpan } from "../tracing.ts"
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
  /** The context that the client is called with. */
  context: Context.Context<never> | undefined

  /** @param now milliseconds of the wall clock */
  constructor({ body }: HttpClientRequest.HttpClientRequest, now: number) {
    const form = formOf(body)
    this.upload = form === undefined ? undefined : new Upload(form)
    if (form !== undefined) form.sentAt = now
  }

  /** Whether the transport has the request, or any of its form. */
  get isHandedOver(): boolean {
    return this.upload === undefined ? this.tries > 0 : this.upload.isHandedOver
  }

  /** Ends the attempt without a response, and returns whether the request certainly was not sent. */
  end(): boolean {
    return this.upload === undefined ? this.tries === 0 : this.upload.end()
  }

  /**
   * Ends the attempt with an error, and returns whether the request certainly was not sent.
   *
   * @param isBeforeConnection whether the error shows that there was no connection
   */
  endWith(cause: unknown, isBeforeConnection: boolean): boolean {
    return this.upload === undefined
      ? isBeforeConnection && this.tries <= 1
      : this.upload.endWith(cause, isBeforeConnection)
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
  info: AttemptInfo,
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
  const sendOnce: SendOnce = (request, secrets, info, attempt) => {
    const upload = attempt?.upload
    const duration = uploadTimeout(timeout, request)
    let hasResponse = false
    const fail = (error: HttpClientError) =>
      Effect.fail(
        toTransportReason(
          error,
          secrets,
          (cause, isBeforeConnection) => attempt?.endWith(cause, isBeforeConnection) ?? isBeforeConnection
        )
      )
    /** A response or an error of the client, such as a mock's, that cannot be read does not hide what is known. */
    const failUnreadable = (defect: unknown) => {
      const description = `the response cannot be read: ${makeSanitizer(secrets).text(describe(defect))}`
      const mayHaveBeenSent = hasResponse || attempt?.endWith(undefined, false) !== true
      return Effect.fail(new TransportFailed({ description, mayHaveBeenSent }))
    }
    const catchUnreadable = <A>(effect: () => Effect.Effect<A, TransportFailed | InvalidRequest>) =>
      Effect.catchDefect(Effect.suspend(effect), failUnreadable)
    /** The body of a response fails. */
    const failReading = (cause: Cause.Cause<HttpClientError>) => {
      const defect = Cause.findDefect(cause)
      if (Result.isSuccess(defect)) return failUnreadable(defect.success)
      const error = Cause.findError(cause)
      return Result.isSuccess(error) ? catchUnreadable(() => fail(error.success)) : Effect.failCause(error.failure)
    }
    const read = (
      response: HttpClientResponse.HttpClientResponse
    ): Effect.Effect<RawResponse, TransportFailed | InvalidRequest> => {
      hasResponse = true
      try {
        const status = statusOf(response)
        return Effect.matchCauseEffect(readBody(response), {
          onSuccess: (body) => receive(response, status, body, secrets),
          onFailure: failReading
        })
      } catch (defect) {
        return failUnreadable(defect)
      }
    }
    const sent = client.execute(upload === undefined ? request : HttpClientRequest.setBody(request, upload.body))
    const response = Effect.matchEffect(inContext(sent, attempt), {
      onSuccess: read,
      onFailure: (error) =>
        // A client with `filterStatusOk` fails with the response.
        catchUnreadable(() => (error.reason._tag === "StatusCodeError" ? read(error.reason.response) : fail(error)))
    })
    return withAttemptSpan(
      request,
      info,
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
    const withoutSpans = Context.add(
      Context.add(context, HttpClient.TracerPropagationEnabled, false),
      HttpClient.TracerDisabledWhen,
      constTrue
    )
    if (attempt === undefined) return withoutSpans
    attempt.context = Context.add(withoutSpans, CurrentAttempt, attempt)
    return attempt.context
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
    // `FetchHttpClient` adds the context of its layer. A client that adds none may call another one, whose `Fetch` is not
    // known here, and must not be replaced.
    const isFetchKnown = context !== attempt?.context
    fiber.setContext(
      upload !== undefined && isFetchKnown
        ? Context.add(prepared, FetchHttpClient.Fetch, upload.wrapFetch(fiber.getRef(FetchHttpClient.Fetch)))
        : prepared
    )
    return Effect.succeed(request)
  })

// A mock may have no number here. No status has the number 0.
const statusOf = ({ status }: HttpClientResponse.HttpClientResponse): number =>
  Number.isSafeInteger(status) ? status : 0

// Only a response that may ask for a delay needs its time.
const receive = (
  response: HttpClientResponse.HttpClientResponse,
  status: number,
  body: string | undefined,
  secrets: ReadonlyArray<Redacted.Redacted>
): Effect.Effect<RawResponse> =>
  status < 400
    ? Effect.succeed(new ReceivedResponse(response, status, body, secrets))
    : Effect.map(Clock.currentTimeMillis, (now) => new ReceivedResponse(response, status, body, secrets, now))

/** A response whose headers are read when an error needs them. */
class ReceivedResponse implements RawResponse {
  readonly status: number
  readonly body: string | undefined
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  readonly retryAfter: Duration.Duration | undefined
  readonly #response: HttpClientResponse.HttpClientResponse
  #headers: Headers | undefined

  constructor(
    response: HttpClientResponse.HttpClientResponse,
    status: number,
    body: string | undefined,
    secrets: ReadonlyArray<Redacted.Redacted>,
    now?: number
  ) {
    this.#response = response
    this.status = status
    this.body = body
    this.secrets = secrets
    const retryAfter = now === undefined ? undefined : this.#header("retry-after")
    this.retryAfter =
      now === undefined || retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, this.#header("date"), now)
  }

  // The API documents no such header. Proxies and frameworks use these.
  get requestId(): string | undefined {
    for (const name of ["x-request-id", "request-id", "x-correlation-id", "cf-ray"]) {
      const id = this.#header(name)
      if (id !== undefined && id !== "") return makeSanitizer(this.secrets).text(id, 128)
    }
    return undefined
  }

  /** A header. Headers that cannot be read are missing, because the body may be all that matters. */
  #header(name: string): string | undefined {
    try {
      // The client copies them on each access.
      this.#headers ??= this.#response.headers
      const value: unknown = this.#headers[name]
      return typeof value === "string" ? value : undefined
    } catch {
      return undefined
    }
  }
}
