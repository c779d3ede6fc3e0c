import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { ConnectionLost } from "../ConnectionLost.ts"

type Handle = (
  request: HttpServerRequest.HttpServerRequest
) => Effect.Effect<HttpServerResponse.HttpServerResponse, ConnectionLost>

// A form has no bytes and no boundary until a transport encodes it: here too, as the platform's `fetch` does.
const encoded = (request: HttpClientRequest.HttpClientRequest) => {
  if (request.body._tag !== "FormData") return Effect.succeed(request)
  const form = new Response(request.body.formData)
  return Effect.map(
    Effect.promise(() => form.arrayBuffer()),
    (bytes) =>
      HttpClientRequest.bodyUint8Array(request, new Uint8Array(bytes), form.headers.get("content-type") ?? undefined)
  )
}

/** In process: the request is answered in the fiber that sends it. */
export const httpClient = (handle: Handle): HttpClient.HttpClient =>
  HttpClient.make((request) =>
    Effect.flatMap(encoded(request), (sent) => handle(HttpServerRequest.fromClientRequest(sent))).pipe(
      Effect.map((response) => HttpServerResponse.toClientResponse(response, { request })),
      Effect.mapError((cause) => new HttpClientError({ reason: new TransportError({ request, cause }) }))
    )
  )

// A body that breaks before its first byte: the server has not sent the headers yet, and closes the connection.
const dropped = (cause: ConnectionLost) => HttpServerResponse.stream(Stream.fail(cause))

/** For an `HttpServer`. A client that goes away interrupts the handler. */
export const serverEffect = (handle: Handle) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    handle(request).pipe(
      Effect.catch((cause) => Effect.succeed(dropped(cause))),
      Effect.interruptible
    )
  )

/** For what serves web `Request`s. A connection that is lost rejects as `fetch` rejects. */
export const webHandler = (handle: Handle) =>
  Effect.map(
    Effect.context(),
    (context) =>
      (request: Request): Promise<Response> =>
        Effect.runPromiseWith(context)(
          handle(HttpServerRequest.fromWeb(request)).pipe(
            Effect.map((response) =>
              HttpServerResponse.toWeb(response, {
                withoutBody: request.method === "HEAD",
                context,
                signal: request.signal
              })
            ),
            Effect.mapError((cause) => new TypeError("fetch failed", { cause }))
          ),
          { signal: request.signal }
        )
  )
