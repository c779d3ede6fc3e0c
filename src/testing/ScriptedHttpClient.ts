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
import { ConnectionLost } from "./ConnectionLost.ts"

/**
 * A request as a scripted client was given it. Credentials are `Redacted`; a test may compare them through
 * `Redacted.value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedRequest {
  /** Milliseconds of the `Clock`. */
  readonly at: number
  readonly method: string
  readonly url: string
  /** The names are in lower case. */
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** The body as text; empty if there is none. */
  readonly body: string
}

/**
 * What a scripted client does with one request: an answer as plain data or as a web `Response`, no connection
 * (`"refused"`), or nothing, until it is interrupted (`"hang"`).
 *
 * @category models
 * @since 0.1.0
 */
export type ScriptedReply =
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      /** Sent as JSON. */
      readonly json?: unknown
      /** Sent as it is, if there is no `json`. */
      readonly text?: string
    }
  | Response
  | "refused"
  | "hang"

/**
 * A reply, or a function to it, for what depends on the request or takes its time.
 *
 * @category models
 * @since 0.1.0
 */
export type ScriptedStep = ScriptedReply | ((request: ScriptedRequest, index: number) => Effect.Effect<ScriptedReply>)

/**
 * A client that answers from a script, and what it was asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedHttpClient {
  readonly layer: Layer.Layer<HttpClient.HttpClient>
  readonly requests: Effect.Effect<ReadonlyArray<ScriptedRequest>>
  /** The milliseconds at which the requests came. */
  readonly times: Effect.Effect<ReadonlyArray<number>>
}

const lost = (request: HttpClientRequest) =>
  Effect.fail(
    new HttpClientError({
      reason: new TransportError({ request, cause: new ConnectionLost({ code: "ECONNREFUSED" }) })
    })
  )

const play = (
  request: HttpClientRequest,
  reply: ScriptedReply
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError> => {
  if (reply === "hang") return Effect.never
  if (reply === "refused") return lost(request)
  if (reply instanceof Response) return Effect.succeed(HttpClientResponse.fromWeb(request, reply))
  const { headers = {}, json, status, text = "" } = reply
  const response =
    json === undefined
      ? HttpServerResponse.text(text, { status, headers })
      : HttpServerResponse.jsonUnsafe(json, { status, headers })
  return Effect.succeed(HttpServerResponse.toClientResponse(response, { request }))
}

/**
 * The smallest double of an `HttpClient`: it answers from a script, and keeps each request with its time.
 *
 * The script is a step for each request, or one function for them all. A request beyond its end dies with a message
 * that says so.
 *
 * **Example** (A first answer that is worth a second try)
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
 * @category constructors
 * @since 0.1.0
 */
export const ScriptedHttpClient = {
  make: (
    script: ReadonlyArray<ScriptedStep> | ((request: ScriptedRequest, index: number) => Effect.Effect<ScriptedReply>)
  ): Effect.Effect<ScriptedHttpClient> =>
    Effect.sync(() => {
      const requests: Array<ScriptedRequest> = []
      const client = HttpClient.make((request, url) =>
        Effect.gen(function* () {
          const recorded: ScriptedRequest = {
            at: yield* Clock.currentTimeMillis,
            method: request.method,
            url: url.href,
            headers: Headers.redact(request.headers, yield* Headers.CurrentRedactedNames),
            body: yield* Effect.orDie(HttpServerRequest.fromClientRequest(request).text)
          }
          const index = requests.push(recorded) - 1
          const step = typeof script === "function" ? script : script[index]
          if (step === undefined) {
            return yield* Effect.die(
              new Error(
                `ScriptedHttpClient: ${request.method} ${url.href} is request ${index + 1}, after the script's end`
              )
            )
          }
          return yield* play(request, typeof step === "function" ? yield* step(recorded, index) : step)
        })
      )
      return {
        layer: Layer.succeed(HttpClient.HttpClient, client),
        requests: Effect.sync(() => [...requests]),
        times: Effect.sync(() => requests.map(({ at }) => at))
      }
    })
}
