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
import { isObject } from "../domain/InvalidOption.ts"
import { formOf, uploadOf } from "../internal/http/formBody.ts"

const make = Effect.gen(function* () {
  const layerContext = yield* Effect.context()
  const layerInit = Context.getOrUndefined(layerContext, FetchHttpClient.RequestInit)
  const layerFetch = Context.getOrUndefined(layerContext, FetchHttpClient.Fetch)
  const fallback = yield* HttpClient.HttpClient

  const execute = Effect.flatMap((request: HttpClientRequest) =>
    Effect.withFiber((fiber) => {
      const callInit = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit)
      const init: RequestInit = { ...layerInit, ...callInit, redirect: "manual" }
      return isPlain(request)
        ? send(request, fetchOf(request, fiber.getRef(FetchHttpClient.Fetch)), init)
        : Effect.provideService(fallback.execute(request), FetchHttpClient.RequestInit, init)
    })
  )
  // In the context of the request, so that what wraps the `fetch` of a call finds the layer's.
  const withLayerFetch = (context: Context.Context<never>): Context.Context<never> =>
    layerFetch === undefined || Context.getOrUndefined(context, FetchHttpClient.Fetch) !== undefined
      ? context
      : Context.add(context, FetchHttpClient.Fetch, layerFetch)
  return HttpClient.makeWith<never, never, HttpClientError, never>(
    (request) => (layerFetch === undefined ? execute(request) : Effect.updateContext(execute(request), withLayerFetch)),
    Effect.succeed
  )
})

/** Whether `fetch` accepts the request without further encoding: a complete URL, and a body of bytes or a form. */
const isPlain = ({ body, hash, headers, urlParams }: HttpClientRequest): boolean =>
  (body._tag === "Empty" || body._tag === "Uint8Array" || formOf(body) !== undefined) &&
  urlParams.params.length === 0 &&
  Option.isNone(hash) &&
  headers["upgrade"] === undefined

const send = (request: HttpClientRequest, fetch: typeof globalThis.fetch, init: RequestInit) =>
  Effect.tryPromise({
    try: async (signal) => {
      const { body, method, url } = request
      const all = { ...init, method, headers: toHeaders(request, init), body: toBody(body), signal }
      const response: unknown = await fetch(url, all)
      if (isResponse(response)) return HttpClientResponse.fromWeb(request, response)
      throw new TypeError("fetch returned no Response")
    },
    catch: (cause) =>
      new HttpClientError({
        reason: URL.canParse(request.url)
          ? new TransportError({ request, cause })
          : new InvalidUrlError({ request, cause })
      })
  })

// A custom `fetch` may return a `Response` of another realm, or a mock.
const isResponse = (response: unknown): response is Response => isObject(response)

const toHeaders = ({ body, headers }: HttpClientRequest, init: RequestInit): Headers.Headers => {
  const all =
    init.headers === undefined
      ? headers
      : Headers.merge(Headers.fromInput(new globalThis.Headers(init.headers)), headers)
  // `fetch` sets the length of a body.
  return body._tag === "Empty" ? all : Headers.remove(all, "content-length")
}

// The upload of a form sends it instead of the body of the request.
const fetchOf = ({ body }: HttpClientRequest, fetch: typeof globalThis.fetch) =>
  uploadOf(body)?.wrapFetch(fetch) ?? fetch

// Some runtimes silently resend byte bodies on a broken connection, but not Blobs.
const toBody = (body: HttpClientRequest["body"]): Blob | null =>
  body._tag === "Uint8Array" ? new Blob([isArrayBufferView(body.body) ? body.body : body.body.slice()]) : null

const isArrayBufferView = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer

/**
 * An `HttpClient` on the runtime's `fetch`, optimised for the requests of this library.
 *
 * It replaces `FetchHttpClient.layer` and adds less time to each call. It uses the same `Fetch` and `RequestInit` (those of
 * a call override those of the layer). It does not follow redirects. Requests with URL parameters, a fragment or other
 * bodies go through `FetchHttpClient`.
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
