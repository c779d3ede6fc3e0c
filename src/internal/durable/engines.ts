import type * as Effect from "effect/Effect"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import type { Outbox } from "./outbox.ts"
import type { Tracker } from "./tracker.ts"

/** What the worker of a tracker needs beyond its service. */
export interface TrackerEngine {
  readonly store: PersistedQueueStore["Service"]
  readonly queue: string
  readonly tracker: Tracker
}

/** What the worker of an outbox needs beyond its service. */
export interface OutboxEngine {
  readonly store: PersistedQueueStore["Service"]
  readonly queue: string
  readonly outbox: Outbox
  /** Records that the account was closed, so that the time does not count as the age of a submission. */
  readonly recordClosed: (from: number, to: number) => Effect.Effect<void>
  /** What a worker does now and then: metrics, rows that the queue cannot read, rows that are too old to keep. */
  readonly housekeeping: Effect.Effect<never>
}

// Keyed by the service, so that programs may replace a service in tests without what only a worker needs.
const trackers = new WeakMap<object, TrackerEngine>()
const outboxes = new WeakMap<object, OutboxEngine>()

export const setTrackerEngine = <Service extends object>(service: Service, engine: TrackerEngine): Service => {
  trackers.set(service, engine)
  return service
}
export const trackerEngineOf = (service: object): TrackerEngine | undefined => trackers.get(service)

export const setOutboxEngine = <Service extends object>(service: Service, engine: OutboxEngine): Service => {
  outboxes.set(service, engine)
  return service
}
export const outboxEngineOf = (service: object): OutboxEngine | undefined => outboxes.get(service)
