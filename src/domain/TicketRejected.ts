import * as Schema from "effect/Schema"
import { evidence, inBrackets } from "./ApiError.ts"
import { excerpt } from "./Redaction.ts"

/**
 * The API refused to raise the ticket, and no ticket exists: a field is not as it wants it, or the customer is unknown or
 * has no email address on file. `detail` says which; raise a new ticket with that mended.
 *
 * @see Create Support Ticket, answer 400
 * @category errors
 * @since 0.1.0
 */
export class TicketRejected extends Schema.TaggedError<TicketRejected>("effect-ripio-tickets/TicketRejected")(
  "TicketRejected",
  evidence
) {
  override get message() {
    return `The API refused the ticket, which does not exist: mend what it says and raise it again: ${excerpt(JSON.stringify(this.detail))} ${inBrackets(this)}`
  }
}
