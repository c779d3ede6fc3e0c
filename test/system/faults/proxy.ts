import { connect, createServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import { listeningUntilEnd } from "../../support/ports.ts"

/**
 * A fault in one direction of a connection. It starts when `offset` bytes have been forwarded and another byte arrives:
 *
 * - `reset`, `close`: the proxy ends the client's connection with a RST or a FIN.
 * - `half-close`: the proxy sends a FIN to the receiver of the remaining bytes. Only the client closes the connection.
 * - `stall`: the proxy forwards nothing, and the connection stays open.
 * - `delay`: the proxy waits, then forwards the remaining bytes.
 * - `throttle`: the proxy forwards the remaining bytes one at a time, with a pause between them.
 */
export interface Plan {
  readonly side: "request" | "response"
  readonly offset: number
  readonly fault: "reset" | "close" | "half-close" | "stall" | "delay" | "throttle"
  /** The pause of `delay` and `throttle`. */
  readonly milliseconds?: number
  /** The number of connections with the fault. Later connections have none. */
  readonly connections?: number
}

/** Connects a client to a server, with or without a fault. */
const join = (client: Socket, upstream: Socket, forwarded: Record<Plan["side"], number>, plan: Plan | undefined) => {
  const applyFault = (to: Socket, rest: Buffer, { fault, milliseconds = 0 }: Plan) => {
    switch (fault) {
      case "reset":
        // A RST discards unsent bytes: send those that were forwarded first.
        if (to === client) to.write("", () => client.resetAndDestroy())
        else client.resetAndDestroy()
        return
      case "close":
        client.end(() => client.destroy())
        return
      case "half-close":
        to.end()
        return
      case "stall":
        return
      case "delay":
        setTimeout(() => void (to.writable && to.write(rest)), milliseconds)
        return
      case "throttle": {
        let next = 0
        const writeNext = () => {
          if (next >= rest.length || !to.writable) return
          to.write(rest.subarray(next, ++next))
          if (milliseconds === 0) setImmediate(writeNext)
          else setTimeout(writeNext, milliseconds)
        }
        writeNext()
      }
    }
  }

  let isFaulted = false
  // A client that ends its side after a fault does not wait for the proxy to end the other side.
  const closeIfAbandoned = () => void (isFaulted && client.readableEnded && client.destroy())
  const forward = (side: Plan["side"], from: Socket, to: Socket) => {
    let isCut = false
    from.on("data", (bytes) => {
      if (isCut) return
      const room = plan?.side === side ? plan.offset - forwarded[side] : Infinity
      forwarded[side] += Math.min(bytes.length, room)
      if (bytes.length <= room) return void (to.writable && to.write(bytes))
      isCut = isFaulted = true
      if (room > 0) to.write(bytes.subarray(0, room))
      if (plan !== undefined) applyFault(to, bytes.subarray(room), plan)
      closeIfAbandoned()
    })
    from.on("end", () => void (isCut || to.end()))
  }

  forward("request", client, upstream)
  forward("response", upstream, client)
  upstream.on("error", () => {})
  client.on("end", closeIfAbandoned)
  client.on("close", () => upstream.destroy())
  // After a fault in the response, the fault alone decides when the client's connection ends.
  upstream.on("close", () => void (isFaulted && plan?.side === "response" ? undefined : client.end()))
}

/** A proxy in front of a local port. It listens until the scope ends. */
export const faultyProxy = (upstreamPort: number, plan?: Plan) =>
  Effect.gen(function* () {
    // A port may have belonged to another test, whose late requests arrive here. They do not have this path.
    const marker = `/${crypto.randomUUID().slice(0, 8)}`
    const seen = {
      connections: 0,
      /** The number of connections that carried a request. A client may open a connection in advance. */
      attempts: 0,
      /** The bytes that were forwarded on the last connection. */
      forwarded: { request: 0, response: 0 }
    }
    const open = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, (client) => {
      seen.connections++
      seen.forwarded = { request: 0, response: 0 }
      open.add(client)
      client.once("data", (bytes) => {
        if (bytes.includes(marker)) seen.attempts++
      })
      client.on("close", () => open.delete(client))
      const isExempt = plan?.connections !== undefined && seen.connections > plan.connections
      const upstream = connect({ port: upstreamPort, host: "127.0.0.1", allowHalfOpen: true })
      join(client, upstream, seen.forwarded, isExempt ? undefined : plan)
    })
    const port = yield* listeningUntilEnd(server)
    return {
      baseUrl: `http://127.0.0.1:${port}${marker}`,
      seen,
      /** The number of connections that the client has not closed within about two seconds. */
      openConnections: Effect.map(
        Effect.andThen(
          Effect.sleep("1 milli"),
          Effect.sync(() => open.size)
        ).pipe(Effect.repeat({ until: (size) => size === 0, times: 2000 })),
        () => open.size
      )
    }
  })
