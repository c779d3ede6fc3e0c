import * as Schema from "effect/Schema"
import { CustomerId } from "./CustomerId.ts"

// A lone surrogate has no UTF-8 form: it would arrive as another character.
const Text = Schema.String.check(
  Schema.isPattern(/\S/u, { expected: "some text, not only white space" }),
  Schema.makeFilter((text: string) => text.isWellFormed(), { expected: "text without lone surrogates" })
)

// Servers pass over a file without a name, silently: Django takes what follows the last slash or backslash for the name.
// And a form has no way to write a backslash, or a control character but a line break, that all of them read alike.
const NamedFile = Schema.File.check(
  Schema.makeFilter(({ name }: File) => name.isWellFormed() && !/\\|(?![\r\n])\p{Cc}|(?:^|\/)\.{0,2}$/u.test(name), {
    expected: "a file with a name, without backslashes, control characters or a slash at its end"
  })
)

/**
 * A ticket to raise for a customer.
 *
 * The customer must exist and have an email address on file, as that is where the support team answers. The API documents
 * no limits of length, size or type, so none are checked here: what it refuses comes back as `TicketRejected`.
 *
 * Files are web-standard `File`s. Above 8 MiB in all they are read while they are sent. On Node,
 * `openAsBlob` of `node:fs` makes a `Blob`, and so a `File`, of a file on disk without reading it.
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
 * @see Create Support Ticket
 * @category models
 * @since 0.1.0
 */
export const NewTicket = Schema.Struct({
  customerId: CustomerId,
  /** One line that says what it is about. */
  summary: Text,
  description: Text,
  files: Schema.optionalKey(Schema.Array(NamedFile))
}).annotate({ identifier: "NewTicket" })

/**
 * @category models
 * @since 0.1.0
 */
export type NewTicket = typeof NewTicket.Type
