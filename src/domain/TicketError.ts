import * as Schema from "effect/Schema"
import { type ApiError, ApiErrorCode, evidence, evidenceOf, inBrackets } from "./ApiError.ts"
import type { Unauthenticated } from "./AccessToken.ts"
import { stackless } from "./withoutStackTrace.ts"
import { TicketId } from "./TicketId.ts"

/**
 * Support tickets are switched off for the account (code 20061). Nothing a program does changes that: ask the Ripio
 * team to switch them on.
 *
 * @see Retrieve Support Ticket, answer 403
 * @category errors
 * @since 0.1.0
 */
export class NotEnabled extends Schema.TaggedError<NotEnabled>("effect-ripio-tickets/NotEnabled")(
  "NotEnabled",
  evidence
) {
  override get message() {
    return `Support tickets are not enabled for this account: ask the Ripio team to enable them ${inBrackets(this)}`
  }
}

/**
 * The account has no ticket with this id (code 40017). Check the id, and that the credentials are those of the account,
 * country and environment in which the ticket was raised.
 *
 * @see Retrieve Support Ticket, answer 404
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Schema.TaggedError<NotFound>("effect-ripio-tickets/NotFound")("NotFound", {
  /** The ticket that was asked for. */
  ticketId: TicketId,
  ...evidence
}) {
  override get message() {
    return `This account has no ticket ${this.ticketId}: check the id, and that it was raised with these credentials in this environment ${inBrackets(this)}`
  }
}

/**
 * What a caller can act on when it asks for a ticket: none of them goes away by asking again.
 *
 * @category errors
 * @since 0.1.0
 */
export type TicketError = NotEnabled | NotFound | Unauthenticated

/** The ticket's error behind an error of the API, if it is one of those documented for a ticket. */
export const ticketErrorOf = (error: ApiError, ticketId: TicketId): NotEnabled | NotFound | undefined =>
  notEnabledOf(error) ??
  (error.code === ApiErrorCode.supportTicketNotFound
    ? stackless(() => new NotFound({ ticketId, ...evidenceOf(error) }))
    : undefined)

/** What the API answers to everything while the feature is off. */
export const notEnabledOf = (error: ApiError): NotEnabled | undefined =>
  error.code === ApiErrorCode.supportTicketsNotEnabled ? stackless(() => new NotEnabled(evidenceOf(error))) : undefined
