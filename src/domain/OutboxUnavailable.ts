/**
 * The error of an outbox without a working store.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

/**
 * The submission is not stored, because the database failed. Nothing is sent. Submit it again with the same id.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutboxUnavailable extends Schema.TaggedError<OutboxUnavailable>("effect-ripio-tickets/OutboxUnavailable")(
  "OutboxUnavailable",
  {
    /** The error of the database. */
    cause: Schema.Defect()
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("OutboxUnavailable")
  }
  override get message() {
    return "The submission is not stored, because the outbox cannot use its database. Check the database and submit again with the same id"
  }
}
