/**
 * The errors of asking for a ticket.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"
import type { Unauthenticated } from "./AccessToken.ts"
import { type ApiError, ApiErrorCode, errorFields, errorFieldsOf, formatDetails } from "./ApiError.ts"
import { TicketId } from "./TicketId.ts"
import { withoutStackTrace } from "./withoutStackTrace.ts"

/**
 * Support tickets are not enabled for the account (code 20061). A program cannot change that: ask the Ripio team to enable
 * them.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (status 403)
 * @category errors
 * @since 0.1.0
 */
export class NotEnabled extends Schema.TaggedError<NotEnabled>("effect-ripio-tickets/NotEnabled")(
  "NotEnabled",
  errorFields
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("NotEnabled")
  }
  override get message() {
    return `Support tickets are not enabled for this account. Ask the Ripio team to enable them ${formatDetails(this)}`
  }
}

/**
 * The account has no ticket with this id (code 40017). Check the id, and that the credentials belong to the account,
 * country and environment in which the ticket was created.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (status 404)
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Schema.TaggedError<NotFound>("effect-ripio-tickets/NotFound")("NotFound", {
  /** The id of the request. */
  ticketId: TicketId,
  ...errorFields
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("NotFound")
  }
  override get message() {
    return `This account has no ticket ${this.ticketId}. Check the id, and that the ticket was created with these credentials in this environment ${formatDetails(this)}`
  }
}

/**
 * The errors of asking for a ticket that a caller has to act on. Asking again does not help.
 *
 * @category errors
 * @since 0.1.0
 */
export type TicketError = NotEnabled | NotFound | Unauthenticated

/** The ticket error that an API error documents, if it documents one. */
export const ticketErrorOf = (error: ApiError, ticketId: TicketId): NotEnabled | NotFound | undefined =>
  notEnabledOf(error) ??
  (error.code === ApiErrorCode.supportTicketNotFound
    ? withoutStackTrace(() => new NotFound({ ticketId, ...errorFieldsOf(error) }))
    : undefined)

/** `NotEnabled`, if the API error says that support tickets are not enabled. */
export const notEnabledOf = (error: ApiError): NotEnabled | undefined =>
  error.code === ApiErrorCode.supportTicketsNotEnabled
    ? withoutStackTrace(() => new NotEnabled(errorFieldsOf(error)))
    : undefined
