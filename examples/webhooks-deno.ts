/**
 * Webhooks in Deno: `deno run --allow-net --allow-env examples/webhooks-deno.ts`, with RIPIO_WEBHOOK_SECRETS and PORT.
 */
import * as Console from "effect/Console"
import * as Layer from "effect/Layer"
import { TicketInbox, TicketInboxLive, TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"

const worker = TicketInboxLive.handler((event) => Console.log(`handled ${event.dedupeKey}`))
const receive = TicketWebhookHandler.fromLayer(
  // In memory. TicketInboxLive.layerStore() stores the events in your database.
  Layer.merge(TicketWebhooksLive.layerConfig, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))),
  TicketInbox.offer
)

const server = Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.env.get("PORT")) }, (request) =>
  new URL(request.url).pathname === "/webhooks/ripio" ? receive(request) : new Response(null, { status: 404 })
)
Deno.addSignalListener("SIGTERM", () => void server.shutdown().then(() => receive.dispose()))
