import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { getRequestListener } from "@hono/node-server"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { Sandbox } from "../../../src/testing/index.ts"
import { bytes, description, type Limits, sizes } from "./target.ts"

const listen = async (server: ReturnType<typeof createServer>) => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const bodyOf = async (request: IncomingMessage) => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Counts the requests of one runtime to the fault endpoints. */
class Counters {
  silent = 0
  open = 0
  dropped = 0
  redirected = 0
}

/** One check of what the server has counted. */
interface ServerCheck {
  readonly name: string
  readonly actual: unknown
  readonly expected: unknown
}

/**
 * A sandbox on a port. The same server has endpoints that fail, under `/{runtime}/`, and the page for the browser, under
 * `/page/`.
 */
export const serve = async () => {
  const runtime = ManagedRuntime.make(Sandbox.layer())
  const sandbox = await runtime.runPromise(Sandbox)
  await runtime.runPromise(sandbox.onCreate({ outcome: "Created", after: "150 millis" }))
  const listener = getRequestListener(await runtime.runPromise(Sandbox.toWebHandler))
  const counters = new Map<string, Counters>()
  const pages = new Map<string, string>()
  let report: (text: string) => void = () => {}

  const countersOf = (runtime: string) => {
    const counts = counters.get(runtime) ?? new Counters()
    counters.set(runtime, counts)
    return counts
  }

  const handleFault = async (counts: Counters, fault: string, request: IncomingMessage, response: ServerResponse) => {
    switch (fault) {
      case "silent":
        counts.silent += 1
        counts.open += 1
        response.on("close", () => (counts.open -= 1))
        return
      case "redirect":
        response.writeHead(302, { location: request.url?.replace("redirect", "redirected") }).end()
        return
      case "redirected":
        counts.redirected += 1
        response.writeHead(404).end()
        return
      case "dropped":
        if (request.method === "GET") {
          response.writeHead(404).end()
          return
        }
        counts.dropped += 1
        await bodyOf(request)
        request.socket.resetAndDestroy()
        return
      default:
        throw new Error(`Unknown fault endpoint: ${fault}`)
    }
  }

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost")
    const [, runtime = "", fault = ""] = /^\/([^/]+)\/(silent|redirect|redirected|dropped)\//u.exec(pathname) ?? []
    const page = pages.get(pathname)
    if (runtime !== "") void handleFault(countersOf(runtime), fault, request, response)
    else if (page !== undefined) {
      const type = pathname.endsWith(".js") ? "text/javascript" : "text/html"
      response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(page)
    } else if (pathname === "/report") {
      void bodyOf(request).then((body) => {
        response.writeHead(204).end()
        report(body.toString())
      })
    } else void listener(request, response)
  })
  const baseUrl = await listen(server)

  const closed = createServer()
  const closedUrl = await listen(closed)
  await new Promise((resolve) => closed.close(resolve))

  return {
    baseUrl,
    closedUrl,
    clientId: sandbox.account.clientId,
    clientSecret: Redacted.value(sandbox.account.clientSecret),
    customerId: sandbox.customer,
    pages,
    /** The next report that the page posts. */
    reported: () => new Promise<string>((resolve) => (report = resolve)),
    /** Checks of the tickets and the requests that the server received from a runtime. */
    checks: async (name: string, { resends }: Limits): Promise<ReadonlyArray<ServerCheck>> => {
      const all = await Effect.runPromise(sandbox.tickets)
      const tickets = all.filter(({ summary }) => summary.startsWith(`${name}: `))
      const sent = (size: number) => [description, ["receipt ñ.bin", "application/x-receipt", true, size]]
      const { dropped, open, redirected, silent } = countersOf(name)
      return [
        {
          name: "server: received each ticket once, with every byte",
          actual: tickets.map((ticket) => [
            ticket.description,
            ...ticket.files.map((file) => [
              file.name,
              file.type,
              Buffer.compare(file.bytes, bytes(file.bytes.length)) === 0,
              file.bytes.length
            ])
          ]),
          expected: [sent(sizes.small), sent(sizes.large)]
        },
        resends === true
          ? {
              name: "server: received the reset create twice, as this runtime resends it",
              actual: dropped,
              expected: 2
            }
          : { name: "server: received the reset create once", actual: dropped, expected: 1 },
        { name: "server: received no redirected request", actual: redirected, expected: 0 },
        {
          name: "server: connections of aborted requests are closed",
          actual: { silent, open },
          expected: { silent: 2, open: 0 }
        }
      ]
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await runtime.dispose()
    }
  }
}
