/**
 * The outcome that an event reports. In a file without schemas, so that a client without webhooks does not bundle the events.
 *
 * @since 0.1.0
 */
import type { InboxEvent } from "./InboxEvent.ts"
import type { TicketOutcome } from "./SupportTicket.ts"
import type { TicketEvent } from "./TicketEvent.ts"

/**
 * The outcome that an event of a webhook or an inbox reports, or `undefined` if it reports none.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const outcomeOfEvent = (event: TicketEvent | InboxEvent): TicketOutcome | undefined => {
  switch (event._tag) {
    case "TicketCreated":
      return { _tag: "Created", ticketId: event.ticketId, issueKey: event.issueKey }
    case "TicketFailed":
      return { _tag: "Failed", ticketId: event.ticketId }
    default:
      return undefined
  }
}
