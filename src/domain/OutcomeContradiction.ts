/**
 * The error of a ticket with two outcomes.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"
import { sanitize } from "./sanitize.ts"
import { TicketOutcome } from "./SupportTicket.ts"

/**
 * Two sources report different outcomes for one ticket. An outcome does not change, so one of them is wrong. The library
 * keeps the first. Ask Ripio's support team which one is correct.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket
 * @category errors
 * @since 0.1.0
 */
export class OutcomeContradiction extends Schema.TaggedError<OutcomeContradiction>(
  "effect-ripio-tickets/OutcomeContradiction"
)("OutcomeContradiction", {
  /** The first outcome, which the library keeps. */
  known: TicketOutcome,
  /** The outcome that contradicts it. */
  received: TicketOutcome
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("OutcomeContradiction")
  }
  override get message() {
    return `Ticket ${this.known.ticketId} was already ${format(this.known)}; a later event says ${format(this.received)}. Keeping the first; contact Ripio`
  }
}

const format = (outcome: TicketOutcome) =>
  outcome._tag === "Created" ? `Created ${sanitize.text(outcome.issueKey)}` : outcome._tag
