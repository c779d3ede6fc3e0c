/**
 * The error of an inbox without a working store.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The store of the inbox could not store an event or could not be read. The event is not acknowledged, so Ripio delivers
 * it again.
 *
 * @category errors
 * @since 0.1.0
 */
export class InboxUnavailable extends Schema.TaggedError<InboxUnavailable>("effect-ripio-tickets/InboxUnavailable")(
  "InboxUnavailable",
  {
    /** The error of the store. */
    cause: Schema.Defect()
  }
) {
  override get message() {
    return "The inbox cannot reach its store. Check the database behind it"
  }
}
