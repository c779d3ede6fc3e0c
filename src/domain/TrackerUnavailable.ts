/**
 * The error of a tracker without a working store.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

/**
 * The ticket is not tracked: the store failed, or an argument is invalid. Track it again.
 *
 * @category errors
 * @since 0.1.0
 */
export class TrackerUnavailable extends Schema.TaggedError<TrackerUnavailable>(
  "effect-ripio-tickets/TrackerUnavailable"
)("TrackerUnavailable", {
  /** What is wrong with an argument. */
  issue: Schema.optional(Schema.String),
  /** The error of the store. */
  cause: Schema.optional(Schema.Defect())
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("TrackerUnavailable")
  }
  override get message() {
    return this.issue === undefined
      ? "The ticket is not tracked, because the tracker cannot use its store. Check the store and track the ticket again"
      : `The ticket is not tracked: ${this.issue}`
  }
}
