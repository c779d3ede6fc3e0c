// How durable work starts: several processes at once, on databases that it must refuse, and on rows that it cannot read.
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { DurableTickets } from "../../../src/durable.ts"
import { startApi } from "./api.ts"
import { type Postgres, startPostgres } from "./postgres.ts"
import { hasPostgres, idsOf } from "./sizes.ts"
import { sqlStores } from "./testStores.ts"
import { sleep, startWorkers, waitUntil } from "./workers.ts"

describe.for(sqlStores)("durable work on $name", ({ start }) => {
  it("starts in four processes at once on an empty database", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: [0, 0] })
    const ids = idsOf("start", 8)
    await using workers = await startWorkers(4, {
      role: "durable",
      store: testStore.store,
      baseUrl: api.baseUrl,
      ids,
      startsTogether: true
    })
    await waitUntil(() => workers.events().length === 2 * ids.length, { describe: workers.logs, timeout: 30_000 })
  })

  it("stores one of two tickets with the same id, from two processes at once", async () => {
    await using testStore = await start()
    await using api = await startApi()
    const ids = idsOf("conflict", 40)
    await using workers = await startWorkers(2, {
      role: "conflict",
      store: testStore.store,
      baseUrl: api.baseUrl,
      sharedIds: ids
    })
    workers.release()
    await waitUntil(() => workers.events().length === 2 * ids.length, { describe: workers.logs })
    const resultsOf = (id: string) =>
      workers
        .events()
        .flatMap((event) => (event.id === id ? [event.tag] : []))
        .toSorted()
    for (const id of ids) assert.deepStrictEqual(resultsOf(id), ["InvalidSubmission", "Stored"])
    const stored = testStore.query("SELECT id FROM ripio_contents")
    assert.strictEqual(stored.length, ids.length)
    const winners = new Set(workers.events().flatMap(({ pid, tag }) => (tag === "Stored" ? [pid] : [])))
    assert.strictEqual(winners.size, 2, "each process was first at least once")
  })

  it("adds a row of each queue that it cannot decode to the dead letters, with a log", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: [0, 0] })
    const options = { role: "durable", store: testStore.store, baseUrl: api.baseUrl, ids: idsOf("after", 1) } as const
    await using workers = await startWorkers(1, options)
    await waitUntil(() => workers.events().length === 2, { describe: workers.logs })
    await workers.kill(0, "SIGTERM")
    const queues = ["outbox", "tracker", "inbox"]
    for (const queue of queues) {
      const element = JSON.stringify({ _tag: "NotYetKnown", v: 99 })
      testStore.insert({ table: "ripio_queue", queue: `ripio:${queue}`, id: `row-${queue}`, element })
    }
    await workers.start(0)
    await sleep(3000)
    await workers.kill(0, "SIGTERM")
    const unfinished = testStore.query("SELECT id, state FROM ripio_queue WHERE state <> 'completed'")
    assert.deepStrictEqual(unfinished, [])
    const letters = testStore.query("SELECT id FROM ripio_dead_letters").map(([id = ""]) => id)
    for (const queue of queues) {
      assert.isTrue(
        letters.some((id) => id.includes(`row-${queue}`)),
        `${queue} in ${letters.join(", ")}`
      )
      assert.match(workers.log(), new RegExp(`row-${queue}\\b.*dead letter`, "u"))
    }
  })
})

describe.runIf(hasPostgres)("durable work on PostgreSQL", () => {
  let postgres: Postgres
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres[Symbol.asyncDispose]())

  // The lint also runs without the types of @effect/sql-pg.
  const startOn = (options: PgClient.PgClientConfig): Promise<{ readonly _tag: string; readonly message: string }> =>
    Effect.scoped(Layer.build(DurableTickets.layer())).pipe(
      Effect.provide(PgClient.layer({ host: "127.0.0.1", port: postgres.port, username: "postgres", ...options })),
      Effect.flip,
      Effect.runPromise
    )

  it("refuses sessions whose time zone is not UTC", async () => {
    const database = postgres.createDatabase()
    postgres.query(database, `ALTER DATABASE ${database} SET timezone TO 'America/Argentina/Buenos_Aires'`)
    const error = await startOn({ database })
    assert.strictEqual(error._tag, "UnsupportedStore")
    assert.match(error.message, /UTC/u)
  })

  it("refuses a queue table that it does not know", async () => {
    const database = postgres.createDatabase()
    postgres.query(database, "CREATE TABLE ripio_queue (sequence BIGINT PRIMARY KEY, id TEXT)")
    const error = await startOn({ database, startupParameters: { TimeZone: "UTC" } })
    assert.strictEqual(error._tag, "UnsupportedStore")
  })
})
