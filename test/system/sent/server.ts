import * as http2 from "node:http2"
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { pending } from "../../support/fixtures.ts"
import { listeningUntilEnd, tcp } from "../../support/ports.ts"

/** What a server received of the creates of a test. */
export interface Seen {
  /** The number of requests whose head arrived. */
  heads: number
  /** The number of forms that arrived whole, closing delimiter included. */
  forms: number
}

/** One create at a server: what the server may do with it. */
export interface Exchange {
  /** Counts from zero. */
  readonly index: number
  readonly reply: (status: number) => void
  /** Ends the connection with a RST. */
  readonly reset: () => void
  /** Ends the connection with a FIN. */
  readonly close: () => void
  /** HTTP/2: resets the stream, with the claim that the request was not processed. */
  readonly refuseStream: () => void
  /** HTTP/2: ends the session. `isProcessed` is what the server claims about this request. */
  readonly goAway: (isProcessed: boolean) => void
}

/** What a server does with a create, and after how much of it. */
export interface Behavior {
  readonly at: "head" | "half" | "whole"
  readonly act: (exchange: Exchange) => void
}

export type Protocol = "http" | "https" | "h2"

export interface Certificate {
  readonly key: string
  readonly cert: string
}

export interface Counted {
  readonly port: number
  readonly seen: Seen
  readonly server: Server
}

/** A form on its way: decides when the server acts, and counts. */
const receive = (seen: Seen, { act, at }: Behavior, contentType: string, length: number, exchange: Exchange) => {
  const end = `--${/boundary=(.*)$/u.exec(contentType)?.[1]}--`
  let received = 0
  let tail = ""
  let isWhole = false
  let isDone = at === "head"
  if (isDone) act(exchange)
  return (bytes: Buffer) => {
    received += bytes.length
    tail = (tail + bytes.toString("latin1")).slice(-1024)
    if (!isWhole && tail.includes(end)) {
      isWhole = true
      seen.forms++
    }
    if (isDone || !(at === "half" ? received >= length / 2 : isWhole)) return
    isDone = true
    act(exchange)
  }
}

const phrase = "Status"

const replyHead = (status: number, length: number) =>
  `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n` +
  `${status === 401 ? "www-authenticate: Bearer\r\n" : ""}${status === 407 ? "proxy-authenticate: Basic\r\n" : ""}\r\n`

const bodyOf = (status: number) =>
  status === 202 ? JSON.stringify(pending) : status === 401 ? JSON.stringify({ code: 40001, message: "no" }) : ""

/** HTTP/1.1 on one connection. It replies 404 to a request without a body, and keeps the connection. */
const speakHttp1 = (
  connection: Duplex,
  raw: Socket,
  seen: Seen,
  behavior: Behavior,
  onConnect?: (connection: Duplex) => void
) => {
  let buffer = Buffer.alloc(0)
  let form: { readonly add: (bytes: Buffer) => void; remaining: number } | undefined
  connection.on("error", () => {})
  connection.on("data", (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk])
    while (buffer.length > 0) {
      if (form !== undefined) {
        const part = buffer.subarray(0, form.remaining)
        buffer = buffer.subarray(part.length)
        form.remaining -= part.length
        const { add } = form
        if (form.remaining === 0) form = undefined
        add(part)
        continue
      }
      const end = buffer.indexOf("\r\n\r\n")
      if (end < 0) return
      const head = buffer.toString("latin1", 0, end)
      buffer = buffer.subarray(end + 4)
      if (head.startsWith("CONNECT ")) {
        onConnect?.(connection)
        continue
      }
      if (!head.startsWith("POST ")) {
        connection.write(replyHead(404, 0))
        continue
      }
      const field = (name: string) => new RegExp(`^${name}: *(.*)$`, "imu").exec(head)?.[1]
      // A form without a length is chunked. No fault reuses its connection, so it lasts to the end.
      const length = Number(field("content-length") ?? Infinity)
      const exchange: Exchange = {
        index: seen.heads++,
        reply: (status) => {
          const body = bodyOf(status)
          connection.write(replyHead(status, body.length) + body)
        },
        reset: () => raw.resetAndDestroy(),
        close: () => {
          connection.pause()
          connection.end(() => connection.destroy())
        },
        refuseStream: () => {
          throw new Error("HTTP/1.1 has no streams")
        },
        goAway: () => {
          throw new Error("HTTP/1.1 has no GOAWAY")
        }
      }
      const add = receive(seen, behavior, field("content-type") ?? "", length, exchange)
      form = { add, remaining: length }
    }
  })
}

const speakHttp2 = (session: http2.ServerHttp2Session, raw: Socket, seen: Seen, behavior: Behavior) => {
  session.on("error", () => {})
  session.on("stream", (stream, headers) => {
    stream.on("error", () => {})
    if (headers[":method"] !== "POST") {
      stream.respond({ ":status": 404 }, { endStream: true })
      return
    }
    const exchange: Exchange = {
      index: seen.heads++,
      reply: (status) => {
        stream.respond({ ":status": status, "content-type": "application/json" })
        stream.end(bodyOf(status))
      },
      reset: () => raw.resetAndDestroy(),
      close: () => {
        stream.pause()
        raw.end(() => raw.destroy())
      },
      refuseStream: () => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM),
      goAway: (isProcessed) => {
        const id = stream.id ?? 0
        stream.pause()
        session.goaway(http2.constants.NGHTTP2_NO_ERROR, isProcessed ? id : id - 1)
        // The frame arrives before the connection ends.
        setTimeout(() => session.destroy(), 20)
      }
    }
    const add = receive(seen, behavior, headers["content-type"] ?? "", Number(headers["content-length"]), exchange)
    stream.on("data", add)
  })
}

/** A server that counts whole forms. */
export const countingServer = (
  protocol: Protocol,
  behavior: Behavior,
  { certificate, allowHalfOpen = false }: { readonly certificate?: Certificate; readonly allowHalfOpen?: boolean } = {}
): Effect.Effect<Counted, never, Scope.Scope> =>
  Effect.suspend(() => {
    const seen: Seen = { heads: 0, forms: 0 }
    if (certificate === undefined) {
      const server = createTcpServer({ allowHalfOpen }, (raw) => speakHttp1(raw, raw, seen, behavior))
      return Effect.map(listeningUntilEnd(server), (port) => ({ port, seen, server }))
    }
    // TLS takes over the handle of a socket, which then cannot be reset. So another connection on this machine carries TLS.
    const raws = new Map<number | undefined, Socket>()
    const rawOf = ({ remotePort }: { readonly remotePort?: number | undefined }) => {
      const raw = raws.get(remotePort)
      if (raw === undefined) throw new Error("The connection below TLS is unknown")
      return raw
    }
    const secure =
      protocol === "h2"
        ? http2.createSecureServer(certificate).on("session", (session) => {
            speakHttp2(session, rawOf(session.socket), seen, behavior)
          })
        : tls.createServer(certificate, (socket) => speakHttp1(socket, rawOf(socket), seen, behavior))
    secure.on("tlsClientError", () => {})
    return Effect.flatMap(listeningUntilEnd(secure), (securePort) => {
      const server = createTcpServer((raw) => {
        const inner = connect(securePort, "127.0.0.1", () => {
          raws.set(inner.localPort, raw)
          raw.pipe(inner).pipe(raw)
        })
        inner.on("error", () => {}).on("close", () => raw.destroySoon())
        raw.on("close", () => inner.destroy())
      })
      return Effect.map(listeningUntilEnd(server), (port) => ({ port, seen, server }))
    })
  })

/** A proxy that refuses to connect, and any other request, with a status or a RST. */
export const refusingProxy = (refusal: number | "reset"): Effect.Effect<Counted, never, Scope.Scope> =>
  Effect.suspend(() => {
    const seen: Seen = { heads: 0, forms: 0 }
    const act = ({ reply, reset }: Exchange) => (refusal === "reset" ? reset() : reply(refusal))
    const server = createTcpServer((raw) =>
      speakHttp1(raw, raw, seen, { at: "whole", act }, () => {
        if (refusal === "reset") raw.resetAndDestroy()
        else raw.write(replyHead(refusal, 0))
      })
    )
    return Effect.map(listeningUntilEnd(server), (port) => ({ port, seen, server }))
  })

/**
 * A port that refuses connections until the scope ends. It is the local port of an open connection, so that no other
 * server can listen on it.
 */
export const refusingPort = Effect.gen(function* () {
  const port = yield* tcp(() => {})
  return yield* Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket: Socket = connect({ port, host: "127.0.0.1" }, () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  ).pipe(Effect.map(({ localPort = 0 }) => localPort))
})

/**
 * A port whose connections are never made, as of a host that is down: the queue of a listening socket is full, so the
 * kernel drops each request to connect.
 */
export const silentPort = Effect.acquireRelease(
  Effect.promise(async () => {
    // The thread listens and then blocks, so it accepts no connection.
    const worker = new Worker(
      `const { parentPort } = require("node:worker_threads")
       const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
         parentPort.postMessage(server.address().port)
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
       })`,
      { eval: true }
    )
    const port = await new Promise<number>((resolve) => worker.once("message", resolve))
    const fillers = Array.from({ length: 6 }, () => connect({ port, host: "127.0.0.1" }))
    for (const filler of fillers) filler.on("error", () => {})
    await new Promise((resolve) => setTimeout(resolve, 100))
    return { port, fillers, worker }
  }),
  ({ fillers, worker }) =>
    Effect.promise(async () => {
      for (const filler of fillers) filler.destroy()
      await worker.terminate()
    })
)
