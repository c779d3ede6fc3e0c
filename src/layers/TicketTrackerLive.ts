/**
 * Layers of `TicketTracker` without an outbox, on any store of `effect/persistence`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { checkOption, checkOptionsObject, InvalidOption } from "../domain/InvalidOption.ts"
import { pollingSchedule } from "../domain/PollingSchedule.ts"
import { sanitize } from "../domain/sanitize.ts"
import { unlimitedAttempts } from "../internal/durable/claims.ts"
import { trackerEngineOf } from "../internal/durable/engines.ts"
import { runWorker } from "../internal/durable/runWorker.ts"
import { accountViewOf } from "../internal/http/gate/accountView.ts"
import { deadLetters as deadLettersAdded } from "../internal/metrics.ts"
import { nonEmptyText, nonNegativeDuration, positiveInt, scheduleOption } from "../internal/options.ts"
import { inQueue, inTextStore } from "../internal/webhooks/deadLetters.ts"
import { SupportTickets } from "../services/SupportTickets.ts"
import { TicketInbox } from "../services/TicketInbox.ts"
import { TicketOutcomes } from "../services/TicketOutcomes.ts"
import { makeTicketTracker, TicketTracker, type TrackerScheduleOptions } from "../services/TicketTracker.ts"

/**
 * How tickets are tracked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends TrackerScheduleOptions {
  /** The name of the queue in the store: `ripio-tracker` by default. Use one name per account. */
  readonly name?: string | undefined
}

const checkOptions = (options: Options) =>
  Result.gen(function* () {
    yield* checkOptionsObject(options)
    return {
      name: yield* checkOption("name", () => nonEmptyText("name", options.name ?? "ripio-tracker")),
      schedule: yield* checkOption("schedule", () => scheduleOption(options.schedule ?? pollingSchedule)),
      deadline: yield* checkOption("deadline", () =>
        nonNegativeDuration("deadline", options.deadline ?? Duration.hours(24))
      )
    }
  })

/**
 * The tracker alone, on any store of `effect/persistence`: in memory, SQL or Redis. For tickets that other programs create,
 * or that `SupportTickets.create` does. `DurableTickets.layer` includes a tracker.
 *
 * Redis must keep what it has stored: turn its append-only file on and its eviction off. Processes that share a `prefix` of
 * the store need one cluster slot, so put it in braces, such as `{ripio}:`.
 *
 * A row that cannot be decoded is a dead letter in the `KeyValueStore` of the layer's context, or else in the queue
 * `<name>:dead-letters`.
 *
 * Fails with `InvalidOption`.
 *
 * **Example** (On Redis)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import * as PersistedQueue from "effect/persistence/PersistedQueue"
 * import { TicketInboxLive } from "effect-ripio-tickets"
 * import { TicketTrackerLive } from "effect-ripio-tickets/durable"
 *
 * const tracking = TicketTrackerLive.worker().pipe(
 *   Layer.provideMerge(Layer.merge(TicketTrackerLive.layer(), TicketInboxLive.layerStore())),
 *   Layer.provide(PersistedQueue.layerStoreRedis({ prefix: "{ripio}:" })) // requires the Redis of your program
 * )
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<TicketTracker, InvalidOption, PersistedQueue.PersistedQueueStore> =>
  Layer.effect(
    TicketTracker,
    Effect.gen(function* () {
      const { deadline, name, schedule } = yield* Effect.fromResult(checkOptions(options))
      const store = yield* PersistedQueue.PersistedQueueStore
      const texts = Option.getOrUndefined(yield* Effect.serviceOption(KeyValueStore.KeyValueStore))
      const queues = yield* PersistedQueue.makeFactory
      const letters =
        texts === undefined
          ? inQueue(
              yield* queues.make({
                name: `${name}:dead-letters`,
                schema: Schema.Unknown,
                maxAttempts: unlimitedAttempts
              })
            )
          : yield* inTextStore(texts, name)
      return makeTicketTracker({
        store,
        queue: name,
        schedule,
        deadline,
        rows: undefined,
        addDeadLetter: ({ attempts, element, id }, failure) =>
          letters
            .add({ dedupeKey: id, stored: element, attempts, failure })
            .pipe(
              Effect.andThen(Metric.update(deadLettersAdded, 1)),
              Effect.andThen(
                Effect.logError(
                  `${sanitize.text(id)} of the tracker is a dead letter, because it cannot be decoded: ${failure}`
                )
              )
            )
      })
    })
  )

/**
 * How much a worker does at a time, and how long it may take to end.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerOptions {
  /** How many tickets are polled at a time: 32 by default. */
  readonly concurrency?: number | undefined
  /** How long to wait for polls that have begun when the layer is closed: 20 s by default. */
  readonly grace?: Duration.Input | undefined
}

const workerOptions = (options: WorkerOptions) =>
  Result.gen(function* () {
    yield* checkOptionsObject(options)
    return {
      concurrency: yield* checkOption("concurrency", () => positiveInt("concurrency", options.concurrency ?? 32)),
      grace: yield* checkOption("grace", () => nonNegativeDuration("grace", options.grace ?? Duration.seconds(20)))
    }
  })

/**
 * Polls what the tracker holds, while the layer lives. Run it in any number of processes. While the account gate holds
 * requests back, and while the API refuses the credentials, no ticket is polled but one that probes.
 *
 * Fails with `InvalidOption`, also if the tracker is not one of this library.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const worker = (
  options: WorkerOptions = {}
): Layer.Layer<never, InvalidOption, TicketTracker | TicketInbox | SupportTickets> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { concurrency, grace } = yield* Effect.fromResult(workerOptions(options))
      const tickets = yield* SupportTickets
      const engine = trackerEngineOf(yield* TicketTracker)
      if (engine === undefined) {
        return yield* new InvalidOption({
          option: "TicketTracker",
          issue: "expected the service of a layer of this library"
        })
      }
      yield* runWorker({
        tickets,
        view: accountViewOf(tickets),
        inbox: yield* TicketInbox,
        outcomes: Option.getOrUndefined(yield* Effect.serviceOption(TicketOutcomes)),
        tracker: { engine, concurrency },
        grace
      })
    })
  )
