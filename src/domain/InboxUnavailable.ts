/**
 * The error of an inbox without a working store.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

/**
 * The inbox could not store an event, or its store could not be read: the store failed, the inbox in memory is full, or the
 * layer of the inbox is closed. The event is not acknowledged, so Ripio delivers it again.
 *
 * @category errors
 * @since 0.1.0
 */
export class InboxUnavailable extends Schema.TaggedError<InboxUnavailable>("effect-ripio-tickets/InboxUnavailable")(
  "InboxUnavailable",
  {
    /** What to do, if the store is not the cause. */
    issue: Schema.optional(Schema.String),
    /** The error of the store. */
    cause: Schema.optional(Schema.Defect())
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("InboxUnavailable")
  }
  override get message() {
    return this.issue === undefined
      ? "The inbox cannot reach its store. Check the database behind it"
      : `The inbox is unavailable: ${this.issue}`
  }
}
