// The API of one account. It counts the requests of a scenario.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { responseTo } from "../client.ts"
import { type Counted, latency, numberOf, readyAt, type Scenario } from "../fleet.ts"
import { role, serve } from "./serve.ts"

const { refusals } = role() as Scenario
let startedAt = Infinity
let inFlight = 0
let maxInFlight = 0
let refused = 0
const times: Array<number> = []

/** The status, body and headers of the response to a retrieve. */
const retrieve = (url: string, now: number) => {
  const refusal = refusals.find(({ from, to }) => now >= from && now < to)
  if (refusal !== undefined) {
    refused++
    const retryAfter = refusal.status === 429 ? { "retry-after": `${Math.ceil((refusal.to - now) / 1000)}` } : {}
    return { status: refusal.status, body: "", headers: retryAfter }
  }
  const number = numberOf(url)
  const [status, issueKey] = now >= readyAt(number) ? ["CREATED", `"SUP-${number + 1}"`] : ["PENDING", "null"]
  const body = `{"ticketId":"${url.slice(-37, -1)}","status":"${status}","issueKey":${issueKey}}`
  return { status: 200, body, headers: { "content-type": "application/json" } }
}

const server = createServer((request, response) => {
  const url = request.url!
  request.resume()
  if (url.includes("/oauth2/")) {
    const { bytes, headers, status } = responseTo(url)
    response.writeHead(status, headers).end(bytes)
    return
  }
  const now = Date.now() - startedAt
  times.push(now)
  maxInFlight = Math.max(maxInFlight, ++inFlight)
  const { body, headers, status } = retrieve(url, now)
  setTimeout(() => {
    inFlight--
    response.writeHead(status, { ...headers, "content-length": `${body.length}` }).end(body)
  }, latency)
})
server.keepAliveTimeout = 0
server.listen(0, "127.0.0.1", 2048)
await once(server, "listening")

const maxPerTenth = (): number => {
  const later = times.filter((time) => time >= 1000)
  let max = 0
  let first = 0
  for (const [index, time] of later.entries()) {
    while (time - later[first]! >= 100) first++
    max = Math.max(max, index - first + 1)
  }
  return max
}

serve(async (message): Promise<{ readonly url: string; readonly startedAt: number } | Counted> => {
  if (!("start" in message)) return { requests: times.length, refused, maxInFlight, maxPerTenth: maxPerTenth() }
  startedAt = Date.now()
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, startedAt }
})
