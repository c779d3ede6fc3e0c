/**
 * A process for `NodeListener.test.ts` whose output is the log of `toNodeListener`. It sends requests to handlers that
 * fail, and to a listener after a parser that has read the body, as `express.json()` does.
 */
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { toNodeListener } from "../../src/node/index.ts"

const statuses = async (listener: RequestListener, bodies: ReadonlyArray<string>) => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const responses: Array<number> = []
  for (const body of bodies) {
    responses.push((await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body })).status)
  }
  server.close()
  server.closeAllConnections()
  process.stdout.write(`statuses ${responses.join()}\n`)
}

for (const handler of [
  () => Promise.reject(new Error("a mistake")),
  () => {
    throw new Error("a mistake")
  },
  () => Promise.resolve("text" as unknown as Response),
  () => Promise.resolve(Response.error())
]) {
  await statuses(toNodeListener(handler), ["x"])
}

const listener = toNodeListener(() => Promise.resolve(new Response("ok")))
await statuses(
  (incoming, outgoing) => {
    incoming.on("data", () => {})
    incoming.on("end", () => listener(incoming, outgoing))
  },
  // A request without a body loses nothing to the parser.
  ["{}", "{}", "{}", ""]
)
