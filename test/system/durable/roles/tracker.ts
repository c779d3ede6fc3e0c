import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { TicketTracker, TicketTrackerLive } from "../../../../src/durable.ts"
import { TicketId, TicketInboxLive } from "../../../../src/index.ts"
import { type RedisStore, redisQueueStore } from "../stores.ts"
import type { WorkerConfig } from "../workers.ts"
import { ready, receiveWebhooks, recordEvents, ripio, submitAll } from "./shared.ts"

/** Tracks tickets on Redis, without an outbox. */
export const main = (config: WorkerConfig<RedisStore>) =>
  Effect.gen(function* () {
    const { track } = yield* TicketTracker
    yield* receiveWebhooks(config)
    yield* ready
    yield* submitAll(config, (id) => track(TicketId.make(id)))
    yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.merge(TicketTrackerLive.worker({ concurrency: config.tracker }), recordEvents(config)).pipe(
        Layer.provideMerge(
          Layer.merge(
            TicketTrackerLive.layer({ schedule: Schedule.spaced(config.spacing), deadline: config.deadline }),
            TicketInboxLive.layerStore()
          )
        ),
        Layer.provide(redisQueueStore(config.store.port)),
        Layer.provide(ripio(config.baseUrl))
      )
    )
  )
