import { constVoid } from "effect/Function"
import * as Effect from "effect/Effect"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { maxWebhookBytes } from "../domain/WebhookRejected.ts"
import { readUpTo } from "../internal/http/readAtMost.ts"
import { makeIntake, type ReceiveOptions } from "../internal/webhooks/receive.ts"
import type { TicketWebhooks } from "../services/TicketWebhooks.ts"

/**
 * How webhooks are received.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ReceiveOptions {}

const reply = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers })

/**
 * Receives webhooks as a function from `Request` to `Response`, for Hono, Next.js, Workers, Deno, Bun, and for Express
 * through an adapter.
 *
 * It reads the raw bytes up to 256 KiB, verifies them and hands the event to `onEvent`. It answers without a body: 200
 * when the event is taken; 401 or 400 to what is not verified or cannot be read; 413 to what is too large; 405 to anything
 * but `POST`; and 503 if `onEvent` fails, dies or takes too long, so that the event is delivered again. Why a delivery
 * was rejected is in the log.
 *
 * `onEvent` should store the event, as `TicketInbox.offer` does, and leave the work for later. Where the server gives the
 * request a body that something before has read, nothing can be verified: take the request before any parser.
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
    const intake = yield* makeIntake(onEvent, options)
    const run = Effect.runPromiseWith(yield* Effect.context())

    const receive = (request: Request): Effect.Effect<Response> => {
      if (request.method !== "POST") return Effect.succeed(reply(405, { allow: "POST" }))
      if (request.bodyUsed) return Effect.as(Effect.logError(bodyUsed), reply(500))
      if (Number(request.headers.get("content-length")) > maxWebhookBytes) return Effect.succeed(reply(413))
      return Effect.matchEffect(readBody(request), {
        onFailure: () => Effect.succeed(reply(400)),
        onSuccess: (body) =>
          body === undefined
            ? Effect.succeed(reply(413))
            : Effect.map(intake({ body, headers: request.headers }), (status) => reply(status))
      })
    }

    // The work goes on if the sender goes away: an event that is half taken helps nobody.
    return (request) => run(receive(request))
  })

const bodyUsed =
  "The body of a webhook was read before it came to the handler, so its signature cannot be checked: hand over the request before any parser"

/** The bytes of a body, or `undefined` if there are more than should be read. */
const readBody = ({ body }: Request) =>
  Effect.tryPromise(async () => {
    if (body === null) return new Uint8Array()
    const reader = body.getReader()
    const bytes = await readUpTo(maxWebhookBytes, reader)
    if (bytes === undefined) void reader.cancel().catch(constVoid)
    return bytes
  })
