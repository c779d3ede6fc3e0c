import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import {
  type TicketEvent,
  type TicketOutcomes,
  TicketWebhookHandler,
  TicketWebhookRoute,
  TicketWebhooksLive
} from "../../src/index.ts"
import { secret } from "./fixtures.ts"

export type OnEvent = (event: TicketEvent) => Effect.Effect<unknown, unknown>

export interface Receiver {
  readonly title: string
  /** Whether the request reaches the receiver through `fetch` and a socket. */
  readonly isOnPort: boolean
  /** Builds the receiver on the clock and the logger of the test. */
  readonly make: (
    onEvent: OnEvent
  ) => Effect.Effect<(request: Request) => Effect.Effect<Response>, unknown, TicketOutcomes | Scope.Scope>
}

export const webhooks = TicketWebhooksLive.layer({ secrets: [secret] })

export const path = "/webhooks/ripio"
export const url = `https://shop.test${path}`

export const post = (delivery: { readonly body: Uint8Array | null; readonly headers: Record<string, string> }) =>
  new Request(url, { method: "POST", body: delivery.body as Uint8Array<ArrayBuffer> | null, headers: delivery.headers })

export const postStream = (body: ReadableStream, headers: Record<string, string> = {}) =>
  new Request(url, { method: "POST", body, duplex: "half", headers } as RequestInit)

/** Serves the route on a port of this machine, and returns the URL of the server. */
export const serveRoute = (onEvent: OnEvent) =>
  Effect.gen(function* () {
    const server = yield* Layer.build(
      HttpRouter.serve(TicketWebhookRoute.layer(path, onEvent).pipe(Layer.provide(webhooks)), {
        disableLogger: true,
        disableListenLog: true
      }).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })))
    )
    const { address } = Context.get(server, HttpServer.HttpServer)
    if (address._tag !== "InetAddressV4") return yield* Effect.die(new Error("The server has no port"))
    return `http://127.0.0.1:${address.port}`
  })

export const receivers: ReadonlyArray<Receiver> = [
  {
    title: "TicketWebhookHandler",
    isOnPort: false,
    make: (onEvent) =>
      TicketWebhookHandler.make(onEvent).pipe(
        Effect.provide(webhooks),
        Effect.map((handler) => (request) => Effect.promise(() => handler(request)))
      )
  },
  {
    title: "TicketWebhookRoute as a web handler",
    isOnPort: false,
    make: (onEvent) =>
      Effect.gen(function* () {
        const context = yield* Effect.context<TicketOutcomes>()
        const clock = yield* Clock.Clock
        const { dispose, handler } = HttpRouter.toWebHandler(
          TicketWebhookRoute.layer(path, onEvent).pipe(
            Layer.provide(webhooks),
            Layer.provide(Layer.succeedContext(context))
          ),
          { disableLogger: true }
        )
        yield* Effect.addFinalizer(() => Effect.promise(dispose))
        const services = Context.add(context, Clock.Clock, clock)
        return (request) => Effect.promise(() => handler(request, services))
      })
  },
  {
    title: "TicketWebhookRoute on a port",
    isOnPort: true,
    make: (onEvent) =>
      Effect.gen(function* () {
        const target = `${yield* serveRoute(onEvent)}${path}`
        return (request) =>
          Effect.promise(async () =>
            fetch(target, {
              method: request.method,
              headers: [...request.headers].filter(([name]) => name !== "content-length"),
              body: request.body === null ? null : await request.arrayBuffer()
            })
          )
      })
  }
]
