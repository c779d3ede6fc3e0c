/**
 * The error of a wait that ended before the ticket's outcome was known.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"
import { Unauthenticated } from "./AccessToken.ts"
import { RipioHttpError } from "./RipioHttpError.ts"
import { SupportTicket } from "./SupportTicket.ts"
import { NotEnabled, NotFound } from "./TicketError.ts"
import { TicketId } from "./TicketId.ts"

/**
 * The wait ended before the ticket had an outcome. The ticket still exists: keep its id and ask again later, or receive
 * its webhook.
 *
 * If `lastTicket` is missing, no poll succeeded, and `lastError` says why.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutcomePending extends Schema.TaggedError<OutcomePending>("effect-ripio-tickets/OutcomePending")(
  "OutcomePending",
  {
    ticketId: TicketId,
    /** The ticket of the last successful poll. */
    lastTicket: Schema.optionalKey(SupportTicket),
    /** The error of the last failed poll. After `raise`, also the `TicketError` that ended the wait. */
    lastError: Schema.optionalKey(Schema.Union([RipioHttpError, NotEnabled, NotFound, Unauthenticated])),
    /** How many polls were sent. */
    polls: Schema.Int,
    /** The time from the start of the wait to its end. */
    elapsed: Schema.Duration
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("OutcomePending")
  }
  override get message() {
    const polls = this.polls === 1 ? "1 poll" : `${this.polls} polls`
    const error = this.lastError === undefined ? "" : `. The last error was ${this.lastError.message}`
    return `Ticket ${this.ticketId} has no outcome after ${Duration.format(this.elapsed)} and ${polls}. Keep its id and ask again later${error}`
  }
}
