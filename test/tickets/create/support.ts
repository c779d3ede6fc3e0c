import { createServer } from "node:http"
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthStaticToken,
  contentHashOf,
  CreateAmbiguous,
  type NewTicket,
  type RequestOptions,
  Ripio,
  RipioHttpLive,
  type SupportTickets,
  SupportTicketsLive
} from "../../../src/index.ts"
import { Sandbox } from "../../../src/testing/index.ts"

/** The port of {@link layerSandboxOnPort}. */
export const sandboxPort = Effect.map(HttpServer.HttpServer, ({ address }) =>
  Number(new URL(HttpServer.formatAddress(address)).port)
)

/** The sandbox on a port of this machine. At its end it waits for nobody: some clients hold a connection for their next. */
export const layerSandboxOnPort = Layer.unwrap(
  Effect.sync(() => {
    const server = createServer()
    const hangUp = Layer.effectDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
    return Layer.merge(Sandbox.layerServer, hangUp).pipe(
      Layer.provideMerge(NodeHttpServer.layerServer(() => server, { port: 0, host: "127.0.0.1" })),
      Layer.provideMerge(Sandbox.layer())
    )
  })
)

/** The whole client of the sandbox's own account, at a port that may be something in between. */
export const clientAt = (
  { account }: Sandbox["Service"],
  baseUrl: string,
  client: Layer.Layer<HttpClient>,
  options?: RequestOptions
): Layer.Layer<SupportTickets> =>
  Ripio.layer({ retry: { times: 3, base: "1 milli" }, ...options, ...account, environment: { baseUrl } }).pipe(
    Layer.provide(client),
    Layer.orDie
  )

/** A client that has a token, so that its first request is the create. */
export const withTokenAt = (
  baseUrl: string,
  client: Layer.Layer<HttpClient>,
  options: RequestOptions = { retry: { times: 2, base: "1 milli" } }
) =>
  SupportTicketsLive.layer.pipe(
    Layer.provide(RipioHttpLive.layer({ ...options, environment: { baseUrl } })),
    Layer.provide(AuthStaticToken.layer({ token: Redacted.make("token") })),
    Layer.provide(client),
    Layer.orDie
  )

/** Lets a server listen until the scope ends, and gives its port. */
export const listeningUntilEnd = (server: Server) => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => {}).on("close", () => sockets.delete(socket))
  })
  return Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
}

/** A server of plain TCP until the scope ends, and its port. */
export const tcp = (onConnection: (socket: Socket) => void) => listeningUntilEnd(createTcpServer(onConnection))

/** A port of this machine on which nobody listens. */
export const closedPort = Effect.scoped(tcp(() => {}))

/** How a connection goes: with a FIN, as if the peer had closed it, or with a RST. */
export type Going = "closed" | "reset"

const go = (socket: Socket, going: Going) =>
  going === "closed" ? void socket.end(() => socket.destroy()) : void socket.resetAndDestroy()

/**
 * What stands between a client and the sandbox, and cuts the connection of a create: after so many bytes of its request
 * have been let through, or, once the whole answer is here, after so many bytes of that.
 */
export interface Plan {
  readonly request?: number
  readonly answer?: number
  readonly going: Going
}

const head = Buffer.from("POST /api/v1/supportTickets/ ")

/** The bytes of the first message in `bytes`, headers included, if they are all there. */
const lengthOf = (bytes: Buffer): number | undefined => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const length = Number(/^content-length: *(\d+)/imu.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0)
  return bytes.length >= end + 4 + length ? end + 4 + length : undefined
}

export const cuttingProxy = Effect.fnUntraced(function* (upstreamPort: number) {
  const state = {
    plan: undefined as Plan | undefined,
    connections: 0,
    /** Heads of creates that clients have sent. */
    creates: 0,
    /** The bytes of the last create that was let through whole. */
    requestLength: 0,
    /** The bytes of the last answer to a create that was whole. */
    answerLength: 0
  }
  const port = yield* tcp((client) => {
    state.connections++
    const upstream = connect(upstreamPort, "127.0.0.1")
    let creating = false
    let isCut = false
    let sent = 0
    let answer = Buffer.alloc(0)
    upstream.on("error", () => {})
    client.on("close", () => upstream.destroy())
    upstream.on("close", () => client.destroy())
    client.on("data", (bytes) => {
      if (isCut) return
      // Each request of these clients begins a chunk of its own.
      if (bytes.subarray(0, head.length).equals(head)) {
        state.creates++
        creating = true
        sent = 0
        answer = Buffer.alloc(0)
      }
      const limit = creating ? state.plan?.request : undefined
      if (limit === undefined || sent + bytes.length <= limit) {
        sent += bytes.length
        upstream.write(bytes)
        if (sent !== limit) return
      } else {
        upstream.write(bytes.subarray(0, limit - sent))
        sent = limit
      }
      isCut = true
      // What was let through arrives before the connection goes.
      upstream.end()
      go(client, state.plan?.going ?? "reset")
    })
    upstream.on("data", (bytes) => {
      const limit = creating ? state.plan?.answer : undefined
      if (!creating) return void client.write(bytes)
      answer = Buffer.concat([answer, bytes])
      const length = lengthOf(answer)
      if (length === undefined) return
      state.answerLength = length
      state.requestLength = sent
      creating = false
      if (limit === undefined || limit >= length) return void client.write(answer)
      const going = state.plan?.going ?? "reset"
      if (limit === 0) go(client, going)
      else client.write(answer.subarray(0, limit), () => go(client, going))
    })
  })
  return { port, state }
})

/** The error is the one of an unknown end, with all that it takes to look for the ticket. */
export const assertAmbiguous = Effect.fnUntraced(function* (error: unknown, ticket: NewTicket, attempts = 1) {
  if (!(error instanceof CreateAmbiguous)) return assert.fail(`expected CreateAmbiguous, not ${String(error)}`)
  assert.deepStrictEqual(
    [error.customerId, error.contentHash, error.attempts],
    [ticket.customerId, yield* contentHashOf(ticket), attempts]
  )
})
