/**
 * The error of an operation on the queues.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * An operation failed, because the database did. A change is made completely or not at all.
 *
 * @category errors
 * @since 0.1.0
 */
export class OperationsUnavailable extends Schema.TaggedError<OperationsUnavailable>(
  "effect-ripio-tickets/OperationsUnavailable"
)("OperationsUnavailable", {
  /** The error of the database. */
  cause: Schema.Defect()
}) {
  override get message() {
    return "The operation failed, because the database did. Check the database and try again"
  }
}
