import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TicketId } from "../../domain/TicketId.ts"
import * as Answer from "./sandboxResponse.ts"
import { bearer } from "./authorization.ts"
import type { Endpoint } from "./endpoint.ts"
import { toWire } from "./tickets.ts"

// The canonical form alone: the path of a Django route with a UUID in it knows no other.
const isTicketId = Schema.is(TicketId)

/** `GET /api/v1/supportTickets/{ticketId}/`. */
export const retrieveRoute: Endpoint = {
  route: "retrieve",
  method: "GET",
  match: (path) => {
    const ticketId = /^\/api\/v1\/supportTickets\/([^/]+)\/$/u.exec(path)?.[1]
    return isTicketId(ticketId) ? { ticketId } : undefined
  },
  handle: ({ accounts, tickets }, { at, request, ticketId }) =>
    Effect.sync(() => {
      const token = bearer(request.headers)
      const entry = token === undefined ? undefined : accounts.withToken(token, at)
      if (entry === undefined) return Answer.notAuthenticated()
      if (!entry.enabled) return Answer.notEnabled()
      const ticket = ticketId && tickets.find(ticketId, entry.account.clientId)
      return ticket === undefined
        ? Answer.apiError(404, 40017, "SupportTicketNotFoundException", { message: "Support ticket not found." })
        : Answer.json(200, toWire(ticket, at))
    })
}
