import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, InvalidUrlError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { blobOf } from "../internal/http/blobBody.ts"

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
        return isPlain(request)
          ? send(request, fetch, init)
          : Effect.provideService(effects.execute(request), FetchHttpClient.RequestInit, init)
      })
    ),
    Effect.succeed
  )
})

/** What `fetch` takes as it is: a URL in one piece, and a body that is at hand. */
const isPlain = ({ body, hash, headers, urlParams }: HttpClientRequest): boolean =>
  (body._tag === "Empty" || body._tag === "Uint8Array" || blobOf(body) !== undefined) &&
  urlParams.params.length === 0 &&
  Option.isNone(hash) &&
  headers["upgrade"] === undefined

const send = (request: HttpClientRequest, fetch: typeof globalThis.fetch, init: RequestInit) =>
  Effect.map(
    Effect.tryPromise({
      try: (signal) => {
        const { body, method, url } = request
        return fetch(url, { ...init, method, headers: headersOf(request, init), body: bodyOf(body), signal })
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

const headersOf = ({ body, headers }: HttpClientRequest, init: RequestInit): Headers.Headers => {
  const all = init.headers === undefined ? headers : Headers.merge(ofInit(init.headers), headers)
  // The runtime counts for itself.
  return body._tag === "Empty" ? all : Headers.remove(all, "content-length")
}

const ofInit = (init: HeadersInit) => Headers.fromInput(new globalThis.Headers(init))

// Bytes are what the `fetch` of some runtimes sends again when a connection breaks, and tells nobody; a `Blob` is not.
const bodyOf = (body: HttpClientRequest["body"]): Blob | null =>
  body._tag === "Uint8Array" ? new Blob([isOwn(body.body) ? body.body : body.body.slice()]) : (blobOf(body) ?? null)

const isOwn = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer

/**
 * Requests by the runtime's `fetch`: an `HttpClient` that does no more with them than this library asks for.
 *
 * It takes the place of `FetchHttpClient.layer`, whose `Fetch` and `RequestInit` it obeys (a call's over the layer's), at
 * a fraction of what that adds to a call. Redirects are not followed. The body of a `create` is handed over as a `Blob`:
 * `fetch` sends it with its length whatever its size, and that of Deno does not send it a second time when the connection
 * breaks. What there is no short way for, such as URL parameters, goes through `FetchHttpClient`.
 *
 * It is made for the layers of this library. For requests of your own take `FetchHttpClient`, which also closes the
 * connection of an answer that is not read to its end.
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
