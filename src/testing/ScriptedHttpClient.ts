/**
 * HTTP clients for tests that respond from a script instead of the network.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { Mutable } from "effect/Types"
import { ConnectionLost } from "./ConnectionLost.ts"

/**
 * A request that a scripted client received. Credentials are `Redacted`; compare them through `Redacted.value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedRequest {
  /** The time of the request in milliseconds of the `Clock`. */
  readonly at: number
  readonly method: string
  readonly url: string
  /** The headers by their names in lower case. */
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** The body as text. Empty if the request has no body, or if the step is `"refused"`: then the body is not read. */
  readonly body: string
}

/**
 * The reply to one request: a response as plain data or as a web `Response`, a refused connection (`"refused"`), or no
 * response until the request is interrupted (`"hang"`).
 *
 * A `Response` may be the reply to several requests: each receives a clone. If the test has read its body, the request
 * fails with a `TransportError`.
 *
 * @category models
 * @since 0.1.0
 */
export type ScriptedReply =
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>> | undefined
      /** The body, sent as JSON. */
      readonly json?: unknown
      /** The body as text. Ignored if there is a `json`. */
      readonly text?: string | undefined
    }
  | Response
  | "refused"
  | "hang"

/**
 * A reply, or a function that computes it, for replies that depend on the request or take time.
 *
 * @category models
 * @since 0.1.0
 */
export type ScriptedStep = ScriptedReply | ((request: ScriptedRequest, index: number) => Effect.Effect<ScriptedReply>)

/**
 * A client that responds from a script, and the requests that it received.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ScriptedHttpClient {
  readonly layer: Layer.Layer<HttpClient.HttpClient>
  /** The requests so far, in order. */
  readonly requests: Effect.Effect<ReadonlyArray<ScriptedRequest>>
  /** The times of the requests so far in milliseconds of the `Clock`. */
  readonly times: Effect.Effect<ReadonlyArray<number>>
}

const connectionRefused = (request: HttpClientRequest) =>
  Effect.fail(
    new HttpClientError({
      reason: new TransportError({ request, cause: new ConnectionLost({ code: "ECONNREFUSED" }) })
    })
  )

const failure = (request: HttpClientRequest, description: string) => (cause: unknown) =>
  new HttpClientError({
    reason: new TransportError({ request, description, cause: new Error(description, { cause }) })
  })

const cloneResponse = (request: HttpClientRequest, response: Response) =>
  Effect.try({
    try: () => response.clone(),
    catch: failure(
      request,
      "ScriptedHttpClient: the body of the scripted Response has been read. Script a Response that nothing else reads."
    )
  })

/** Reads the body of a request as a transport does once it has a connection. */
const readBody = (request: HttpClientRequest): Effect.Effect<string, HttpClientError> =>
  Effect.mapError(
    HttpServerRequest.fromClientRequest(request).text,
    failure(request, "ScriptedHttpClient: the body of the request could not be read.")
  )

const respond = (
  request: HttpClientRequest,
  reply: ScriptedReply
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError> => {
  if (reply === "hang") return Effect.never
  if (reply === "refused") return connectionRefused(request)
  if (reply instanceof Response) {
    return Effect.map(cloneResponse(request, reply), (clone) => HttpClientResponse.fromWeb(request, clone))
  }
  const { headers = {}, json, status, text = "" } = reply
  const response =
    json === undefined
      ? HttpServerResponse.text(text, { status, headers })
      : HttpServerResponse.jsonUnsafe(json, { status, headers })
  return Effect.succeed(HttpServerResponse.toClientResponse(response, { request }))
}

/**
 * A minimal double of an `HttpClient`: it responds from a script and records each request with its time.
 *
 * The script is a list with one step for each request, or one function for all requests. A request after the last step of
 * a list dies with a message that names the request.
 *
 * **Example** (A request that is repeated after a 503)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as HttpClient from "effect/http/HttpClient"
 * import { ScriptedHttpClient } from "effect-ripio-tickets/testing"
 *
 * const test = Effect.gen(function* () {
 *   const scripted = yield* ScriptedHttpClient.make([{ status: 503 }, { status: 200, json: { ok: true } }])
 *   yield* HttpClient.get("https://api.test/").pipe(
 *     Effect.repeat({ until: (response) => response.status === 200 }),
 *     Effect.provide(scripted.layer)
 *   )
 *   return yield* scripted.times
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const ScriptedHttpClient = {
  make: (
    script: ReadonlyArray<ScriptedStep> | ((request: ScriptedRequest, index: number) => Effect.Effect<ScriptedReply>)
  ): Effect.Effect<ScriptedHttpClient> =>
    Effect.sync(() => {
      const requests: Array<Mutable<ScriptedRequest>> = []
      const client = HttpClient.make((request, url) =>
        Effect.gen(function* () {
          const recorded: Mutable<ScriptedRequest> = {
            at: yield* Clock.currentTimeMillis,
            method: request.method,
            url: url.href,
            headers: Headers.redact(request.headers, yield* Headers.CurrentRedactedNames),
            body: ""
          }
          const index = requests.push(recorded) - 1
          const step = typeof script === "function" ? script : script[index]
          if (step === undefined) {
            return yield* Effect.die(
              new Error(
                `ScriptedHttpClient: ${request.method} ${url.href} is request ${index + 1}, after the script's end. Add a step.`
              )
            )
          }
          if (step === "refused") return yield* connectionRefused(request)
          recorded.body = yield* readBody(request)
          return yield* respond(request, typeof step === "function" ? yield* step({ ...recorded }, index) : step)
        })
      )
      return {
        layer: Layer.succeed(HttpClient.HttpClient, client),
        requests: Effect.sync(() => requests.map((request) => ({ ...request }))),
        times: Effect.sync(() => requests.map(({ at }) => at))
      }
    })
}
