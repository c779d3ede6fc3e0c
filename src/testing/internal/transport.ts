import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { ConnectionLost } from "../ConnectionLost.ts"

type Handle = (
  request: HttpServerRequest.HttpServerRequest
) => Effect.Effect<HttpServerResponse.HttpServerResponse, ConnectionLost>

/** A client that runs the handler in the fiber that sends the request. */
export const httpClient = (handle: Handle): HttpClient.HttpClient =>
  HttpClient.make((request) =>
    handle(HttpServerRequest.fromClientRequest(request)).pipe(
      Effect.map((response) => HttpServerResponse.toClientResponse(response, { request })),
      Effect.mapError((cause) => new HttpClientError({ reason: new TransportError({ request, cause }) }))
    )
  )

// A body that fails before its first byte makes the server close the connection without sending headers.
const closeConnection = (cause: ConnectionLost) => HttpServerResponse.stream(Stream.fail(cause))

/** The handler of an `HttpServer`. A client that disconnects interrupts it. */
export const serverEffect = (handle: Handle) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    handle(request).pipe(
      Effect.catch((cause) => Effect.succeed(closeConnection(cause))),
      Effect.interruptible
    )
  )

/** The handler of web `Request`s. A lost connection rejects with the same error as `fetch`. */
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
