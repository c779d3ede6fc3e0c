import * as Effect from "effect/Effect"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import * as Layer from "effect/Layer"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { type HandleOptions, makeTicketInbox, TicketInbox, type TicketInboxOptions } from "../services/TicketInbox.ts"

/**
 * An inbox on whatever store of `effect/persistence` is provided, so that events outlive the process:
 * `PersistedQueue.layerStoreSql()` or `PersistedQueue.layerStoreRedis()`.
 *
 * The store remembers what was handled until `PersistedQueue.layerCleanup()` removes it, by default after 30 days. A
 * duplicate that comes later than that is handled again.
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
 *   Layer.provide(PersistedQueue.layerStoreSql()) // needs the SqlClient of your database
 * )
 * ```
 *
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
 * An inbox in memory. Retries, duplicates and parked events are as with any store, but what is not handled yet is lost
 * with the process, after Ripio was told that it arrived. For development, and where polling catches what is lost.
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
 * Runs a handler on the events of the inbox, for as long as the layer lives: `TicketInbox.handle` in the background.
 *
 * @category layers
 * @since 0.1.0
 */
export const handler = <E, R>(
  handle: (event: TicketEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
  options?: HandleOptions
): Layer.Layer<never, never, TicketInbox | R> =>
  Layer.effectDiscard(Effect.forkScoped(TicketInbox.use((inbox) => inbox.handle(handle, options))))

// It brings SQL and Redis along, which those who have no inbox need not load.
const persistedQueue = Effect.promise(() => import("effect/persistence/PersistedQueue"))
