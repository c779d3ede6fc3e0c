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

/** What the server has seen of one runtime at its trap doors. */
class Trapped {
  silent = 0
  open = 0
  dropped = 0
  redirected = 0
}

/**
 * A sandbox on a port, and beside it, below `/{runtime}/`, places where things go wrong. What is below `/page/` is for the
 * browser.
 */
export const serve = async () => {
  const runtime = ManagedRuntime.make(Sandbox.layer())
  const sandbox = await runtime.runPromise(Sandbox)
  await runtime.runPromise(sandbox.onCreate({ outcome: "Created", after: "150 millis" }))
  const listener = getRequestListener(await runtime.runPromise(Sandbox.toWebHandler))
  const traps = new Map<string, Trapped>()
  const pages = new Map<string, string>()
  let report: (text: string) => void = () => {}

  const trapsOf = (name: string) => {
    const trapped = traps.get(name) ?? new Trapped()
    traps.set(name, trapped)
    return trapped
  }

  const trap = async (trapped: Trapped, what: string, request: IncomingMessage, response: ServerResponse) => {
    switch (what) {
      case "silent":
        trapped.silent += 1
        trapped.open += 1
        response.on("close", () => (trapped.open -= 1))
        return
      case "redirect":
        response.writeHead(302, { location: request.url?.replace("redirect", "redirected") }).end()
        return
      case "redirected":
        trapped.redirected += 1
        response.writeHead(404).end()
        return
      case "dropped":
        if (request.method === "GET") {
          response.writeHead(404).end()
          return
        }
        trapped.dropped += 1
        await bodyOf(request)
        request.socket.resetAndDestroy()
        return
      default:
        throw new Error(`no such trap: ${what}`)
    }
  }

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost")
    const [, name = "", what = ""] = /^\/([^/]+)\/(silent|redirect|redirected|dropped)\//u.exec(pathname) ?? []
    const page = pages.get(pathname)
    if (name !== "") void trap(trapsOf(name), what, request, response)
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
    /** What the page posts. */
    reported: () => new Promise<string>((resolve) => (report = resolve)),
    /** What this end has seen of a runtime, each as a check of its own. */
    evidence: async (
      name: string,
      { resends }: Limits
    ): Promise<ReadonlyArray<readonly [check: string, actual: unknown, expected: unknown]>> => {
      const all = await Effect.runPromise(sandbox.tickets)
      const tickets = all.filter(({ summary }) => summary.startsWith(`${name}: `))
      const sent = (size: number) => [description, ["receipt ñ.bin", "application/x-receipt", true, size]]
      const { dropped, open, redirected, silent } = trapsOf(name)
      return [
        [
          "server: each ticket once, each byte in its place",
          tickets.map((ticket) => [
            ticket.description,
            ...ticket.files.map((file) => [
              file.name,
              file.type,
              Buffer.compare(file.bytes, bytes(file.bytes.length)) === 0,
              file.bytes.length
            ])
          ]),
          [sent(sizes.small), sent(sizes.large)]
        ],
        resends === true
          ? ["server: the create that was dropped came twice, a limit of this runtime's fetch", dropped, 2]
          : ["server: the create that was dropped came once", dropped, 1],
        ["server: no redirect was followed", redirected, 0],
        ["server: aborted requests were closed", { silent, open }, { silent: 2, open: 0 }]
      ]
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await runtime.dispose()
    }
  }
}
