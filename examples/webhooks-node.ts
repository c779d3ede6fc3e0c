/**
 * Webhooks in Express, or in a bare server of Node.js, by an adapter: `node examples/webhooks-node.ts`.
 *
 * In Express: `app.post("/webhooks/ripio", toNode(receive))`, before `app.use(express.json())`. A parser that has the body
 * first leaves nothing to verify.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"

/** From a handler of web requests to one of Node.js. */
const toNode =
  (handler: (request: Request) => Promise<Response>) =>
  (message: IncomingMessage, reply: ServerResponse): void => {
    const headers = new Headers()
    for (const [name, values = []] of Object.entries(message.headersDistinct)) {
      for (const value of values) headers.append(name, value)
    }
    const hasBody = message.method !== "GET" && message.method !== "HEAD"
    const request = new Request(`http://localhost${message.url ?? "/"}`, {
      method: message.method ?? "GET",
      headers,
      body: hasBody ? (Readable.toWeb(message) as ReadableStream<Uint8Array>) : null,
      duplex: "half"
    } as RequestInit)
    handler(request).then(
      (response) => reply.writeHead(response.status, Object.fromEntries(response.headers)).end(),
      () => reply.writeHead(500).end()
    )
  }

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const receive = yield* TicketWebhookHandler.make((event) => Console.log(`took ${event.dedupeKey}`)).pipe(
    // In your program: TicketWebhooksLive.layerConfig, which reads RIPIO_WEBHOOK_SECRETS.
    Effect.provide(TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] }))
  )
  const server = createServer(toNode(receive)).listen(0, "127.0.0.1")
  yield* Effect.promise(() => new Promise<unknown>((resolve) => server.once("listening", resolve)))
  const { port } = server.address() as AddressInfo
  yield* sandbox.subscribe(`http://127.0.0.1:${port}/webhooks/ripio`, { forge: true })
  yield* sandbox.seed({ outcome: "Created", after: "100 millis" })
  yield* Effect.sleep("500 millis")
  for (const { forged, status } of yield* sandbox.deliveries) {
    yield* Console.log(`${forged ? "a forged" : "a true"} webhook was answered ${status}`)
  }
  server.close()
  server.closeAllConnections()
})

await Effect.runPromise(Effect.provide(program, Sandbox.layer()))
