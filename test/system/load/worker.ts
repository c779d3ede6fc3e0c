// A server of the API in a worker thread, so that the clients of the test do not delay it. It counts what arrives.
import { createServer, type ServerResponse } from "node:http"
import { parentPort, workerData } from "node:worker_threads"
import * as Schema from "effect/Schema"
import { type Message, type Seen, Settings } from "./messages.ts"

const { latency, phases, refuseTokenAfter = Infinity } = Schema.decodeUnknownSync(Settings)(workerData)

const arrivals: Array<(typeof Seen.Type)["arrivals"][number]> = []
let start = 0
let inFlight = 0
let maxInFlight = 0
let tokens = 0

const json = (response: ServerResponse, status: number, body: unknown, headers = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

const idOf = (number: number) => `00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`

const server = createServer((request, response) => {
  const { headers, method, url = "" } = request
  request.resume()
  if (url === "/oauth2/token/") {
    return json(response, 200, { accessToken: `token-${++tokens}`, expiresIn: 3600, tokenType: "Bearer" })
  }
  if (arrivals.length === 0) start = performance.now()
  const isCreate = method === "POST"
  const ticketId = isCreate ? idOf(arrivals.length) : (url.split("/")[4] ?? "")
  arrivals.push({ at: performance.now() - start, ticketId })
  const isRefused = arrivals.length > refuseTokenAfter && headers.authorization === "Bearer token-1"
  maxInFlight = Math.max(maxInFlight, ++inFlight)
  const respond = () => {
    inFlight--
    if (isRefused) return json(response, 401, { code: 40001, type: "NotAuthenticated", detail: {}, status: 401 })
    const elapsed = performance.now() - start
    const phase = phases.find(({ until }) => elapsed < until) ?? phases.at(-1)
    switch (phase?.respond) {
      case "close":
        return request.socket.destroy()
      case "429":
      case "503": {
        const rest = phase.asksForRest === true ? { "retry-after": ((phase.until - elapsed) / 1000).toFixed(3) } : {}
        return json(response, Number(phase.respond), {}, rest)
      }
      default: {
        const isCreated = phase?.respond === "created" && !isCreate
        return json(response, isCreate ? 202 : 200, {
          ticketId,
          status: isCreated ? "CREATED" : "PENDING",
          issueKey: isCreated ? "SUP-1" : null
        })
      }
    }
  }
  return request.on("end", () => setTimeout(respond, latency))
})

const post = (message: typeof Message.Type) => parentPort?.postMessage(message, [])
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  post({ port: typeof address === "object" ? (address?.port ?? 0) : 0 })
})
parentPort?.on("message", () => post({ seen: { arrivals, maxInFlight, tokens } }))
