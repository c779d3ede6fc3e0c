/** Webhooks in Bun: `bun examples/webhooks-bun.ts`, with RIPIO_WEBHOOK_SECRETS and PORT. */
import * as Console from "effect/Console"
import * as Layer from "effect/Layer"
import { TicketInbox, TicketInboxLive, TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"

const worker = TicketInboxLive.handler((event) => Console.log(`handled ${event.dedupeKey}`))
const receive = TicketWebhookHandler.fromLayer(
  // In memory. TicketInboxLive.layerStore() stores the events in your database.
  Layer.merge(TicketWebhooksLive.layerConfig, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))),
  TicketInbox.offer
)

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  routes: { "/webhooks/ripio": { POST: receive } }
})
process.once("SIGTERM", () => void server.stop().then(() => receive.dispose()))
