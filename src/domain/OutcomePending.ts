import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { RipioHttpError } from "./RipioHttpError.ts"
import { SupportTicket } from "./SupportTicket.ts"
import { TicketId } from "./TicketId.ts"

/**
 * The waiting ended before the ticket had an outcome. Nothing is lost: the ticket goes on without us, so keep its id and
 * ask again later, or subscribe to the webhook.
 *
 * It carries what was learnt: the last ticket seen and the last failure, how often it was asked and how long it took. If
 * `lastTicket` is missing, no answer was ever seen, and `lastError` says why.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutcomePending extends Schema.TaggedError<OutcomePending>("effect-ripio-tickets/OutcomePending")(
  "OutcomePending",
  {
    ticketId: TicketId,
    /** The ticket as it was last seen. */
    lastTicket: Schema.optionalKey(SupportTicket),
    /** The last failure that brought no news. */
    lastError: Schema.optionalKey(RipioHttpError),
    /** How often the ticket was asked for. */
    polls: Schema.Int,
    /** From the start of the waiting to its end. */
    elapsed: Schema.Duration
  }
) {
  override get message() {
    const polls = this.polls === 1 ? "1 poll" : `${this.polls} polls`
    const error = this.lastError === undefined ? "" : `; the last failure was ${this.lastError.message}`
    return `Ticket ${this.ticketId} has no outcome after ${Duration.format(this.elapsed)} and ${polls}: keep its id and ask again later${error}`
  }
}
