// Polls many tickets until each has an outcome, with one of the candidates on one database. The API is a function, because
// the cost of its calls is the same for all.
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as SingleRunner from "effect/cluster/SingleRunner"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as Workflow from "effect/workflow/Workflow"
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { IssueKey, SupportTicket, SupportTickets, TicketId, TicketInboxLive } from "effect-ripio-tickets"
import { DurableTickets, TicketTracker, TicketTrackerLive } from "effect-ripio-tickets/durable"
import { NodeSqlite } from "effect-ripio-tickets/node"
import { PgBoss } from "pg-boss"
import type { Database, DurableRole, Polled } from "../parts/durable.ts"
import { role, serve } from "./serve.ts"

const { candidate, concurrency, database, polls, tickets } = role() as DurableRole

const ids = Array.from({ length: tickets }, () => TicketId.make(randomUUID()))
const pollsOf = new Map<string, number>()
let sent = 0
let handled = 0

/** Whether a ticket has an outcome. It has one at its last poll. */
const poll = (id: string): boolean => {
  const count = (pollsOf.get(id) ?? 0) + 1
  pollsOf.set(id, count)
  sent++
  return count >= polls
}

const sqlClient = (database: Database) =>
  database.kind === "sqlite"
    ? NodeSqlite.layer({ filename: database.file })
    : PgClient.layer({
        host: "127.0.0.1",
        port: database.port,
        database: "postgres",
        username: "postgres",
        startupParameters: { TimeZone: "UTC" }
      })

const redis = (port: number) => NodeRedis.layer({ socket: { host: "127.0.0.1", port } })

/** The library: each outcome is an event in the inbox, which a handler receives. */
const library = () => {
  const stub = Layer.mock(SupportTickets, {
    retrieve: (ticketId) =>
      Effect.sync(() =>
        poll(ticketId)
          ? SupportTicket.cases.Created.make({ ticketId, issueKey: IssueKey.make("SUP-1") })
          : SupportTicket.cases.Pending.make({ ticketId })
      )
  })
  const handler = TicketInboxLive.handler(() => Effect.sync(() => handled++), { concurrency: 16 })
  const schedule = Schedule.spaced("1 second")
  const track = Effect.gen(function* () {
    const { track } = yield* TicketTracker
    yield* Effect.forEach(ids, (id) => track(id), { concurrency: 32, discard: true })
    yield* Effect.never
  })
  return database.kind === "redis"
    ? track.pipe(
        Effect.provide(
          handler.pipe(
            Layer.provideMerge(TicketTrackerLive.worker({ concurrency })),
            Layer.provideMerge(TicketTrackerLive.layer({ schedule })),
            Layer.provideMerge(TicketInboxLive.layerStore()),
            Layer.provide(PersistedQueue.layerStoreRedis({ prefix: "{ripio}:" })),
            Layer.provide(redis(database.port)),
            Layer.provide(stub)
          )
        ),
        Effect.orDie
      )
    : track.pipe(
        Effect.provide(
          Layer.merge(DurableTickets.worker({ tracker: concurrency }), handler).pipe(
            Layer.provideMerge(DurableTickets.layer({ schedule })),
            Layer.provide(sqlClient(database)),
            Layer.provide(stub)
          )
        ),
        Effect.orDie
      )
}

/** Effect's queue without the library: a take polls, and fails while the ticket is pending. A second queue has the outcomes. */
const queue = () =>
  Effect.gen(function* () {
    const schema = Schema.Struct({ id: Schema.String })
    const retrySchedule = Schedule.spaced("1 second")
    const tracked = yield* PersistedQueue.make({ name: "tracked", schema, maxAttempts: 2 ** 31 - 1, retrySchedule })
    const outcomes = yield* PersistedQueue.make({ name: "outcomes", schema })
    yield* Effect.forEach(ids, (id) => tracked.offer({ id }, { id }), { concurrency: 32, discard: true })
    const pollNext = tracked.take(({ id }) =>
      Effect.suspend((): Effect.Effect<unknown, unknown> =>
        poll(id) ? outcomes.offer({ id }, { id }) : Effect.fail("the ticket is pending")
      )
    )
    const handleNext = outcomes.take(() => Effect.sync(() => void handled++))
    const takers = [
      ...Array.from({ length: concurrency }, () => Effect.forever(Effect.ignore(pollNext))),
      ...Array.from({ length: 16 }, () => Effect.forever(handleNext))
    ]
    yield* Effect.all(takers, { concurrency: "unbounded", discard: true })
  }).pipe(Effect.provide(PersistedQueue.layer.pipe(Layer.provide(queueStore()))))

const queueStore = (): Layer.Layer<PersistedQueue.PersistedQueueStore, unknown> =>
  database.kind === "redis"
    ? PersistedQueue.layerStoreRedis({ prefix: "{ripio}:" }).pipe(Layer.provide(redis(database.port)))
    : PersistedQueue.layerStoreSql().pipe(Layer.provide(sqlClient(database)))

/** What a program might do without the library: a table with a due time and a lease, and a table of events. */
const lease = () =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const isPostgres = sql.onDialectOrElse({ pg: () => true, orElse: () => false })
    yield* sql`CREATE TABLE tracked (
      ticket_id TEXT PRIMARY KEY, polls INTEGER NOT NULL, due_at BIGINT NOT NULL, leased_until BIGINT NOT NULL)`
    yield* sql`CREATE INDEX tracked_due ON tracked (due_at)`
    yield* sql`CREATE TABLE events (dedupe_key TEXT PRIMARY KEY, ticket_id TEXT NOT NULL, handled_at BIGINT)`
    yield* Effect.forEach(
      ids,
      (id) => sql`INSERT INTO tracked VALUES (${id}, 0, ${Date.now()}, 0) ON CONFLICT DO NOTHING`,
      { concurrency: 32, discard: true }
    )
    const lock = sql.literal(isPostgres ? "FOR UPDATE SKIP LOCKED" : "")
    const claim = Effect.suspend(() => {
      const now = Date.now()
      return sql<{ readonly ticket_id: string }>`UPDATE tracked SET leased_until = ${now + 30_000}
        WHERE ticket_id IN (SELECT ticket_id FROM tracked WHERE due_at <= ${now} AND leased_until <= ${now}
          ORDER BY due_at LIMIT ${sql.literal(`${concurrency}`)} ${lock})
        RETURNING ticket_id`
    })
    const pollOne = ({ ticket_id }: { readonly ticket_id: string }) =>
      poll(ticket_id)
        ? sql.withTransaction(
            Effect.andThen(
              sql`INSERT INTO events VALUES (${`created:${ticket_id}`}, ${ticket_id}, NULL) ON CONFLICT DO NOTHING`,
              sql`DELETE FROM tracked WHERE ticket_id = ${ticket_id}`
            )
          )
        : sql`UPDATE tracked SET polls = polls + 1, due_at = ${Date.now() + 1000}, leased_until = 0
            WHERE ticket_id = ${ticket_id}`
    const pollAll = Effect.forever(
      Effect.gen(function* () {
        const rows = yield* claim
        if (rows.length === 0) yield* Effect.sleep("1 second")
        yield* Effect.forEach(rows, pollOne, { concurrency: "unbounded", discard: true })
      })
    )
    const handleAll = Effect.forever(
      Effect.gen(function* () {
        const rows = yield* sql<{ readonly dedupe_key: string }>`SELECT dedupe_key FROM events
          WHERE handled_at IS NULL LIMIT 16`
        if (rows.length === 0) yield* Effect.sleep("1 second")
        yield* Effect.forEach(
          rows,
          ({ dedupe_key }) =>
            Effect.andThen(
              Effect.sync(() => handled++),
              sql`UPDATE events SET handled_at = ${Date.now()} WHERE dedupe_key = ${dedupe_key}`
            ),
          { concurrency: "unbounded", discard: true }
        )
      })
    )
    yield* Effect.all([pollAll, handleAll], { concurrency: "unbounded", discard: true })
  }).pipe(Effect.provide(sqlClient(database)))

const Follow = Workflow.make("Follow", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

/** `effect/workflow`: an execution for each ticket, whose activities poll and handle. Its clock waits in memory for up to a minute. */
const workflow = () => {
  const follow = Follow.toLayer(
    Effect.fnUntraced(function* ({ id }) {
      for (let attempt = 1; ; attempt++) {
        const execute = Effect.sync(() => poll(id))
        if (yield* Activity.make({ name: `Poll ${attempt}`, success: Schema.Boolean, execute })) break
        yield* DurableClock.sleep({ name: `Wait ${attempt}`, duration: "1 second" })
      }
      yield* Activity.make({ name: "Handle", execute: Effect.sync(() => void handled++) })
    })
  )
  return Effect.forEach(ids, (id) => Follow.execute({ id }, { discard: true }), {
    concurrency: 32,
    discard: true
  }).pipe(
    Effect.andThen(Effect.never),
    Effect.provide(
      follow.pipe(
        Layer.provideMerge(ClusterWorkflowEngine.layer),
        Layer.provideMerge(SingleRunner.layer()),
        Layer.provide(sqlClient(database)),
        Layer.provide(Digest.layerWebCrypto)
      )
    )
  )
}

/** pg-boss: a job for each ticket that fails until there is an outcome, and a job for each outcome. */
const pgBoss = async () => {
  if (database.kind !== "postgres") throw new Error("pg-boss needs PostgreSQL.")
  const boss = new PgBoss({ connectionString: `postgres://postgres@127.0.0.1:${database.port}/postgres` })
  boss.on("error", (error) => {
    throw error
  })
  await boss.start()
  for (const name of ["tracker", "inbox"]) await boss.createQueue(name, { retryLimit: 1_000_000, retryDelay: 1 })
  await boss.insert(
    "tracker",
    ids.map((id) => ({ data: { id }, singletonKey: id }))
  )
  const pollAll = async () => {
    for (;;) {
      const jobs = await boss.fetch<{ readonly id: string }>("tracker", { batchSize: concurrency })
      if (jobs.length === 0) await sleep(1000)
      const outcomes = jobs.filter(({ data }) => poll(data.id))
      const pending = jobs.filter((job) => !outcomes.includes(job))
      if (outcomes.length > 0) {
        await boss.insert(
          "inbox",
          outcomes.map(({ data }) => ({ data, singletonKey: data.id }))
        )
        await boss.complete(
          "tracker",
          outcomes.map(({ id }) => id)
        )
      }
      if (pending.length > 0)
        await boss.fail(
          "tracker",
          pending.map(({ id }) => id)
        )
    }
  }
  const handleAll = async () => {
    for (;;) {
      const jobs = await boss.fetch("inbox", { batchSize: 16 })
      if (jobs.length === 0) await sleep(1000)
      else {
        handled += jobs.length
        await boss.complete(
          "inbox",
          jobs.map(({ id }) => id)
        )
      }
    }
  }
  await Promise.all([pollAll(), handleAll()])
}

const candidates = {
  // The other candidates log nothing.
  library: () => Effect.runPromise(Effect.provideService(library(), References.MinimumLogLevel, "Warn")),
  queue: () => Effect.runPromise(Effect.provideService(Effect.orDie(queue()), References.MinimumLogLevel, "Warn")),
  lease: () => Effect.runPromise(Effect.orDie(lease())),
  workflow: () =>
    Effect.runPromise(Effect.provideService(Effect.orDie(workflow()), References.MinimumLogLevel, "Warn")),
  pgBoss
}

serve(async (): Promise<Polled> => {
  const start = performance.now()
  const cpu = process.cpuUsage()
  void candidates[candidate]()
  const isDone = () => handled >= tickets
  while (!isDone()) await sleep(20)
  const { system, user } = process.cpuUsage(cpu)
  return { cpuMicros: system + user, polls: sent, seconds: (performance.now() - start) / 1000 }
})
