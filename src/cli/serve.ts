import * as Effect from "effect/Effect"
import type { Server } from "node:http"
import { toNodeListener } from "../node/NodeListener.ts"
import { PortUnavailable } from "./exit.ts"

// Other machines cannot reach it.
const host = "127.0.0.1"

// Loading `node:http` also loads the whole `fetch`, which takes as long as half of the rest of the program.
const loadHttp = Effect.promise(() => import("node:http"))

/** Serves a web handler on a local port until the scope closes, and returns the URL. */
export const serve = (handler: (request: Request) => Promise<Response>, port: number) =>
  Effect.flatMap(loadHttp, ({ createServer }) =>
    Effect.acquireRelease(
      Effect.callback<Server, PortUnavailable>((resume) => {
        const server = createServer(toNodeListener(handler))
        server.once("error", (error: NodeJS.ErrnoException) =>
          resume(Effect.fail(new PortUnavailable({ port, issue: error.code ?? error.message })))
        )
        server.listen(port, host, () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return `http://${host}:${typeof address === "object" && address !== null ? address.port : port}`
    })
  )
