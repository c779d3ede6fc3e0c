import { TicketId } from "../../src/index.ts"

export const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

/** The response bodies that the API documents for Retrieve Support Ticket. */
export const pending = { ticketId, status: "PENDING", issueKey: null }
export const created = { ticketId, status: "CREATED", issueKey: "SUP-1234" }
export const failed = { ticketId, status: "FAILED", issueKey: null }

/** The error bodies that the API documents. */
export const apiErrors = {
  notAuthenticated: {
    code: 40001,
    type: "NotAuthenticated",
    detail: { message: "Authentication credentials were not provided.", code: "not_authenticated" },
    status: 401
  },
  notEnabled: {
    code: 20061,
    type: "SupportTicketsNotEnabledException",
    detail: { message: "Support tickets are not enabled for this account." },
    status: 403
  },
  notFound: {
    code: 40017,
    type: "SupportTicketNotFoundException",
    detail: { message: "Support ticket not found." },
    status: 404
  }
}
