/**
 * Events that failed in every attempt.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { InboxEvent } from "./InboxEvent.ts"

/**
 * An event that failed in every attempt to handle it, or that could not be decoded.
 *
 * @category models
 * @since 0.1.0
 */
export const DeadLetter = Schema.Struct({
  /** The `dedupeKey` of the event. `TicketInbox.requeueDeadLetter` finds the dead letter by it. */
  dedupeKey: Schema.String,
  /** The event. Absent if this version of the library cannot decode `stored`. */
  event: Schema.optional(InboxEvent),
  /** The JSON of the event in the store. */
  stored: Schema.Unknown,
  /** The number of attempts. */
  attempts: Schema.Int,
  /** Why the last attempt failed, at most 512 characters. */
  failure: Schema.String
}).annotate({ identifier: "DeadLetter" })

/**
 * @category models
 * @since 0.1.0
 */
export type DeadLetter = typeof DeadLetter.Type
