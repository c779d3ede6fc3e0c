/**
 * Webhooks in `node:http`: `node examples/webhooks-node.ts`.
 *
 * In Express, see `examples/webhooks-express.ts`. If a parser reads the body first, the signature cannot be verified.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
import { toNodeListener } from "effect-ripio-tickets/node"
import { Sandbox } from "effect-ripio-tickets/testing"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const receive = TicketWebhookHandler.fromLayer(
    // Your program uses TicketWebhooksLive.layerConfig, which reads RIPIO_WEBHOOK_SECRETS.
    TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] }),
    (event) => Console.log(`received ${event.dedupeKey}`)
  )
  const server = createServer(toNodeListener(receive)).listen(0, "127.0.0.1")
  yield* Effect.promise(() => new Promise<unknown>((resolve) => server.once("listening", resolve)))
  const { port } = server.address() as AddressInfo
  yield* sandbox.subscribe(`http://127.0.0.1:${port}/webhooks/ripio`, { forge: true })
  yield* sandbox.seed({ outcome: "Created", after: "100 millis" })
  const deliveries = yield* Effect.repeat(sandbox.deliveries, {
    schedule: Schedule.spaced("20 millis"),
    until: (sent) => sent.length >= 2 && sent.every(({ status }) => status !== undefined)
  })
  for (const { forged, status } of deliveries) {
    yield* Console.log(`${forged ? "a forged" : "a genuine"} webhook: response ${status}`)
  }
  server.close()
  server.closeAllConnections()
})

await Effect.runPromise(Effect.provide(program, Sandbox.layer()))
