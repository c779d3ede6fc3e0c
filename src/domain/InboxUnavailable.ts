import * as Schema from "effect/Schema"

/**
 * The store of the inbox did not take an event, or could not be read. The event is not acknowledged, so Ripio delivers it
 * again.
 *
 * @category errors
 * @since 0.1.0
 */
export class InboxUnavailable extends Schema.TaggedError<InboxUnavailable>("effect-ripio-tickets/InboxUnavailable")(
  "InboxUnavailable",
  {
    /** What the store says. */
    cause: Schema.Defect()
  }
) {
  override get message() {
    return "The inbox cannot reach its store: look at the database behind it"
  }
}
