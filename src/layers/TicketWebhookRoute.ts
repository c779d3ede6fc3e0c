import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import type { HttpRouter, PathInput } from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { maxWebhookBytes } from "../domain/WebhookRejected.ts"
import { makeIntake, type ReceiveOptions } from "../internal/webhooks/receive.ts"
import type { TicketWebhooks } from "../services/TicketWebhooks.ts"

/**
 * How webhooks are received.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ReceiveOptions {}

/**
 * Receives webhooks as a route of `effect/http`'s router: reads the raw bytes up to 256 KiB, verifies them and hands the
 * event to `onEvent`.
 *
 * It answers without a body: 200 when the event is taken; 401 or 400 to what is not verified or cannot be read; 413 to
 * what is too large; and 503 if `onEvent` fails, dies or takes too long, so that the event is delivered again. Why a
 * delivery was rejected is in the log.
 *
 * `onEvent` should store the event, as `TicketInbox.offer` does, and leave the work for later.
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
      const intake = yield* makeIntake(onEvent, options)
      const receive = (request: HttpServerRequest) =>
        request.arrayBuffer.pipe(
          Effect.provideService(MaxBodySize, ByteSize.bytes(maxWebhookBytes)),
          Effect.matchEffect({
            onFailure: ({ reason }) =>
              Effect.succeed(reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge" ? 413 : 400),
            // A sender that hangs up does not stop what has begun.
            onSuccess: (buffer) =>
              Effect.uninterruptible(intake({ body: new Uint8Array(buffer), headers: request.headers }))
          }),
          Effect.map((status) => HttpServerResponse.empty({ status }))
        )
      yield* add("POST", path, receive)
    })
  )

// The router is a sixth of what importing the whole package would take, and those who have no route do not need it.
// Those who do have it loaded already.
const router = Effect.promise(async () => ({
  HttpRouter: await import("effect/http/HttpRouter"),
  HttpServerResponse: await import("effect/http/HttpServerResponse")
}))
