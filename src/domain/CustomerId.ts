/**
 * The id of a customer.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { CanonicalUuid, Uuid } from "./Uuid.ts"

/**
 * Ripio's identifier of one of your customers: a UUID of any version, in lower case.
 *
 * `CustomerId.make` is for constants: it accepts the canonical form and throws on anything else. Decode input with
 * `Schema.decodeUnknownEffect(CustomerId)`, which also accepts upper case and fails with a `SchemaError`.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/create-support-ticket (`customerId`)
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
