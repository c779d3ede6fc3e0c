import { createServer } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import { Sandbox } from "../../src/testing/index.ts"

/** The port of {@link layerSandboxOnPort}. */
export const sandboxPort = Effect.map(HttpServer.HttpServer, ({ address }) =>
  Number(new URL(HttpServer.formatAddress(address)).port)
)

/** The sandbox on a local port. Its release closes all connections, because some clients keep them open for reuse. */
export const layerSandboxOnPort = Layer.unwrap(
  Effect.sync(() => {
    const server = createServer()
    const closeConnections = Layer.effectDiscard(
      Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
    )
    return Layer.merge(Sandbox.layerServer, closeConnections).pipe(
      Layer.provideMerge(NodeHttpServer.layerServer(() => server, { port: 0, host: "127.0.0.1" })),
      Layer.provideMerge(Sandbox.layer())
    )
  })
)

/** Makes a server listen until the scope closes, and returns its port. */
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

/** Starts a TCP server until the scope closes, and returns its port. */
export const tcp = (onConnection: (socket: Socket) => void) => listeningUntilEnd(createTcpServer(onConnection))

/** A local port on which nothing listens. */
export const closedPort = Effect.scoped(tcp(() => {}))
