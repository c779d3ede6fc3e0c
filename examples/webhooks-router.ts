/**
 * Webhooks in a server of Effect's own, beside a program that waits for a ticket: `node examples/webhooks-router.ts`.
 *
 * The route verifies each webhook, stores it in the inbox and answers; the inbox hands it to a handler; and whoever waits
 * for the ticket knows at once. An embedded sandbox plays Ripio, and sends its webhooks to the port, some of them twice
 * and some of them forged.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import {
  SupportTickets,
  TicketEvent,
  TicketInbox,
  TicketInboxLive,
  TicketOutcomesLive,
  TicketWebhookRoute,
  TicketWebhooksLive
} from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"
import { createServer } from "node:http"

/** What your program does with an event: once for each, again if it fails. */
const tellTheCustomer = (event: TicketEvent) =>
  Console.log(
    TicketEvent.match(event, {
      TicketCreated: ({ issueKey }) => `  mail: your request is registered as ${issueKey}`,
      TicketFailed: () => "  mail: your request could not be registered",
      OtherEvent: ({ eventType }) => `  nothing to tell of ${eventType}`
    })
  )

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/health", HttpServerResponse.empty()),
  TicketWebhookRoute.layer("/webhooks/ripio", TicketInbox.offer)
)

// In your program: TicketWebhooksLive.layerConfig, which reads RIPIO_WEBHOOK_SECRETS.
const webhooks = Layer.unwrap(
  Sandbox.useSync(({ webhookSecret }) => TicketWebhooksLive.layer({ secrets: [webhookSecret] }))
)

const server = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
  Layer.merge(TicketInboxLive.handler(tellTheCustomer)),
  Layer.provide(webhooks),
  // In memory. TicketInboxLive.layerStore() keeps the events in your database.
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
    const ended = yield* tickets.raise(ticket)
    // The next poll would have come after a second.
    yield* Console.log(`${ended._tag}, after ${yield* sandbox.count("retrieve")} polls in all`)
  }
  yield* Effect.sleep("300 millis")
  for (const { forged, status } of yield* sandbox.deliveries) {
    yield* Console.log(`  ${forged ? "a forged" : "a true"} webhook was answered ${status}`)
  }
}).pipe(
  Effect.provide(
    server.pipe(Layer.provideMerge(Sandbox.layerRipio().pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))
  )
)

NodeRuntime.runMain(program)
