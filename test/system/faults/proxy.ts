import { connect, createServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import { listeningUntilEnd } from "../../support/ports.ts"

/**
 * What befalls the bytes of one direction, once so many of them have been let through and another one is there:
 *
 * - `reset`, `close`: the connection goes, with a RST or with a FIN.
 * - `half-close`: a FIN to the one who waits for the rest, and the connection stays for whoever does not leave it.
 * - `stall`: nothing any more, with the connection open.
 * - `delay`: nothing for a while, and then the rest.
 * - `throttle`: the rest byte by byte, with a pause before each.
 */
export interface Plan {
  readonly side: "request" | "answer"
  readonly at: number
  readonly how: "reset" | "close" | "half-close" | "stall" | "delay" | "throttle"
  /** Of `delay` and `throttle`. */
  readonly milliseconds?: number
  /** Spares the connections after so many. */
  readonly connections?: number
}

/** A connection between a client and a server, under a plan or none. */
const join = (client: Socket, upstream: Socket, passed: Record<Plan["side"], number>, plan: Plan | undefined) => {
  const befall = (to: Socket, rest: Buffer, { how, milliseconds = 0 }: Plan) => {
    switch (how) {
      case "reset":
        // What was let through has arrived by then.
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
        const drip = () => {
          if (next >= rest.length || !to.writable) return
          to.write(rest.subarray(next, ++next))
          if (milliseconds === 0) setImmediate(drip)
          else setTimeout(drip, milliseconds)
        }
        drip()
      }
    }
  }

  let isOver = false
  // Whoever leaves a fault has left: nobody waits for our end of it.
  const leave = () => void (isOver && client.readableEnded && client.destroy())
  const pass = (side: Plan["side"], from: Socket, to: Socket) => {
    let isCut = false
    from.on("data", (bytes) => {
      if (isCut) return
      const room = plan?.side === side ? plan.at - passed[side] : Infinity
      passed[side] += Math.min(bytes.length, room)
      if (bytes.length <= room) return void (to.writable && to.write(bytes))
      isCut = isOver = true
      if (room > 0) to.write(bytes.subarray(0, room))
      if (plan !== undefined) befall(to, bytes.subarray(room), plan)
      leave()
    })
    from.on("end", () => void (isCut || to.end()))
  }

  pass("request", client, upstream)
  pass("answer", upstream, client)
  upstream.on("error", () => {})
  client.on("end", leave)
  client.on("close", () => upstream.destroy())
  // After a fault it is the fault that says what becomes of the client's side.
  upstream.on("close", () => void (isOver && plan?.side === "answer" ? undefined : client.end()))
}

/** A proxy before a port of this machine, until the scope ends. */
export const faultyProxy = (upstreamPort: number, plan?: Plan) =>
  Effect.gen(function* () {
    // What strays here from another test, whose port this one was, does not ask under this path.
    const marker = `/${crypto.randomUUID().slice(0, 8)}`
    const seen = {
      connections: 0,
      /** The connections on which something was asked: a client may open one for later. */
      asked: 0,
      /** What was let through on the last connection. */
      passed: { request: 0, answer: 0 }
    }
    const open = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, (client) => {
      seen.connections++
      seen.passed = { request: 0, answer: 0 }
      open.add(client)
      client.once("data", (bytes) => {
        if (bytes.includes(marker)) seen.asked++
      })
      client.on("close", () => open.delete(client))
      const isSpared = plan?.connections !== undefined && seen.connections > plan.connections
      const upstream = connect({ port: upstreamPort, host: "127.0.0.1", allowHalfOpen: true })
      join(client, upstream, seen.passed, isSpared ? undefined : plan)
    })
    const port = yield* listeningUntilEnd(server)
    return {
      baseUrl: `http://127.0.0.1:${port}${marker}`,
      seen,
      /** How many connections are still open after a while: those that the client has not left. */
      left: Effect.map(
        Effect.andThen(
          Effect.sleep("1 milli"),
          Effect.sync(() => open.size)
        ).pipe(Effect.repeat({ until: (size) => size === 0, times: 2000 })),
        () => open.size
      )
    }
  })
