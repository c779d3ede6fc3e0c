import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, InvalidUrlError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

const make = Effect.gen(function* () {
  const outer = yield* Effect.context()
  const initOfLayer = Context.getOrUndefined(outer, FetchHttpClient.RequestInit)
  const effects = yield* HttpClient.HttpClient

  return HttpClient.makeWith<never, never, HttpClientError, never>(
    Effect.flatMap((request) =>
      Effect.withFiber(({ context }) => {
        const initOfCall = Context.getOrUndefined(context, FetchHttpClient.RequestInit)
        const init: RequestInit = { ...initOfLayer, ...initOfCall, redirect: "manual" }
        const fetch =
          Context.getOrUndefined(context, FetchHttpClient.Fetch) ?? Context.get(outer, FetchHttpClient.Fetch)
        return isPlain(request) && init.headers === undefined
          ? send(request, fetch, init)
          : Effect.provideService(effects.execute(request), FetchHttpClient.RequestInit, init)
      })
    ),
    Effect.succeed
  )
})

/** What `fetch` takes as it is: a URL in one piece, and a body that is at hand. */
const isPlain = ({ body, hash, headers, urlParams }: HttpClientRequest): boolean =>
  (body._tag === "Empty" || body._tag === "Uint8Array") &&
  urlParams.params.length === 0 &&
  Option.isNone(hash) &&
  headers["upgrade"] === undefined

const send = (request: HttpClientRequest, fetch: typeof globalThis.fetch, init: RequestInit) =>
  Effect.map(
    Effect.tryPromise({
      try: (signal) => {
        const { body, headers, method, url } = request
        return fetch(url, { ...init, method, headers, body: bodyOf(body), signal })
      },
      catch: (cause) =>
        new HttpClientError({
          reason: URL.canParse(request.url)
            ? new TransportError({ request, cause })
            : new InvalidUrlError({ request, cause })
        })
    }),
    (response) => HttpClientResponse.fromWeb(request, response)
  )

// Bytes are what the `fetch` of some runtimes sends again when a connection breaks, and tells nobody; a `Blob` is not.
const bodyOf = (body: HttpClientRequest["body"]): Blob | null =>
  body._tag === "Uint8Array" ? new Blob([isOwn(body.body) ? body.body : body.body.slice()]) : null

const isOwn = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer

/**
 * Requests by the runtime's `fetch`: an `HttpClient` that does no more with them than this library asks for.
 *
 * It takes the place of `FetchHttpClient.layer`, whose `Fetch` and `RequestInit` it obeys (a call's over the layer's), at
 * a fraction of what that adds to a call. Redirects are not followed, spans and trace headers are not made, and a body in memory is handed over in a
 * way that keeps Deno from sending it twice. What it has no short way for, such as a body that is streamed, goes through
 * `FetchHttpClient`.
 *
 * **Example** (The client on `fetch`)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { FetchTransport, Ripio } from "effect-ripio-tickets"
 *
 * const live = Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.effect(HttpClient.HttpClient, make).pipe(
  Layer.provide(FetchHttpClient.layer)
)
