/**
 * Webhooks in Hono, or in any other server of web `Request`s: `node examples/webhooks-hono.ts`.
 *
 * An embedded sandbox sends webhooks to the server, as Ripio would. With RIPIO_WEBHOOK_SECRETS set, the sandbox sends
 * nothing and the server waits for the webhooks of Ripio.
 */
import { serve } from "@hono/node-server"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import { TicketInbox, TicketInboxLive, TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"
import { Hono } from "hono"

const isReal = process.env["RIPIO_WEBHOOK_SECRETS"] !== undefined

const webhooks = isReal
  ? TicketWebhooksLive.layerConfig
  : Layer.unwrap(Sandbox.useSync(({ webhookSecret }) => TicketWebhooksLive.layer({ secrets: [webhookSecret] })))

let handled = 0
const worker = TicketInboxLive.handler(
  Effect.fnUntraced(function* (event) {
    yield* Console.log(`handled ${event.dedupeKey}`)
    handled++
  })
)

// The sandbox of this example. Your program does not need it.
const runtime = ManagedRuntime.make(Sandbox.layer())
const sandbox = Layer.succeed(Sandbox, await runtime.runPromise(Sandbox))

// The inbox and its worker begin with the first webhook, and run until `dispose`.
const receive = TicketWebhookHandler.fromLayer(
  Layer.merge(webhooks, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))).pipe(Layer.provide(sandbox)),
  TicketInbox.offer
)

const app = new Hono()
app.get("/health", (context) => context.body(null, 204))
// Pass the raw request: a body parser must not read it first.
app.post("/webhooks/ripio", (context) => receive(context.req.raw))

const port = await runtime.runPromise(Config.Port("PORT").pipe(Config.withDefault(0)))
const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port }, (address) => {
  console.log(`Ripio sends to http://127.0.0.1:${address.port}/webhooks/ripio`)
  if (!isReal) void runtime.runPromise(sendWebhooks(`http://127.0.0.1:${address.port}/webhooks/ripio`)).finally(stop)
})

const stop = () => {
  server.close()
  void receive.dispose().then(() => runtime.dispose())
}

/** Ends one ticket as `Created` and one as `Failed`, and sends each webhook twice. */
const sendWebhooks = Effect.fnUntraced(function* (url: string) {
  const sandbox = yield* Sandbox
  yield* sandbox.subscribe(url, { times: 2 })
  yield* sandbox.seed({ outcome: "Created", after: "100 millis" })
  yield* sandbox.seed({ outcome: "Failed", after: "200 millis" })
  const deliveries = yield* Effect.repeat(sandbox.deliveries, {
    schedule: Schedule.spaced("20 millis"),
    until: (sent) => sent.length >= 4 && sent.every(({ status }) => status !== undefined) && handled === 2
  })
  yield* Console.log(
    `${deliveries.length} webhooks were sent, with the responses ${deliveries.map((d) => d.status).join(", ")}`
  )
})
