import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { CanonicalUuid, Uuid } from "./Uuid.ts"

/**
 * Ripio's identifier of a customer of yours: a UUID of any version, in lower case.
 *
 * `CustomerId.make` takes the canonical form and throws on anything else; it is for constants. Decode what comes from
 * outside: decoding accepts upper case and lowers it, and fails with a `SchemaError`.
 *
 * @see Create Support Ticket, `customerId`
 * @category identifiers
 * @since 0.1.0
 */
export const CustomerId = Uuid.pipe(
  Schema.decodeTo(CanonicalUuid.pipe(Schema.brand("CustomerId")), SchemaTransformation.toLowerCase())
).annotate({ identifier: "CustomerId" })

/**
 * @category identifiers
 * @since 0.1.0
 */
export type CustomerId = typeof CustomerId.Type
