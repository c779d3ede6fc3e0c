/**
 * Durable work on a database: submit tickets once, follow them to their outcome, and handle each fact once, across crashes
 * and on any number of processes.
 *
 * @stability unstable
 * @since 0.1.0
 */
export { InvalidSubmission } from "./domain/InvalidSubmission.ts"
export { OperationsUnavailable } from "./domain/OperationsUnavailable.ts"
export { OutboxUnavailable } from "./domain/OutboxUnavailable.ts"
export type {
  QueueCount,
  QueueDeadLetter,
  QueueItem,
  QueueItemState,
  QueueName,
  TicketCounts
} from "./domain/QueueItem.ts"
export { TrackerUnavailable } from "./domain/TrackerUnavailable.ts"
export { UnsupportedStore } from "./domain/UnsupportedStore.ts"
/**
 * Layers of durable work: the outbox, the tracker, the inbox and their operations on one database, and the worker.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export * as DurableTickets from "./layers/DurableTickets.ts"
/**
 * Layers of `TicketTracker` without an outbox, on any store of `effect/persistence`.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export * as TicketTrackerLive from "./layers/TicketTrackerLive.ts"
export { type ListOptions, TicketOperations } from "./services/TicketOperations.ts"
export { TicketOutbox } from "./services/TicketOutbox.ts"
export { type TrackerScheduleOptions, TicketTracker, type TrackOptions } from "./services/TicketTracker.ts"
