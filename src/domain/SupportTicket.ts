/**
 * Support tickets: their three states, their outcomes, and the codec of the API's JSON.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { IssueKey } from "./IssueKey.ts"
import { TicketId } from "./TicketId.ts"

/**
 * A support ticket: a tagged union of its three states.
 *
 * - `Pending`: Ripio accepted the ticket and is processing it.
 * - `Created`: Ripio registered the ticket with its support team under `issueKey`. The ticket is not resolved yet: the
 *   team and the customer continue by email, and the API reports nothing further.
 * - `Failed`: Ripio could not register the ticket. You may create a new one.
 *
 * `SupportTicket.match`, `.isAnyOf` and `.guards` distinguish the states. `.cases` has the schema of each state.
 *
 * **Example** (A message for the customer)
 *
 * ```ts
 * import { SupportTicket } from "effect-ripio-tickets"
 *
 * const message = (ticket: SupportTicket) =>
 *   SupportTicket.match(ticket, {
 *     Pending: () => "We are registering your request.",
 *     Created: ({ issueKey }) => `Your request is registered as ${issueKey}.`,
 *     Failed: () => "Your request could not be registered."
 *   })
 * ```
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket
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
 * A ticket that Ripio accepted and is processing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending extends Schema.Schema.Type<typeof SupportTicket.cases.Pending> {}

/**
 * A ticket that Ripio registered with its support team.
 *
 * @category models
 * @since 0.1.0
 */
export interface Created extends Schema.Schema.Type<typeof SupportTicket.cases.Created> {}

/**
 * A ticket that Ripio could not register.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failed extends Schema.Schema.Type<typeof SupportTicket.cases.Failed> {}

/**
 * A ticket in one of the two terminal states, `Created` or `Failed`.
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
 * Whether the ticket is in a terminal state. Narrows it to `Created | Failed`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isOutcome: (ticket: SupportTicket) => ticket is TicketOutcome = SupportTicket.isAnyOf([
  "Created",
  "Failed"
])

// The shape enforces the invariant: `issueKey` is set if and only if the status is CREATED.
const WireTicket = Schema.Union([
  Schema.Struct({ ticketId: TicketId, status: Schema.Literal("PENDING"), issueKey: Schema.Null }),
  Schema.Struct({ ticketId: TicketId, status: Schema.Literal("CREATED"), issueKey: IssueKey }),
  Schema.Struct({ ticketId: TicketId, status: Schema.Literal("FAILED"), issueKey: Schema.Null })
]).annotate({ message: "Expected an object whose status is PENDING, CREATED or FAILED" })

/**
 * The codec between the API's JSON, `{ ticketId, status, issueKey }`, and {@link SupportTicket}.
 *
 * Decoding fails on an unknown status, on a `CREATED` ticket without an `issueKey`, and on any other ticket with one.
 * Unknown fields are ignored.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (`SupportTicketResponse`)
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

/** Decodes the JSON of a ticket. */
export const decodeTicket = Schema.decodeUnknownResult(SupportTicketFromWire)
