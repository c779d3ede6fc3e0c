import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TicketId } from "../../domain/TicketId.ts"
import { authorize } from "./authorization.ts"
import type { Endpoint } from "./endpoint.ts"
import { apiError, jsonResponse } from "./sandboxResponse.ts"
import { outcomeAt, toWire } from "./tickets.ts"

// A UUID in the path of a Django route matches only in its canonical form, in lower case.
const isTicketId = Schema.is(TicketId)

/** `GET /api/v1/supportTickets/{ticketId}/`. */
export const retrieveRoute: Endpoint = {
  route: "retrieve",
  method: "GET",
  match: (path) => {
    const ticketId = /^\/api\/v1\/supportTickets\/([^/]+)\/$/u.exec(path)?.[1]
    return isTicketId(ticketId) ? { ticketId } : undefined
  },
  handle: (state, context) =>
    Effect.sync(() => {
      const authorized = authorize(state, context)
      if (Result.isFailure(authorized)) return authorized.failure
      const { at, ticketId } = context
      const ticket = ticketId && state.tickets.find(ticketId, authorized.success.account.clientId)
      return ticket === undefined
        ? apiError(404, 40017, "SupportTicketNotFoundException", { message: "Support ticket not found." })
        : jsonResponse(200, toWire(ticket, outcomeAt(ticket, at)))
    })
}
