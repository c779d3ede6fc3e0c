/**
 * Webhooks in an Effect server, in a program that also waits for tickets: `node examples/webhooks-router.ts`.
 *
 * The route verifies each webhook, stores it in the inbox and responds. The inbox calls the handler, and the wait for the
 * ticket ends. An embedded sandbox sends a forged webhook for each event, and then the event twice.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import {
  type InboxEvent,
  SupportTickets,
  TicketInbox,
  TicketInboxLive,
  TicketOutcomesLive,
  TicketWebhookRoute,
  TicketWebhooksLive
} from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"
import { createServer } from "node:http"

/** Handles an event. The inbox calls it once for each event, and again if it fails. */
const notifyCustomer = Effect.fnUntraced(function* (event: InboxEvent) {
  yield* Console.log(mailFor(event))
  notified++
})
let notified = 0

const mailFor = (event: InboxEvent): string => {
  switch (event._tag) {
    case "TicketCreated":
      return `  mail: your request is registered as ${event.issueKey}`
    case "TicketFailed":
      return "  mail: your request could not be registered"
    default:
      return `  no mail for ${event._tag}`
  }
}

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/health", HttpServerResponse.empty()),
  TicketWebhookRoute.layer("/webhooks/ripio", TicketInbox.offer)
)

// Your program uses TicketWebhooksLive.layerConfig, which reads RIPIO_WEBHOOK_SECRETS.
const webhooks = Layer.unwrap(
  Sandbox.useSync(({ webhookSecret }) => TicketWebhooksLive.layer({ secrets: [webhookSecret] }))
)

const server = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
  Layer.merge(TicketInboxLive.handler(notifyCustomer)),
  Layer.provide(webhooks),
  // In memory. TicketInboxLive.layerStore() stores the events in your database.
  Layer.provide(TicketInboxLive.layer()),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
)

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const tickets = yield* SupportTickets
  const url = yield* HttpServer.addressFormattedWith((base) => Effect.succeed(`${base}/webhooks/ripio`))
  yield* sandbox.subscribe(url, { times: 2, forge: true })
  yield* Console.log(`Ripio sends to ${url}`)

  for (const outcome of ["Created", "Failed"] as const) {
    yield* sandbox.onCreate({ outcome, after: "300 millis" })
    const ticket = { customerId: sandbox.customer, summary: "A deposit is missing", description: "Since Monday." }
    const result = yield* tickets.raise(ticket)
    // The webhook ends the wait before the second poll, which is due after a second.
    yield* Console.log(`${result._tag}, after ${yield* sandbox.count("retrieve")} polls in all`)
  }
  const deliveries = yield* Effect.repeat(sandbox.deliveries, {
    schedule: Schedule.spaced("20 millis"),
    until: (sent) => sent.length >= 6 && sent.every(({ status }) => status !== undefined) && notified === 2
  })
  for (const { forged, status } of deliveries) {
    yield* Console.log(`  ${forged ? "a forged" : "a genuine"} webhook: response ${status}`)
  }
}).pipe(
  Effect.provide(
    server.pipe(Layer.provideMerge(Sandbox.layerRipio().pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))
  )
)

NodeRuntime.runMain(program)
