/**
 * What the queues of durable work hold.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { DeadLetter } from "./DeadLetter.ts"
import type { SubmissionEvidence } from "./InboxEvent.ts"
import type { TicketId } from "./TicketId.ts"

/**
 * A queue of durable work.
 *
 * @category models
 * @since 0.1.0
 */
export type QueueName = "outbox" | "tracker" | "inbox"

/**
 * The state of an item in a queue.
 *
 * - `waiting`: no worker holds it. It may be due later.
 * - `claimed`: a worker holds it, or its process ended and the lock has not expired yet.
 * - `done`: it is remembered, so that the same id is not handled again.
 * - `ambiguous`: only of the outbox. The submission waits for `TicketOperations.resolve`.
 *
 * @category models
 * @since 0.1.0
 */
export type QueueItemState = "waiting" | "claimed" | "done" | "ambiguous"

/**
 * An item of a queue.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueItem {
  /** The id of the submission, the id of the ticket, or the `dedupeKey` of the event. */
  readonly id: string
  readonly queue: QueueName
  readonly state: QueueItemState
  /** What the item is: `Send`, `Verdict`, `Track`, `TicketCreated`, ... `Unknown` if this version cannot decode it. */
  readonly kind: string
  /** How often a worker has claimed it. */
  readonly attempts: number
  /** The time since it was stored. */
  readonly age: Duration.Duration
  /** The time until it is due. Zero if it is. */
  readonly dueIn: Duration.Duration
  /** The ticket, if it is known. */
  readonly ticketId?: TicketId
  /** Of an ambiguous submission: what is known about it. */
  readonly evidence?: SubmissionEvidence
  /** Why the last attempt did not end it, if it was not the first. */
  readonly lastFailure?: string
  /** The position in the queue. Pass the last one as `after` to list what follows. */
  readonly position: number
}

/**
 * The items of a queue that are not done.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueCount {
  readonly waiting: number
  readonly claimed: number
  /** The age of the oldest of them. Zero if there are none. */
  readonly oldest: Duration.Duration
}

/**
 * How much durable work there is.
 *
 * @category models
 * @since 0.1.0
 */
export interface TicketCounts {
  readonly outbox: QueueCount
  readonly tracker: QueueCount
  readonly inbox: QueueCount
  /** The submissions that wait for `TicketOperations.resolve`. */
  readonly ambiguous: number
  readonly deadLetters: number
}

/**
 * A dead letter and its queue.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueDeadLetter extends DeadLetter {
  readonly queue: QueueName
}
