/**
 * The error of a submission that an outbox does not accept.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

/**
 * The submission is not stored and changes nothing: its id or its ticket is invalid, its files are too large or cannot be
 * read, or another ticket was submitted with the same id.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidSubmission extends Schema.TaggedError<InvalidSubmission>("effect-ripio-tickets/InvalidSubmission")(
  "InvalidSubmission",
  {
    /** What is wrong. Begins with the field. */
    issue: Schema.String
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("InvalidSubmission")
  }
  override get message() {
    return `The submission is not stored: ${this.issue}`
  }
}
