// The API of the attacks: a server of `node:http` that shares no code with the library. It issues tokens, creates
// and retrieves tickets, sends signed webhooks, and records what it received. `api.ts` starts it and controls it.
import { createHmac } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { ApiCommand, ApiReport, ApiSettings, Create, Ticket } from "./api.ts"

const settings: ApiSettings = {
  mode: "up",
  cutRate: 0,
  latency: [1, 10],
  pendingFor: [0, 1000],
  failureRate: 0.2,
  retryAfterSeconds: 1
}
const creates: Array<Create> = []
const tickets = new Map<string, Ticket>()
let rejectedRequests = 0
let retrievesInPause = 0
let firstRefusedAt: number | undefined

const between = ([from, to]: readonly [number, number]) => from + Math.random() * (to - from)
const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

/** The body, or what arrived of it before the connection ended. */
const readBody = async (request: IncomingMessage) => {
  const chunks: Array<Buffer> = []
  const text = () => Buffer.concat(chunks).toString("latin1")
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    return { text: text(), isComplete: true }
  } catch {
    return { text: text(), isComplete: false }
  }
}

const statusOf = (ticket: Ticket) => (Date.now() < ticket.settledAt ? "PENDING" : ticket.outcome)

const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

const refuse = (response: ServerResponse): boolean => {
  if (settings.mode === "up") return false
  rejectedRequests++
  firstRefusedAt ??= Date.now()
  if (settings.mode === "429") {
    json(response, 429, { detail: "Too many requests." }, { "retry-after": `${settings.retryAfterSeconds}` })
  } else {
    json(response, 503, { detail: "Out of service." })
  }
  return true
}

const newTicket = (marker: string | undefined): Ticket => {
  const ticketId = crypto.randomUUID()
  const isFailed = Math.random() < settings.failureRate
  return {
    ticketId,
    marker,
    createdAt: Date.now(),
    settledAt: Date.now() + between(settings.pendingFor),
    outcome: isFailed ? "FAILED" : "CREATED",
    issueKey: isFailed ? null : `SUP-${tickets.size + 1}`,
    polls: [],
    outcomeReportedAt: undefined,
    webhooksAcknowledged: 0,
    webhookAcknowledgedAt: undefined
  }
}

const wireTicket = (ticket: Ticket) => {
  const status = statusOf(ticket)
  return { ticketId: ticket.ticketId, status, issueKey: status === "CREATED" ? ticket.issueKey : null }
}

const create = async (request: IncomingMessage, response: ServerResponse) => {
  const { isComplete, text } = await readBody(request)
  const marker = /marker:([\w.-]+);/u.exec(text)?.[1]
  if (marker === undefined) return void response.socket?.destroy()
  const record = (fate: Create["fate"], ticketId?: string) =>
    creates.push({ marker, at: Date.now(), fate, ...(ticketId === undefined ? {} : { ticketId }) })
  if (!isComplete) return void record("aborted")
  if (settings.mode !== "up") {
    record(settings.mode)
    return void refuse(response)
  }
  const isCut = Math.random() < settings.cutRate
  if (isCut && Math.random() < 0.5) {
    record("cut before")
    return void response.socket?.destroy()
  }
  const ticket = newTicket(marker)
  tickets.set(ticket.ticketId, ticket)
  record(isCut ? "cut after" : "accepted", ticket.ticketId)
  await sleep(between(settings.latency))
  if (isCut) return void response.socket?.destroy()
  json(response, 202, { ticketId: ticket.ticketId, status: "PENDING", issueKey: null })
}

const retrieve = async (ticketId: string, response: ServerResponse) => {
  if (settings.mode === "429" && firstRefusedAt !== undefined) {
    const elapsed = Date.now() - firstRefusedAt
    // What was in flight with the first refused request arrives with it.
    if (elapsed > 300 && elapsed < settings.retryAfterSeconds * 1000) retrievesInPause++
  }
  if (refuse(response)) return
  const ticket = tickets.get(ticketId)
  if (ticket === undefined) {
    return void json(response, 404, {
      code: 40017,
      type: "SupportTicketNotFoundException",
      detail: { message: "Support ticket not found." },
      status: 404
    })
  }
  ticket.polls.push(Date.now())
  await sleep(between(settings.latency))
  if (Math.random() < settings.cutRate) return void response.socket?.destroy()
  const body = wireTicket(ticket)
  if (body.status !== "PENDING") ticket.outcomeReportedAt ??= Date.now()
  json(response, 200, body)
}

/** Sends the outcome of a ticket until the receiver acknowledges it, which is to happen `times` times. */
const deliver = async (ticket: Ticket, url: string, secret: string, times: number) => {
  await sleep(Math.max(0, ticket.settledAt - Date.now()))
  const body = JSON.stringify({
    eventType: `SUPPORT_TICKET.${ticket.outcome}`,
    issueDatetime: new Date().toISOString(),
    supportTicket: { ticketId: ticket.ticketId, status: ticket.outcome, issueKey: ticket.issueKey }
  })
  const signature = createHmac("sha256", secret).update(body).digest("hex")
  while (ticket.webhooksAcknowledged < times) {
    const status = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "Http-X-Wh-Signature-256": `sha256=${signature}` },
      body
    }).then(
      (response) => response.body?.cancel().then(() => response.status) ?? response.status,
      () => 0
    )
    if (status === 200) {
      ticket.webhooksAcknowledged++
      ticket.webhookAcknowledgedAt ??= Date.now()
    } else await sleep(100)
  }
}

const api = createServer((request, response) => {
  request.on("error", () => {})
  const { method = "", url = "" } = request
  if (url === "/oauth2/token/") {
    request.resume()
    json(response, 200, { accessToken: crypto.randomUUID(), expiresIn: 3600, tokenType: "Bearer" })
  } else if (method === "POST" && url === "/api/v1/supportTickets/") {
    void create(request, response)
  } else {
    request.resume()
    const ticketId = /^\/api\/v1\/supportTickets\/([\w-]+)\/$/u.exec(url)?.[1]
    if (ticketId === undefined) json(response, 404, {})
    else void retrieve(ticketId, response)
  }
})
// Idle connections stay open, so that a connection that ends is a fault that a test asked for.
api.keepAliveTimeout = 60_000

const handlers: { readonly [T in ApiCommand["type"]]: (command: ApiCommand & { readonly type: T }) => unknown } = {
  set: ({ changes }) => {
    Object.assign(settings, changes)
    firstRefusedAt = undefined
  },
  report: (): ApiReport => ({ creates, tickets: [...tickets.values()], rejectedRequests, retrievesInPause }),
  addTickets: ({ count }) =>
    Array.from({ length: count }, () => {
      const ticket = newTicket(undefined)
      tickets.set(ticket.ticketId, ticket)
      return ticket.ticketId
    }),
  deliver: ({ secret, ticketIds, times, url }) => {
    for (const ticketId of ticketIds) {
      const ticket = tickets.get(ticketId)
      if (ticket !== undefined) void deliver(ticket, url, secret, times)
    }
  }
}

const run = <T extends ApiCommand["type"]>(command: ApiCommand & { readonly type: T }) =>
  (handlers[command.type] as (command: ApiCommand) => unknown)(command)

process.on("message", ({ command, number }: { readonly command: ApiCommand; readonly number: number }) => {
  process.send?.({ number, result: run(command) })
})
process.on("disconnect", () => process.exit())
api.listen(0, "127.0.0.1", () => process.send?.({ port: (api.address() as AddressInfo).port }))
