/**
 * Layers of `TicketInbox`, in memory or on a store, and of its handler.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import * as Layer from "effect/Layer"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { type HandleOptions, makeTicketInbox, TicketInbox, type TicketInboxOptions } from "../services/TicketInbox.ts"

/**
 * An inbox on a store of `effect/persistence`, so that events survive the process: `PersistedQueue.layerStoreSql()` or
 * `PersistedQueue.layerStoreRedis()`.
 *
 * The store remembers handled events until `PersistedQueue.layerCleanup()` removes them, by default after 30 days. A
 * redelivery after that is handled again.
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
  Layer.unwrap(
    Effect.map(persistedQueue, (PersistedQueue) =>
      Layer.effect(
        TicketInbox,
        Effect.flatMap(PersistedQueue.makeFactory, (queues) => makeTicketInbox(queues, options))
      )
    )
  )

/**
 * An inbox in memory. Retries, duplicates and dead letters work as with any store. Events that are acknowledged but not
 * handled yet are lost when the process ends. Use it for development, or if polling covers the loss.
 *
 * Fails with `InvalidOption`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: TicketInboxOptions): Layer.Layer<TicketInbox, InvalidOption> =>
  Layer.unwrap(
    Effect.map(persistedQueue, (PersistedQueue) =>
      layerStore(options).pipe(
        Layer.merge(PersistedQueue.layerCleanup()),
        Layer.provide(PersistedQueue.layerStoreMemory)
      )
    )
  )

/**
 * Runs `TicketInbox.handle` in the background while the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const handler = <E, R>(
  handle: (event: TicketEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
  options?: HandleOptions
): Layer.Layer<never, never, TicketInbox | R> =>
  Layer.effectDiscard(Effect.forkScoped(TicketInbox.use((inbox) => inbox.handle(handle, options))))

// The module imports SQL and Redis. Programs without an inbox do not load them.
const persistedQueue = Effect.promise(() => import("effect/persistence/PersistedQueue"))
