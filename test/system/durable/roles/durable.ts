import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { DurableTickets, TicketOutbox, TicketTracker } from "../../../../src/durable.ts"
import { TicketId } from "../../../../src/index.ts"
import { shortLocks, type SqlStore, sqlClient } from "../stores.ts"
import type { WorkerConfig } from "../workers.ts"
import { newTicket, ready, receiveWebhooks, recordEvents, ripio, submitAll } from "./shared.ts"

/** Submits tickets, sends and polls them, and appends what the handler receives to a file. */
export const main = (config: WorkerConfig<SqlStore>) => {
  const worker = Layer.merge(
    DurableTickets.worker({ outbox: config.outbox, tracker: config.tracker }),
    recordEvents(config)
  )
  const durable = DurableTickets.layer({
    schedule: Schedule.spaced(config.spacing),
    deadline: config.deadline
  })

  /** Runs the worker for a moment, and ends it wherever it is. */
  const interrupted = Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Layer.buildWithScope(Layer.fresh(worker), scope)
    yield* Effect.sleep((yield* Random.next) * 60)
    yield* Scope.close(scope, Exit.void)
  })

  return Effect.gen(function* () {
    const outbox = yield* TicketOutbox
    const tracker = yield* TicketTracker
    yield* receiveWebhooks(config)
    yield* ready
    yield* Effect.forkScoped(
      config.tracks
        ? submitAll(config, (id) => tracker.track(TicketId.make(id)))
        : submitAll(config, (id) => outbox.submit(newTicket(id), { id }))
    )
    yield* Effect.replicateEffect(interrupted, config.interruptions, { discard: true })
    yield* Layer.launch(worker)
  }).pipe(
    Effect.scoped,
    Effect.provide(
      durable.pipe(
        Layer.provide(shortLocks),
        Layer.provideMerge(ripio(config.baseUrl)),
        Layer.provideMerge(sqlClient(config.store))
      )
    )
  )
}
