/**
 * Webhooks in Express 5, before and after `express.json()`: `node examples/webhooks-express.ts`, with RIPIO_WEBHOOK_SECRETS
 * and PORT.
 */
import * as Console from "effect/Console"
import * as Layer from "effect/Layer"
import { TicketInbox, TicketInboxLive, TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
import { toNodeListener } from "effect-ripio-tickets/node"
import express from "express"

const worker = TicketInboxLive.handler((event) => Console.log(`handled ${event.dedupeKey}`))
const receive = TicketWebhookHandler.fromLayer(
  // In memory. TicketInboxLive.layerStore() stores the events in your database.
  Layer.merge(TicketWebhooksLive.layerConfig, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))),
  TicketInbox.offer
)

const app = express()
app.post("/webhooks/ripio", toNodeListener(receive))

// After a parser, the signature can be verified only if the parser keeps the bytes.
const bodies = new WeakMap<object, Buffer<ArrayBuffer>>()
app.use(express.json({ verify: (request, _, body) => void bodies.set(request, Buffer.from(body)) }))
app.post("/parsed/webhooks/ripio", async (request, response) => {
  const headers = Object.entries(request.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value])
  )
  const body = bodies.get(request) ?? null
  const { status } = await receive(new Request("http://localhost/webhooks/ripio", { method: "POST", headers, body }))
  response.status(status).end()
})

const server = app.listen(Number(process.env["PORT"]), "127.0.0.1")
process.once("SIGTERM", () => server.close(() => void receive.dispose()))
