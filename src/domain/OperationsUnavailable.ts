/**
 * The error of an operation on the queues.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

/**
 * An operation failed, because the database did or because an argument is invalid. A change is made completely or not at
 * all.
 *
 * @category errors
 * @since 0.1.0
 */
export class OperationsUnavailable extends Schema.TaggedError<OperationsUnavailable>(
  "effect-ripio-tickets/OperationsUnavailable"
)("OperationsUnavailable", {
  /** What is wrong with an argument. */
  issue: Schema.optional(Schema.String),
  /** The error of the database. */
  cause: Schema.optional(Schema.Defect())
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("OperationsUnavailable")
  }
  override get message() {
    return this.issue === undefined
      ? "The operation failed, because the database did. Check the database and try again"
      : `The operation changed nothing: ${this.issue}`
  }
}
