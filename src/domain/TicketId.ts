/**
 * The id of a support ticket.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { CanonicalUuid, Uuid } from "./Uuid.ts"

/**
 * Ripio's identifier of a support ticket: a UUID of any version, in lower case.
 *
 * `TicketId.make` is for constants: it accepts the canonical form and throws on anything else. Decode input with
 * `Schema.decodeUnknownEffect(TicketId)`, which also accepts upper case and fails with a `SchemaError`.
 *
 * **Example** (A constant and an input)
 *
 * ```ts
 * import * as Schema from "effect/Schema"
 * import { TicketId } from "effect-ripio-tickets"
 *
 * const constant = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
 * const decoded = Schema.decodeUnknownEffect(TicketId)("9B1DEB4D-3B7D-4BAD-9BDD-2B0D7B3DCB6D")
 * ```
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (`ticketId`)
 * @category identifiers
 * @since 0.1.0
 */
export const TicketId = Uuid.pipe(
  Schema.decodeTo(CanonicalUuid.pipe(Schema.brand("TicketId")), SchemaTransformation.toLowerCase())
).annotate({ identifier: "TicketId" })

/**
 * @category identifiers
 * @since 0.1.0
 */
export type TicketId = typeof TicketId.Type

/** Whether a value is a ticket id at run time. */
export const isTicketId = Schema.is(TicketId)
