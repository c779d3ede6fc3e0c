/**
 * A transport on the runtime's `fetch`.
 *
 * @stability unstable
 * @since 0.1.0
 */
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
  const layerContext = yield* Effect.context()
  const layerInit = Context.getOrUndefined(layerContext, FetchHttpClient.RequestInit)
  const fallback = yield* HttpClient.HttpClient

  return HttpClient.makeWith<never, never, HttpClientError, never>(
    Effect.flatMap((request) =>
      Effect.withFiber(({ context }) => {
        const callInit = Context.getOrUndefined(context, FetchHttpClient.RequestInit)
        const init: RequestInit = { ...layerInit, ...callInit, redirect: "manual" }
        const fetch =
          Context.getOrUndefined(context, FetchHttpClient.Fetch) ?? Context.get(layerContext, FetchHttpClient.Fetch)
        return isPlain(request)
          ? send(request, fetch, init)
          : Effect.provideService(fallback.execute(request), FetchHttpClient.RequestInit, init)
      })
    ),
    Effect.succeed
  )
})

/** Whether `fetch` accepts the request without further encoding: a complete URL, and a body of bytes or a `Blob`. */
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
        return fetch(url, { ...init, method, headers: toHeaders(request, init), body: toBody(body), signal })
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

const toHeaders = ({ body, headers }: HttpClientRequest, init: RequestInit): Headers.Headers => {
  const all =
    init.headers === undefined
      ? headers
      : Headers.merge(Headers.fromInput(new globalThis.Headers(init.headers)), headers)
  // `fetch` sets the length of a body.
  return body._tag === "Empty" ? all : Headers.remove(all, "content-length")
}

// Some runtimes silently resend byte bodies on a broken connection, but not Blobs.
const toBody = (body: HttpClientRequest["body"]): Blob | null =>
  body._tag === "Uint8Array"
    ? new Blob([isArrayBufferView(body.body) ? body.body : body.body.slice()])
    : (blobOf(body) ?? null)

const isArrayBufferView = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer

/**
 * An `HttpClient` on the runtime's `fetch`, optimised for the requests of this library.
 *
 * It replaces `FetchHttpClient.layer` and adds less time to each call. It uses the same `Fetch` and `RequestInit` (those of
 * a call override those of the layer). It does not follow redirects. It passes the body of a `create` to `fetch` as a
 * `Blob`, which `fetch` sends with its length whatever its size, and which Deno does not resend on a broken connection.
 * Requests with URL parameters, a fragment or other bodies go through `FetchHttpClient`.
 *
 * Use `FetchHttpClient` for other requests: unlike this layer, it closes the connection of a response that is not read.
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
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.effect(HttpClient.HttpClient, make).pipe(
  Layer.provide(FetchHttpClient.layer)
)
