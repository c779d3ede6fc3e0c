import * as Schema from "effect/Schema"
import { TicketOutcome } from "./SupportTicket.ts"

/**
 * A ticket was told to have ended in two ways. An outcome does not change, so one of the two is not true: ask Ripio's
 * support, and take neither for granted. The one that came first stands.
 *
 * @see Retrieve Support Ticket, "Checking a ticket's status"
 * @category errors
 * @since 0.1.0
 */
export class OutcomeContradiction extends Schema.TaggedError<OutcomeContradiction>(
  "effect-ripio-tickets/OutcomeContradiction"
)("OutcomeContradiction", {
  /** The outcome that came first, and stands. */
  known: TicketOutcome,
  /** The one that contradicts it. */
  received: TicketOutcome
}) {
  override get message() {
    return `Ticket ${this.known.ticketId} ended as ${nameOf(this.known)}, and is now said to have ended as ${nameOf(this.received)}: the first stands, ask Ripio which is true`
  }
}

const nameOf = (outcome: TicketOutcome) => (outcome._tag === "Created" ? `Created ${outcome.issueKey}` : outcome._tag)
