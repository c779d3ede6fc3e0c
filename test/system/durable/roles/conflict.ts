import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import { DurableTickets, TicketOutbox } from "../../../../src/durable.ts"
import { appendEvent } from "../events.ts"
import { shortLocks, type SqlStore, sqlClient } from "../stores.ts"
import type { WorkerConfig } from "../workers.ts"
import { newTicket, ready } from "./shared.ts"

// A transaction takes longer than the head start, so that both overlap, and shorter than the spacing.
const headStart = 3
const spacing = 150

/** Submits a ticket that no other process submits, under ids that others use too, each in a transaction that takes a while. */
export const main = (config: WorkerConfig<SqlStore>) =>
  Effect.gen(function* () {
    const outbox = yield* TicketOutbox
    const sql = yield* SqlClient.SqlClient
    yield* ready
    const start = yield* Effect.callback<number>(
      (resume) => void process.once("message", (time) => resume(Effect.succeed(Number(time))))
    )
    const submit = (id: string) =>
      Effect.andThen(outbox.submit({ ...newTicket(id), summary: `${process.pid}` }, { id }), Effect.sleep(5)).pipe(
        sql.withTransaction,
        Effect.match({ onFailure: ({ _tag }) => _tag, onSuccess: () => "Stored" }),
        Effect.map((tag) => appendEvent(config.events, { tag, dedupeKey: id, id, attempt: 1 }))
      )
    /** Both processes submit a ticket at almost the same moment. They take turns to begin, so that each wins some. */
    const timeOf = (position: number) => start + position * spacing + (position % 2 === config.index ? 0 : headStart)
    yield* Effect.forEach(
      config.ids,
      (id, position) => Effect.suspend(() => Effect.delay(submit(id), Math.max(0, timeOf(position) - Date.now()))),
      { discard: true }
    )
    yield* Effect.never
  }).pipe(
    Effect.provide(DurableTickets.layer().pipe(Layer.provide(shortLocks), Layer.provideMerge(sqlClient(config.store))))
  )
