/**
 * Layers of `TicketInbox`, in memory or on a store, and of its handler.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { InboxEvent } from "../domain/InboxEvent.ts"
import { positiveDuration, positiveInt } from "../internal/options.ts"
import { makeMemoryDeadLetters, makeMemoryStore } from "../internal/webhooks/memoryStore.ts"
import { type HandleOptions, makeTicketInbox, TicketInbox, type TicketInboxOptions } from "../services/TicketInbox.ts"

/**
 * An inbox on a store of `effect/persistence`, so that events survive the process: `PersistedQueue.layerStoreSql()` or
 * `PersistedQueue.layerStoreRedis()`.
 *
 * The store remembers handled events until `PersistedQueue.layerCleanup()` removes them, by default after 30 days. A
 * redelivery after that is handled again, so let the time be longer than `tolerance.past` of `TicketWebhooksLive.layer`.
 *
 * Dead letters are in the `KeyValueStore` of the layer's context, or else in a table of its `SqlClient`,
 * `ripio_dead_letters`. Without both, as with Redis alone, they are in a queue of the store: `takeDeadLetter` works, but they
 * cannot be listed, counted or requeued.
 *
 * Fails with `InvalidOption`.
 *
 * **Example** (Events in a database)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import * as PersistedQueue from "effect/persistence/PersistedQueue"
 * import { TicketInboxLive } from "effect-ripio-tickets"
 *
 * const inbox = TicketInboxLive.layerStore({ name: "ripio-ar" }).pipe(
 *   Layer.merge(PersistedQueue.layerCleanup()),
 *   Layer.provide(PersistedQueue.layerStoreSql()) // requires the SqlClient of your database
 * )
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerStore = (
  options?: TicketInboxOptions
): Layer.Layer<TicketInbox, InvalidOption, PersistedQueueStore> =>
  Layer.effect(
    TicketInbox,
    Effect.gen(function* () {
      const { PersistedQueue } = yield* persistence
      const queues = yield* PersistedQueue.makeFactory
      return yield* makeTicketInbox({ queues, deadLetters: yield* deadLetterStore, isDurable: true }, options)
    })
  )

const deadLetterStore = Effect.gen(function* () {
  const { KeyValueStore, SqlClient } = yield* persistence
  const provided = yield* Effect.serviceOption(KeyValueStore.KeyValueStore)
  const sql = yield* Effect.serviceOption(SqlClient.SqlClient)
  return Option.isSome(provided)
    ? provided.value
    : Option.isSome(sql)
      ? Context.get(
          yield* Layer.build(
            Layer.provide(
              KeyValueStore.layerSql({ table: "ripio_dead_letters" }),
              Layer.succeed(SqlClient.SqlClient, sql.value)
            )
          ),
          KeyValueStore.KeyValueStore
        )
      : undefined
})

/**
 * How much an inbox in memory remembers.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryOptions extends TicketInboxOptions {
  /**
   * How many `dedupeKey`s are remembered: 100,000 by default. If as many are younger than `rememberFor`, offers fail with
   * `InboxUnavailable`, so that none is forgotten.
   */
  readonly capacity?: number | undefined
  /**
   * How long a `dedupeKey` is remembered at least: 4 days by default. Let it be longer than `tolerance.past` of
   * `TicketWebhooksLive.layer`.
   */
  readonly rememberFor?: Duration.Input | undefined
}

/**
 * An inbox in memory. Retries, duplicates and dead letters work as with any store. Use it for development, or if polling
 * covers the loss: events that are acknowledged but not handled yet are lost when the process ends.
 *
 * Of a handled event only the `dedupeKey` is remembered. At most 10,000 events wait to be handled, and at most 10,000 are
 * dead letters. An offer above these limits, or after the last handler has ended, fails with `InboxUnavailable`.
 *
 * Fails with `InvalidOption`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: MemoryOptions): Layer.Layer<TicketInbox, InvalidOption> =>
  Layer.effect(
    TicketInbox,
    Effect.gen(function* () {
      const { PersistedQueue } = yield* persistence
      const { capacity = 100_000, rememberFor = Duration.days(4) } = options ?? {}
      const limits = {
        capacity: yield* Effect.fromResult(positiveInt("capacity", capacity)),
        rememberFor: yield* Effect.fromResult(positiveDuration("rememberFor", rememberFor))
      }
      const store = yield* makeMemoryStore(
        limits,
        (cause) => new PersistedQueue.PersistedQueueError({ message: cause.message, cause })
      )
      const queues = yield* Effect.provideService(PersistedQueue.makeFactory, PersistedQueue.PersistedQueueStore, store)
      return yield* makeTicketInbox({ queues, deadLetters: makeMemoryDeadLetters(), isDurable: false }, options)
    })
  )

/**
 * Runs `TicketInbox.handle` in the background while the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const handler = <E, R>(
  handle: (event: InboxEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
  options?: HandleOptions
): Layer.Layer<never, never, TicketInbox | R> =>
  Layer.effectDiscard(Effect.forkScoped(TicketInbox.use((inbox) => inbox.handle(handle, options))))

// The modules import SQL and Redis. Programs without an inbox do not load them.
const persistence = Effect.promise(async () => ({
  KeyValueStore: await import("effect/persistence/KeyValueStore"),
  PersistedQueue: await import("effect/persistence/PersistedQueue"),
  SqlClient: await import("effect/sql/SqlClient")
}))
