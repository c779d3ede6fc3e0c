import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Stream from "effect/Stream"

/**
 * A request in process may have a form, which has neither bytes nor a boundary until it is encoded. `Response` encodes it as
 * `fetch` does, and begins to read its files at once. All other requests are returned unchanged.
 */
export const encodeForm = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const { source } = request
  if (!HttpClientRequest.isHttpClientRequest(source) || source.body._tag !== "FormData") return request
  const { body, headers } = new Response(source.body.formData)
  if (body === null) return request
  const stream = Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause })
  const contentType = headers.get("content-type") ?? undefined
  return HttpServerRequest.fromClientRequest(HttpClientRequest.bodyStream(source, stream, { contentType }))
}
