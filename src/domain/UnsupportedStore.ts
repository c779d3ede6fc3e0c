/**
 * The error of a database that durable work cannot use.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

/**
 * Durable work does not start, because it would lose tickets or send them twice on this database, or because the database
 * could not be checked.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnsupportedStore extends Schema.TaggedError<UnsupportedStore>("effect-ripio-tickets/UnsupportedStore")(
  "UnsupportedStore",
  {
    /** What is wrong with the database, and what to do. */
    issue: Schema.String,
    /** The error of the database, if it failed. */
    cause: Schema.optional(Schema.Defect())
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("UnsupportedStore")
  }
  override get message() {
    return `Durable work cannot use this database: ${this.issue}`
  }
}
