/**
 * Webhooks in a route of Next.js on a server, with RIPIO_WEBHOOK_SECRETS. `next build` loads this module and needs no secret:
 * nothing is built before the first webhook.
 *
 * On a platform that stops the program after each response, use `lifetime: "request"` and do the work in `onEvent`, as
 * `examples/webhooks-lambda.ts` does.
 */
import * as Console from "effect/Console"
import * as Layer from "effect/Layer"
import { TicketInbox, TicketInboxLive, TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"

const worker = TicketInboxLive.handler((event) => Console.log(`handled ${event.dedupeKey}`))

export const POST = TicketWebhookHandler.fromLayer(
  // In memory. TicketInboxLive.layerStore() stores the events in your database.
  Layer.merge(TicketWebhooksLive.layerConfig, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))),
  TicketInbox.offer
)
