import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import { TicketInbox, TicketInboxLive } from "../../../../src/index.ts"
import { appendEvent } from "../events.ts"
import { lock, redisQueueStore, sqlClient } from "../stores.ts"
import type { WorkerConfig } from "../workers.ts"
import { ready, receiveWebhooks } from "./shared.ts"

class CannotHandle extends Data.TaggedError("CannotHandle") {}

const layerOf = ({ store }: WorkerConfig) => {
  const inbox = TicketInboxLive.layerStore({ maxAttempts: 3, retrySchedule: Schedule.spaced("500 millis") })
  return store.kind === "redis"
    ? Layer.provide(inbox, redisQueueStore(store.port))
    : inbox.pipe(Layer.provide(PersistedQueue.layerStoreSql(lock)), Layer.provide(sqlClient(store)))
}

/** Stores webhooks and handles their events. The handler never succeeds for tickets that have failed. */
export const main = (config: WorkerConfig) =>
  Effect.gen(function* () {
    const inbox = yield* TicketInbox
    yield* receiveWebhooks(config)
    if (config.readsDeadLetters) {
      yield* Effect.forkScoped(
        Effect.forever(
          inbox.takeDeadLetter(({ attempts, dedupeKey, event }) =>
            Effect.sync(() =>
              appendEvent(config.events, {
                tag: "DeadLetter",
                dedupeKey,
                attempt: attempts,
                ...(event !== undefined && "ticketId" in event ? { ticketId: event.ticketId } : {})
              })
            )
          )
        )
      )
    }
    yield* ready
    yield* inbox.handle(
      Effect.fnUntraced(function* (event, { number }) {
        if (event._tag === "TicketFailed") return yield* new CannotHandle()
        yield* Effect.sleep("20 millis")
        appendEvent(config.events, {
          tag: event._tag,
          dedupeKey: event.dedupeKey,
          attempt: number,
          ...(event._tag === "TicketCreated" ? { ticketId: event.ticketId } : {})
        })
      }),
      { concurrency: config.handlers }
    )
  }).pipe(Effect.scoped, Effect.provide(layerOf(config)))
