/**
 * Webhooks as a function from `Request` to `Response`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { readWebBody } from "../internal/webhooks/readBody.ts"
import { makeReceive, type ReceiveOptions } from "../internal/webhooks/receive.ts"
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
 * `node:http` and Express through an adapter.
 *
 * It reads up to 256 KiB, verifies the bytes and passes the event to `onEvent`. The response has no body and one of these
 * statuses:
 *
 * - 200: `onEvent` succeeded
 * - 401 or 400: the delivery is not authentic or cannot be decoded; the log says why, at most once a minute per reason
 * - 405: the method is not `POST`
 * - 408: the body did not arrive within 10 s
 * - 413: the body is too large
 * - 500: something read or locked the body before the handler. Pass the request to the handler before any parser
 * - 503: `onEvent` failed, died or timed out, and Ripio redelivers the event
 *
 * The returned function never rejects. If the sender disconnects, `onEvent` still runs to its end. For `node:http` and
 * Express, pass the function to `toNodeListener` of `effect-ripio-tickets/node`.
 *
 * `onEvent` should store the event, as `TicketInbox.offer` does, and do the work later. Without an inbox, `onEvent` must
 * handle each `dedupeKey` once, because an event may be delivered more than once.
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
    const receive = yield* makeReceive({ verify, publish: outcomes?.publish }, onEvent, options)
    const run = Effect.runPromiseWith(yield* Effect.context())

    const respond = (request: Request): Effect.Effect<Response> =>
      request.method === "POST"
        ? Effect.map(receive(request.headers, readWebBody(request)), (status) => reply(status))
        : Effect.succeed(reply(405, { allow: "POST" }))

    return (request) =>
      run(
        Effect.catchCause(
          Effect.suspend(() => respond(request)),
          (cause) => Effect.as(Effect.logError("A webhook request could not be read", cause), reply(500))
        )
      )
  })
