import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import { DecodeError, HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { type Answer, maxBodyBytes } from "../../domain/classify.ts"
import { excerpt, scrub } from "../../domain/Redaction.ts"
import { InvalidRequest, TimedOut, TransportFailed } from "../../domain/RipioHttpError.ts"
import { readUpTo } from "./readAtMost.ts"
import { timeLimit } from "./timeoutOrElse.ts"

/** Sends a request once, and reads the whole answer. */
export type Exchange = (
  request: HttpClientRequest,
  /** What must not show up in anything that is kept of the answer. */
  secrets: ReadonlyArray<Redacted.Redacted>
) => Effect.Effect<Answer, TransportFailed | TimedOut | InvalidRequest>

/**
 * @param timeout for the answer, its body included
 */
export const makeExchange = Effect.fnUntraced(function* (timeout: Duration.Duration) {
  const init = yield* Effect.serviceOption(FetchHttpClient.RequestInit)
  const client = HttpClient.mapRequestEffect(
    yield* HttpClient.HttpClient,
    withoutRedirects(Option.getOrUndefined(init))
  )
  const exchange: Exchange = (request, secrets) => {
    const duration = withUpload(timeout, request)
    const fail = (error: HttpClientError) => Effect.fail(toReason(error, secrets))
    const read = (response: HttpClientResponse.HttpClientResponse) =>
      Effect.matchEffect(readBody(response), {
        onSuccess: (body) => answerOf(response, body, secrets),
        onFailure: fail
      })
    const answer = Effect.matchEffect(client.execute(request), {
      onSuccess: read,
      // A client that its owner wrapped in `filterStatusOk` fails with the answer that we want.
      onFailure: (error) => (error.reason._tag === "StatusCodeError" ? read(error.reason.response) : fail(error))
    })
    return traced(
      request,
      timeLimit(answer, duration, () => Effect.fail(new TimedOut({ after: duration })), untraced)
    )
  }
  return exchange
})

// The client's own span would keep what a transport says as it says it, be it of our secrets: `traced` stands for it.
const untraced = (context: Context.Context<never>) =>
  context.pipe(
    Context.add(HttpClient.TracerPropagationEnabled, false),
    Context.add(HttpClient.TracerDisabledWhen, () => true)
  )

/** The span of an attempt, by the conventions of OpenTelemetry, if there is a tracer to see it. */
const traced = <E>({ method, url }: HttpClientRequest, answer: Effect.Effect<Answer, E>): Effect.Effect<Answer, E> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
      ? answer
      : Effect.useSpan(
          method,
          { kind: "client", attributes: { "http.request.method": method, "url.full": url } },
          (span) =>
            Effect.tap(Effect.withParentSpan(answer, span, { captureStackTrace: false }), ({ status }) =>
              Effect.sync(() => {
                span.attribute("http.response.status_code", status)
                if (status >= 400) span.attribute("error.type", `${status}`)
              })
            )
        )
  )

// A large file takes the time that a slow line needs for it: a second for every 128 KiB.
const withUpload = (timeout: Duration.Duration, { body }: HttpClientRequest): Duration.Duration =>
  body._tag === "Empty"
    ? timeout
    : Duration.sum(timeout, Duration.seconds(Math.floor((body.contentLength ?? 0) / (128 * 1024))))

// The owner of a fetch client may give it a `RequestInit` in its own layer, around ours or around a call. All that is not
// of redirects stays as it is, so it is changed where the client is about to read it, in the fiber of the attempt.
const withoutRedirects = (outer: RequestInit | undefined) => (request: HttpClientRequest) =>
  Effect.withFiber((fiber) => {
    const init = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit) ?? outer
    fiber.setContext(Context.add(fiber.context, FetchHttpClient.RequestInit, { ...init, redirect: "manual" }))
    return Effect.succeed(request)
  })

const utf8 = new TextDecoder()

const answerOf = (
  { headers, status }: HttpClientResponse.HttpClientResponse,
  body: string | undefined,
  secrets: ReadonlyArray<Redacted.Redacted>
): Effect.Effect<Answer> => {
  const answer = { status, body, secrets, requestId: requestIdOf(headers, secrets) }
  const header = headers["retry-after"]
  return header === undefined
    ? Effect.succeed(answer)
    : Effect.map(Clock.currentTimeMillis, (now) => ({ ...answer, retryAfter: retryAfterOf(header, now) }))
}

const readBody = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<string | undefined, HttpClientError> => {
  // While an upload may still be under way, `response.stream` is what ends it, by every client, and can be left.
  const isStreamed = response.request.body._tag === "Stream"
  const web = isStreamed ? Option.none() : HttpClientResponse.toWeb(response)
  // What its owner has read before us, for a log, the client still has.
  if (Option.isSome(web)) return web.value.bodyUsed ? readAgain(response) : readWeb(response, web.value)
  // A length that is known and small needs no counting, unless a compressed body grows.
  const { "content-encoding": encoding, "content-length": length } = response.headers
  if (!isStreamed && length !== undefined && Number(length) <= maxBodyBytes && encoding === undefined) {
    return response.text
  }
  return Effect.suspend(() => {
    let whole = true
    const limited = Stream.limitBytes(response.stream, maxBodyBytes, () => {
      whole = false
      return Stream.empty
    })
    return Effect.map(Stream.mkUint8Array(limited), (bytes) => (whole ? utf8.decode(bytes) : undefined)).pipe(
      Effect.catchIf(
        (error) => error.reason._tag === "EmptyBodyError",
        () => Effect.succeed("")
      )
    )
  })
}

const readAgain = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(response.text, (text) => (text.length > maxBodyBytes ? undefined : text))

// A `Stream` would read the same, at several times the cost of the whole call.
const readWeb = (response: HttpClientResponse.HttpClientResponse, { body }: Response) =>
  body === null
    ? Effect.succeed("")
    : Effect.callback<string | undefined, HttpClientError>((resume) => {
        const reader = body.getReader()
        const cancel = () => void reader.cancel().catch(constVoid)
        readUpTo(maxBodyBytes, reader).then(
          (bytes) => {
            if (bytes === undefined) cancel()
            resume(Effect.succeed(bytes && utf8.decode(bytes)))
          },
          (cause: unknown) =>
            resume(
              Effect.fail(
                new HttpClientError({ reason: new DecodeError({ request: response.request, response, cause }) })
              )
            )
        )
        return Effect.sync(cancel)
      })

// The API documents none, so the names that proxies and frameworks use are tried.
const requestIdHeaders = ["x-request-id", "request-id", "x-correlation-id", "cf-ray"]

const requestIdOf = (headers: Headers.Headers, secrets: ReadonlyArray<Redacted.Redacted>): string | undefined => {
  for (const name of requestIdHeaders) {
    const id = headers[name]
    if (id !== undefined && id !== "") return scrub(id, secrets).slice(0, 128)
  }
  return undefined
}

const retryAfterOf = (header: string, now: number): Duration.Duration | undefined => {
  const parsed = Headers.parseRetryAfter(header)
  return Result.isSuccess(parsed) ? Headers.retryAfterDelay(parsed.success, now) : undefined
}

const toReason = (error: HttpClientError, secrets: ReadonlyArray<Redacted.Redacted>) => {
  const causes = causesOf(error.reason.cause)
  const said = causes.map(messageOf).filter((message) => message !== "")
  const description = excerpt(scrub(said.length === 0 ? error.message : said.join(": "), secrets))
  // Without a cause, it is the client that cannot encode the request; with one, it may be a stream that broke under way.
  const isHeldBack = error.reason._tag === "EncodeError" && error.reason.cause === undefined
  if (isHeldBack || error.reason._tag === "InvalidUrlError") return new InvalidRequest({ issue: description })
  const code = causes.map(codeOf).find((code) => code !== undefined)
  const mayHaveBeenSent = error.response !== undefined || !causes.some(isBeforeConnection)
  return new TransportFailed({
    description,
    mayHaveBeenSent,
    ...(code === undefined ? {} : { code: excerpt(scrub(code, secrets)) })
  })
}

// Names and certificates that are refused, and connections that were never made. What else there is may come later, too.
const codesBeforeConnection: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ConnectionRefused",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID"
])

const isBeforeConnection = (cause: object): boolean =>
  codesBeforeConnection.has(codeOf(cause) ?? "") || ("syscall" in cause && cause.syscall === "connect")

// `fetch` hides the system's error behind one or two of its own.
const causesOf = (cause: unknown, depth = 0): ReadonlyArray<object> =>
  typeof cause === "object" && cause !== null && depth < 5
    ? [cause, ...causesOf("cause" in cause ? cause.cause : undefined, depth + 1)]
    : []

const messageOf = (cause: object): string =>
  "message" in cause && typeof cause.message === "string" ? cause.message : ""

const codeOf = (cause: object): string | undefined =>
  "code" in cause && typeof cause.code === "string" ? cause.code : undefined
