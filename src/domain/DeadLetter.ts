/**
 * Events that failed in every attempt.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { TicketEvent } from "./TicketEvent.ts"

/**
 * An event that failed in every attempt to handle it.
 *
 * @category models
 * @since 0.1.0
 */
export const DeadLetter = Schema.Struct({
  event: TicketEvent,
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
