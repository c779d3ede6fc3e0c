import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"

/** A client that responds to every request with this stream, and the times of the requests. */
export const streamingClient = (
  body: Stream.Stream<Uint8Array>,
  options: { readonly contentLength?: number; readonly status?: number } = {}
) => {
  const times: Array<number> = []
  const client = HttpClient.make((request) =>
    Effect.clockWith((clock) =>
      Effect.sync(() => {
        times.push(clock.currentTimeMillisUnsafe())
        const response = HttpServerResponse.stream(body, { contentType: "application/json", ...options })
        return HttpServerResponse.toClientResponse(response, { request })
      })
    )
  )
  return { layer: Layer.succeed(HttpClient.HttpClient, client), times }
}
