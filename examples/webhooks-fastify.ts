/** Webhooks in Fastify: `node examples/webhooks-fastify.ts`, with RIPIO_WEBHOOK_SECRETS and PORT. */
import * as Console from "effect/Console"
import * as Layer from "effect/Layer"
import { TicketInbox, TicketInboxLive, TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
import { toNodeListener } from "effect-ripio-tickets/node"
import fastify from "fastify"

const worker = TicketInboxLive.handler((event) => Console.log(`handled ${event.dedupeKey}`))
const receive = TicketWebhookHandler.fromLayer(
  // In memory. TicketInboxLive.layerStore() stores the events in your database.
  Layer.merge(TicketWebhooksLive.layerConfig, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))),
  TicketInbox.offer
)
const listener = toNodeListener(receive)

const app = fastify()
app.post("/orders", async (request) => ({ received: request.body }))
// The parser of this route leaves the body to the listener. It is registered in a plugin, so that other routes have theirs.
void app.register(async (routes) => {
  routes.removeAllContentTypeParsers()
  routes.addContentTypeParser("*", (_request, payload, done) => done(null, payload))
  routes.post("/webhooks/ripio", async (request, reply) => {
    reply.hijack()
    listener(request.raw, reply.raw)
  })
})

await app.listen({ host: "127.0.0.1", port: Number(process.env["PORT"]) })
process.once("SIGTERM", () => void app.close().then(() => receive.dispose()))
