/**
 * Webhooks as a route of the router of `effect/http`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import type { HttpRouter, PathInput } from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { maxWebhookBytes } from "../domain/WebhookRejected.ts"
import { type BodyFailure, isUnread, readWebBody } from "../internal/webhooks/readBody.ts"
import { makeReceive, type ReceiveOptions } from "../internal/webhooks/receive.ts"
import { TicketOutcomes } from "../services/TicketOutcomes.ts"
import { TicketWebhooks } from "../services/TicketWebhooks.ts"

/**
 * Options of the route.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ReceiveOptions {}

/**
 * Adds a route that receives webhooks to the router of `effect/http`.
 *
 * It reads up to 256 KiB, verifies the bytes and passes the event to `onEvent`. The response has no body and one of these
 * statuses:
 *
 * - 200: `onEvent` succeeded
 * - 401 or 400: the delivery is not authentic or cannot be decoded; the log says why, at most once a minute per reason
 * - 408: the body did not arrive within 10 s
 * - 413: the body is too large
 * - 500: something read or locked the body before the route
 * - 503: `onEvent` failed, died or timed out, and Ripio redelivers the event
 *
 * `onEvent` should store the event, as `TicketInbox.offer` does, and do the work later. Without an inbox, `onEvent` must
 * handle each `dedupeKey` once, because an event may be delivered more than once. If the sender disconnects, `onEvent` still
 * runs to its end.
 *
 * **Example** (A route beside others)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as HttpRouter from "effect/http/HttpRouter"
 * import * as HttpServerResponse from "effect/http/HttpServerResponse"
 * import * as Layer from "effect/Layer"
 * import { TicketWebhookRoute, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const routes = Layer.mergeAll(
 *   HttpRouter.add("GET", "/health", HttpServerResponse.empty()),
 *   TicketWebhookRoute.layer("/webhooks/ripio", (event) => Effect.log(event._tag, event.dedupeKey)).pipe(
 *     Layer.provide(TicketWebhooksLive.layerConfig)
 *   )
 * )
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  path: PathInput,
  onEvent: (event: TicketEvent) => Effect.Effect<unknown, E, R>,
  options?: Options
): Layer.Layer<never, InvalidOption, HttpRouter | TicketWebhooks | R> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { HttpRouter, HttpServerResponse } = yield* router
      const { add } = yield* HttpRouter.HttpRouter
      const { verify } = yield* TicketWebhooks
      const outcomes = Option.getOrUndefined(yield* Effect.serviceOption(TicketOutcomes))
      const receive = yield* makeReceive({ verify, publish: outcomes?.publish }, onEvent, options)
      const respond = (request: HttpServerRequest) =>
        Effect.map(receive(request.headers, readBody(request)), (status) => HttpServerResponse.empty({ status }))
      yield* add("POST", path, respond)
    })
  )

/** Reads a web request directly, because its chunks may be text. Middleware may have read and cached the body. */
const readBody = (request: HttpServerRequest): Effect.Effect<Uint8Array, BodyFailure> => {
  const { source } = request
  const isWeb = typeof Request === "function" && source instanceof Request
  if (isWeb && isUnread(source)) return readWebBody(source)
  return request.arrayBuffer.pipe(
    Effect.provideService(MaxBodySize, ByteSize.bytes(maxWebhookBytes)),
    // Interrupting the read closes the socket before a response. The server ends the read after the response.
    Effect.forkDetach({ startImmediately: true }),
    Effect.flatMap(Fiber.join),
    Effect.matchEffect({
      onFailure: ({ reason }) =>
        Effect.fail<BodyFailure>(
          reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
            ? "TooLarge"
            : isWeb
              ? "Unreadable"
              : "Incomplete"
        ),
      onSuccess: (buffer) => Effect.succeed(new Uint8Array(buffer))
    })
  )
}

// Loading the router takes a sixth of the time of loading the package. Only programs with a route need it, and those have
// loaded it already.
const router = Effect.promise(async () => ({
  HttpRouter: await import("effect/http/HttpRouter"),
  HttpServerResponse: await import("effect/http/HttpServerResponse")
}))
