import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import { SupportTickets } from "../../../../src/index.ts"
import { appendEvent } from "../events.ts"
import { lock, type SqlStore, sqlClient } from "../stores.ts"
import type { WorkerConfig } from "../workers.ts"
import { newTicket, ready, ripio, submitAll } from "./shared.ts"

/** What a program without the outbox does: it creates a ticket for each element of a queue. */
export const main = (config: WorkerConfig<SqlStore>) =>
  Effect.gen(function* () {
    const { create } = yield* SupportTickets
    const queue = yield* PersistedQueue.make({ name: "naive", schema: Schema.String })
    const createNext = queue.take((id) =>
      Effect.tap(create(newTicket(id)), ({ ticketId }) =>
        Effect.sync(() =>
          appendEvent(config.events, { tag: "SubmissionAccepted", dedupeKey: id, id, ticketId, attempt: 1 })
        )
      )
    )
    const worker = Effect.forever(Effect.catchCause(createNext, (cause) => Effect.logWarning("retried", cause)))
    yield* ready
    yield* Effect.all(
      [submitAll(config, (id) => queue.offer(id, { id })), ...Array.from({ length: config.outbox }, () => worker)],
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(
    Effect.provide(
      Layer.merge(
        ripio(config.baseUrl),
        PersistedQueue.layer.pipe(
          Layer.provide(PersistedQueue.layerStoreSql(lock)),
          Layer.provide(Layer.orDie(sqlClient(config.store)))
        )
      )
    )
  )
