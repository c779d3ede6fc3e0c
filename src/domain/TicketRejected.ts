/**
 * The error of a ticket that the API rejected.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"
import { errorFields, formatDetail, formatDetails } from "./ApiError.ts"

/**
 * The API rejected the ticket, and no ticket exists. A field is invalid, or the customer is unknown or has no email
 * address on file. `detail` says which. Correct it and create the ticket again.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/create-support-ticket (status 400)
 * @category errors
 * @since 0.1.0
 */
export class TicketRejected extends Schema.TaggedError<TicketRejected>("effect-ripio-tickets/TicketRejected")(
  "TicketRejected",
  errorFields
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("TicketRejected")
  }
  override get message() {
    return `Ripio rejected the ticket; it was not created. Fix this and try again${formatDetail(this.detail)} ${formatDetails(this)}`
  }
}
