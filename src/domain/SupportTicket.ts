import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { IssueKey } from "./IssueKey.ts"
import { TicketId } from "./TicketId.ts"

/**
 * A support ticket, as the union of its three states.
 *
 * - `Pending`: accepted, and still being processed.
 * - `Created`: registered with Ripio's support team under `issueKey`. That is not "resolved": from here on the team and
 *   the customer talk by email, and the API says no more.
 * - `Failed`: it could not be registered. A new ticket may be raised.
 *
 * `SupportTicket.match`, `.isAnyOf`, `.guards` and `.cases` take the union apart and build its members.
 *
 * **Example** (A line for the customer)
 *
 * ```ts
 * import { SupportTicket } from "effect-ripio-tickets"
 *
 * const line = (ticket: SupportTicket) =>
 *   SupportTicket.match(ticket, {
 *     Pending: () => "We are registering your request.",
 *     Created: ({ issueKey }) => `Your request is registered as ${issueKey}.`,
 *     Failed: () => "Your request could not be registered."
 *   })
 * ```
 *
 * @see Retrieve Support Ticket, "Checking a ticket's status"
 * @category models
 * @since 0.1.0
 */
export const SupportTicket = Schema.TaggedUnion({
  Pending: { ticketId: TicketId },
  Created: { ticketId: TicketId, issueKey: IssueKey },
  Failed: { ticketId: TicketId }
}).annotate({ identifier: "SupportTicket" })

/**
 * @category models
 * @since 0.1.0
 */
export type SupportTicket = Pending | Created | Failed

/**
 * A ticket that is accepted and still being processed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending extends Schema.Schema.Type<typeof SupportTicket.cases.Pending> {}

/**
 * A ticket that is registered with Ripio's support team.
 *
 * @category models
 * @since 0.1.0
 */
export interface Created extends Schema.Schema.Type<typeof SupportTicket.cases.Created> {}

/**
 * A ticket that could not be registered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failed extends Schema.Schema.Type<typeof SupportTicket.cases.Failed> {}

/**
 * A ticket in one of its two terminal states: once reached, it does not change any more.
 *
 * @category models
 * @since 0.1.0
 */
export const TicketOutcome = Schema.Union([SupportTicket.cases.Created, SupportTicket.cases.Failed]).annotate({
  identifier: "TicketOutcome"
})

/**
 * @category models
 * @since 0.1.0
 */
export type TicketOutcome = Created | Failed

/**
 * Whether the ticket has reached its outcome, and narrows it to `Created | Failed`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isOutcome: (ticket: SupportTicket) => ticket is TicketOutcome = SupportTicket.isAnyOf([
  "Created",
  "Failed"
])

// `issueKey` is there exactly when the status is CREATED: the shape says so, no code has to.
const WireTicket = Schema.Union([
  Schema.Struct({ ticketId: TicketId, status: Schema.Literal("PENDING"), issueKey: Schema.Null }),
  Schema.Struct({ ticketId: TicketId, status: Schema.Literal("CREATED"), issueKey: IssueKey }),
  Schema.Struct({ ticketId: TicketId, status: Schema.Literal("FAILED"), issueKey: Schema.Null })
]).annotate({ message: "Expected an object whose status is PENDING, CREATED or FAILED" })

/**
 * The codec between the API's JSON, `{ ticketId, status, issueKey }`, and {@link SupportTicket}.
 *
 * An unknown status, an `issueKey` on a ticket that is not `CREATED` and a `CREATED` ticket without one do not decode.
 * Fields that the API may add are ignored.
 *
 * @see Retrieve Support Ticket, `SupportTicketResponse`
 * @category codecs
 * @since 0.1.0
 */
export const SupportTicketFromWire = WireTicket.pipe(
  Schema.decodeTo(
    Schema.toType(SupportTicket),
    SchemaTransformation.transform({
      decode: ({ issueKey, status, ticketId }): SupportTicket => {
        switch (status) {
          case "PENDING":
            return { _tag: "Pending", ticketId }
          case "CREATED":
            return { _tag: "Created", ticketId, issueKey }
          case "FAILED":
            return { _tag: "Failed", ticketId }
        }
      },
      encode: (ticket): typeof WireTicket.Type => {
        switch (ticket._tag) {
          case "Pending":
            return { ticketId: ticket.ticketId, status: "PENDING", issueKey: null }
          case "Created":
            return { ticketId: ticket.ticketId, status: "CREATED", issueKey: ticket.issueKey }
          case "Failed":
            return { ticketId: ticket.ticketId, status: "FAILED", issueKey: null }
        }
      }
    })
  )
)
