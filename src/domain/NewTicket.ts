/**
 * The content of a ticket to create.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { CustomerId } from "./CustomerId.ts"
import { TicketFile } from "./TicketFile.ts"

// A lone surrogate has no UTF-8 encoding and would be replaced by another character.
const Text = Schema.String.check(
  Schema.isPattern(/\S/u, { expected: "some text, not only white space" }),
  Schema.makeFilter((text: string) => text.isWellFormed(), { expected: "text without lone surrogates" })
)

/**
 * A ticket to create for a customer.
 *
 * The customer must exist and have an email address on file, because the support team replies by email. The API documents
 * no limits of length, size or type, so none are checked. What the API rejects is a `TicketRejected`.
 *
 * Files are web-standard `File`s. If they exceed 8 MiB in total, they are streamed. On Node, `openAsBlob` of `node:fs`
 * attaches a file on disk without reading it into memory.
 *
 * **Example** (A ticket with an attachment)
 *
 * ```ts
 * import { CustomerId, NewTicket } from "effect-ripio-tickets"
 *
 * const ticket = NewTicket.make({
 *   customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
 *   summary: "A deposit has not arrived",
 *   description: "Sent on Monday, not credited yet.",
 *   files: [new File(["..."], "receipt.txt", { type: "text/plain" })]
 * })
 * ```
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/create-support-ticket
 * @category models
 * @since 0.1.0
 */
export const NewTicket = Schema.Struct({
  customerId: CustomerId,
  /** One line that describes the problem. */
  summary: Text,
  description: Text,
  files: Schema.optional(Schema.Array(TicketFile))
}).annotate({ identifier: "NewTicket" })

/**
 * @category models
 * @since 0.1.0
 */
export type NewTicket = typeof NewTicket.Type
