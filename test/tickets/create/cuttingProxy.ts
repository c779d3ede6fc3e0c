import { connect, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import { tcp } from "../../support/ports.ts"

/** How a connection ends: with a FIN, or with a RST. */
export type Ending = "closed" | "reset"

/** Where the proxy cuts the connection of a create. */
export interface Cut {
  /** Cut after so many bytes of the request are forwarded. */
  readonly request?: number
  /** Cut after so many bytes of the response are forwarded. The proxy waits for the whole response first. */
  readonly response?: number
  readonly ending: Ending
}

/** What the proxy does, set by the test, and what it saw. */
export interface CuttingProxy {
  cut: Cut | undefined
  /** The number of requests to create a ticket. */
  creates: number
  /** The length in bytes of the last create that was forwarded whole. */
  requestLength: number
  /** The length in bytes of the last response to a create that arrived whole. */
  responseLength: number
}

const requestLine = Buffer.from("POST /api/v1/supportTickets/ ")

/** A proxy on a local port that forwards to another port, and cuts creates as its state says. */
export const cuttingProxy = Effect.fnUntraced(function* (upstreamPort: number) {
  const state: CuttingProxy = { cut: undefined, creates: 0, requestLength: 0, responseLength: 0 }
  const port = yield* tcp((client) => {
    const upstream = connect(upstreamPort, "127.0.0.1")
    let isCreate = false
    let isCut = false
    let sent = 0
    let response = Buffer.alloc(0)
    upstream.on("error", () => {})
    client.on("close", () => upstream.destroy())
    upstream.on("close", () => client.destroy())
    client.on("data", (bytes) => {
      if (isCut) return
      // These clients start each request in a new chunk.
      if (bytes.subarray(0, requestLine.length).equals(requestLine)) {
        state.creates++
        isCreate = true
        sent = 0
        response = Buffer.alloc(0)
      }
      const limit = isCreate ? state.cut?.request : undefined
      if (limit === undefined || sent + bytes.length <= limit) {
        sent += bytes.length
        upstream.write(bytes)
        if (sent !== limit) return
      } else {
        upstream.write(bytes.subarray(0, limit - sent))
        sent = limit
      }
      isCut = true
      // The forwarded bytes arrive before the connection ends.
      upstream.end()
      endWith(client, state.cut?.ending ?? "reset")
    })
    upstream.on("data", (bytes) => {
      const limit = isCreate ? state.cut?.response : undefined
      if (!isCreate) return void client.write(bytes)
      response = Buffer.concat([response, bytes])
      const length = messageLength(response)
      if (length === undefined) return
      state.responseLength = length
      state.requestLength = sent
      isCreate = false
      if (limit === undefined || limit >= length) return void client.write(response)
      const ending = state.cut?.ending ?? "reset"
      if (limit === 0) endWith(client, ending)
      else client.write(response.subarray(0, limit), () => endWith(client, ending))
    })
  })
  return { port, state }
})

const endWith = (socket: Socket, ending: Ending) =>
  ending === "closed" ? void socket.end(() => socket.destroy()) : void socket.resetAndDestroy()

/** The length of the first HTTP message in `bytes`, headers included, or `undefined` if it is not complete. */
const messageLength = (bytes: Buffer): number | undefined => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const length = Number(/^content-length: *(\d+)/imu.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0)
  return bytes.length >= end + 4 + length ? end + 4 + length : undefined
}
