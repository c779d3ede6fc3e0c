/**
 * Webhooks as a function from `Request` to `Response`.
 *
 * @since 0.1.0
 */
import { constVoid } from "effect/Function"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { maxWebhookBytes } from "../domain/WebhookRejected.ts"
import { readAtMost } from "../internal/http/bytes.ts"
import { makeReceiver, type ReceiveOptions } from "../internal/webhooks/receive.ts"
import { TicketOutcomes } from "../services/TicketOutcomes.ts"
import { TicketWebhooks } from "../services/TicketWebhooks.ts"

/**
 * Options of the handler.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ReceiveOptions {}

const reply = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers })

/**
 * Creates a function from `Request` to `Response` that receives webhooks, for Hono, Next.js, Workers, Deno, Bun, and for
 * Express through an adapter.
 *
 * It reads up to 256 KiB, verifies the bytes and passes the event to `onEvent`. The response has no body and one of these
 * statuses:
 *
 * - 200: `onEvent` succeeded
 * - 401 or 400: the delivery is not authentic or cannot be decoded; the log says why
 * - 405: the method is not `POST`
 * - 413: the body is too large
 * - 500: something read the body before the handler. Pass the request to the handler before any parser
 * - 503: `onEvent` failed, died or timed out, and Ripio redelivers the event
 *
 * `onEvent` should store the event, as `TicketInbox.offer` does, and do the work later.
 *
 * **Example** (Any server of web requests)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as ManagedRuntime from "effect/ManagedRuntime"
 * import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const runtime = ManagedRuntime.make(TicketWebhooksLive.layerConfig)
 *
 * const handler = await runtime.runPromise(
 *   TicketWebhookHandler.make((event) => Effect.log(event._tag, event.dedupeKey))
 * )
 *
 * export const POST = handler // Next.js; with Hono: app.post("/webhooks/ripio", (c) => handler(c.req.raw))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <E, R>(
  onEvent: (event: TicketEvent) => Effect.Effect<unknown, E, R>,
  options?: Options
): Effect.Effect<(request: Request) => Promise<Response>, InvalidOption, TicketWebhooks | R> =>
  Effect.gen(function* () {
    const { verify } = yield* TicketWebhooks
    const outcomes = Option.getOrUndefined(yield* Effect.serviceOption(TicketOutcomes))
    const receiveDelivery = yield* makeReceiver({ verify, publish: outcomes?.publish }, onEvent, options)
    const run = Effect.runPromiseWith(yield* Effect.context())

    const receive = (request: Request): Effect.Effect<Response> => {
      if (request.method !== "POST") return Effect.succeed(reply(405, { allow: "POST" }))
      if (request.bodyUsed) return Effect.as(Effect.logError(bodyUsedMessage), reply(500))
      if (Number(request.headers.get("content-length")) > maxWebhookBytes) return Effect.succeed(reply(413))
      return Effect.matchEffect(readBody(request), {
        onFailure: () => Effect.succeed(reply(400)),
        onSuccess: (body) =>
          body === undefined
            ? Effect.succeed(reply(413))
            : Effect.map(receiveDelivery({ body, headers: request.headers }), (status) => reply(status))
      })
    }

    // Not interrupted if the sender disconnects, so that an event is handled completely.
    return (request) => run(receive(request))
  })

const bodyUsedMessage =
  "The body of a webhook was read before the handler, so its signature cannot be verified. Pass the request before any parser"

/** The bytes of a body, or `undefined` if the body is larger than the limit. */
const readBody = ({ body }: Request) =>
  Effect.tryPromise(async () => {
    if (body === null) return new Uint8Array()
    const reader = body.getReader()
    const bytes = await readAtMost(maxWebhookBytes, reader)
    if (bytes === undefined) void reader.cancel().catch(constVoid)
    return bytes
  })
