// A worker that the attacks kill: `node workerProcess.ts <WorkerConfig as JSON>`. It prints a line when it runs.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { CustomerId, FetchTransport, NewTicket, Ripio, SupportTickets } from "../../../src/index.ts"
import { appendEvent, appendLine, readLines } from "./events.ts"
import { lock, sqlClient } from "./stores.ts"
import type { WorkerConfig } from "./workers.ts"

const config = JSON.parse(process.argv[2] ?? "") as WorkerConfig

const ripio = Ripio.layer({
  environment: { baseUrl: config.baseUrl },
  clientId: "partner",
  clientSecret: Redacted.make("a secret of the partner"),
  retry: { times: 2, base: "100 millis" }
}).pipe(Layer.provide(FetchTransport.layer))

const ready = Effect.sync(() => process.stdout.write("ready\n"))

/** The content of a submission. Its description has the marker by which the API counts. */
const newTicket = (id: string) =>
  NewTicket.make({
    customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
    summary: `Deposit ${id} has not arrived`,
    description: `marker:${id};`
  })

/** Submits the ids of this worker, and continues where its previous process ended. */
const submitAll = <E, R>(submit: (id: string) => Effect.Effect<unknown, E, R>) =>
  Effect.suspend(() => {
    const done = new Set(readLines(config.submitted))
    return Effect.forEach(
      config.ids.filter((id) => !done.has(id)),
      (id) =>
        submit(id).pipe(
          Effect.retry(Schedule.spaced("200 millis")),
          Effect.tap(() => Effect.sync(() => appendLine(config.submitted, id)))
        ),
      { concurrency: 8, discard: true }
    )
  })

/** What a program without the outbox does: it creates a ticket for each element of a queue. */
const naive = Effect.gen(function* () {
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
    [submitAll((id) => queue.offer(id, { id })), ...Array.from({ length: config.outbox }, () => worker)],
    { concurrency: "unbounded", discard: true }
  )
}).pipe(
  Effect.provide(
    Layer.merge(
      ripio,
      PersistedQueue.layer.pipe(
        Layer.provide(PersistedQueue.layerStoreSql(lock)),
        Layer.provide(Layer.orDie(sqlClient(config.store)))
      )
    )
  )
)

NodeRuntime.runMain(naive)
