/**
 * Webhooks in Hono, or in anything else that serves `Request`s: `node examples/webhooks-hono.ts`.
 *
 * An embedded sandbox plays Ripio and sends its webhooks to the port. With RIPIO_WEBHOOK_SECRETS set, the server waits for
 * those of the real one.
 */
import { serve } from "@hono/node-server"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { TicketInbox, TicketInboxLive, TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"
import { Hono } from "hono"

const isReal = process.env["RIPIO_WEBHOOK_SECRETS"] !== undefined

const webhooks = isReal
  ? TicketWebhooksLive.layerConfig
  : Layer.unwrap(Sandbox.useSync(({ webhookSecret }) => TicketWebhooksLive.layer({ secrets: [webhookSecret] })))

const worker = TicketInboxLive.handler((event) => Console.log(`handled ${event.dedupeKey}`))

// It lives as long as the server. A secret that cannot work stops it here, and not at the first webhook.
const runtime = ManagedRuntime.make(
  Layer.merge(webhooks, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))).pipe(
    Layer.provideMerge(Sandbox.layer())
  )
)
const receive = await runtime.runPromise(TicketWebhookHandler.make(TicketInbox.offer))

const app = new Hono()
app.get("/health", (context) => context.body(null, 204))
// The raw request: no parser may have its body before.
app.post("/webhooks/ripio", (context) => receive(context.req.raw))

const port = await runtime.runPromise(Config.Port("PORT").pipe(Config.withDefault(0)))
const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port }, (address) => {
  console.log(`Ripio sends to http://127.0.0.1:${address.port}/webhooks/ripio`)
  if (!isReal) void runtime.runPromise(play(`http://127.0.0.1:${address.port}/webhooks/ripio`)).finally(stop)
})

const stop = () => {
  server.close()
  void runtime.dispose()
}

/** What Ripio would do: one ticket is registered, one fails, and each webhook is sent twice. */
const play = Effect.fnUntraced(function* (url: string) {
  const sandbox = yield* Sandbox
  yield* sandbox.subscribe(url, { times: 2 })
  yield* sandbox.seed({ outcome: "Created", after: "100 millis" })
  yield* sandbox.seed({ outcome: "Failed", after: "200 millis" })
  yield* Effect.sleep("600 millis")
  const deliveries = yield* sandbox.deliveries
  yield* Console.log(
    `${deliveries.length} webhooks were sent, and answered ${deliveries.map((d) => d.status).join(", ")}`
  )
})
