/**
 * Webhooks in `node:http` or Express, through an adapter: `node examples/webhooks-node.ts`.
 *
 * In Express: `app.post("/webhooks/ripio", toNode(receive))`, before `app.use(express.json())`. If a parser reads the body
 * first, the signature cannot be verified.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"

/** Converts a handler of web requests into a listener of `node:http`. */
const toNode =
  (handler: (request: Request) => Promise<Response>) =>
  (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const headers = new Headers()
    for (const [name, values = []] of Object.entries(incoming.headersDistinct)) {
      for (const value of values) headers.append(name, value)
    }
    const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD"
    const request = new Request(`http://localhost${incoming.url ?? "/"}`, {
      method: incoming.method ?? "GET",
      headers,
      body: hasBody ? (Readable.toWeb(incoming) as ReadableStream<Uint8Array>) : null,
      duplex: "half"
    } as RequestInit)
    handler(request).then(
      (response) => outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(),
      () => outgoing.writeHead(500).end()
    )
  }

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const receive = yield* TicketWebhookHandler.make((event) => Console.log(`received ${event.dedupeKey}`)).pipe(
    // Your program uses TicketWebhooksLive.layerConfig, which reads RIPIO_WEBHOOK_SECRETS.
    Effect.provide(TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] }))
  )
  const server = createServer(toNode(receive)).listen(0, "127.0.0.1")
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
