import * as Effect from "effect/Effect"
import { connect, type Socket } from "node:net"

/** A TCP connection on which a test writes the bytes of HTTP, until the scope closes. */
export const connectTo = (url: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const { hostname, port } = new URL(url)
        const socket = connect(Number(port), hostname, () => resume(Effect.succeed(socket)))
        socket.on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket) => {
      let received = ""
      socket.on("data", (chunk: Buffer) => {
        received += chunk.toString("latin1")
      })
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
      return {
        socket,
        send: (text: string) => Effect.sync(() => socket.write(text, "latin1")),
        /** Waits until the received text matches. */
        receive: (pattern: RegExp) =>
          Effect.callback<string>((resume) => {
            const check = () => {
              if (!pattern.test(received)) return
              socket.off("data", check)
              resume(Effect.succeed(received))
            }
            socket.on("data", check)
            check()
          }),
        closed: Effect.promise(() => closed),
        received: () => received
      }
    }
  )
