import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { runSync } from "../../../scripts/run.ts"
import { type Postgres, startPostgres } from "./postgres.ts"
import { startRedis } from "./redis.ts"
import { hasPostgres, hasRedis } from "./sizes.ts"
import type { SqlStore, Store } from "./stores.ts"

export interface Row {
  readonly table: "effect_queue" | "ripio_queue"
  readonly queue: string
  readonly id: string
  readonly element: string
}

/** An empty store for one test. Disposing it stops its server and removes its files. */
export interface TestStore<S extends Store = Store> extends AsyncDisposable {
  readonly store: S
  /** Adds an element to a queue of `PersistedQueue` without the library. */
  readonly insert: (row: Row) => void
  /** The elements of durable work that are not settled. */
  readonly unsettled: () => ReadonlyArray<string>
}

export interface SqlTestStore extends TestStore<SqlStore> {
  /** The columns of the rows, as text. */
  readonly query: (sql: string) => ReadonlyArray<ReadonlyArray<string>>
}

const insertRow = ({ element, id, queue, table }: Row) =>
  `INSERT INTO ${table} (id, queue_name, element, state, attempts, visible_at, created_at, updated_at)
   VALUES ('${id}', '${queue}', '${element}', 'pending', 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)`

// An ambiguous submission has a row in a separate queue, until a person resolves it.
const unsettledRows = (query: SqlTestStore["query"]) =>
  query("SELECT queue_name, id FROM ripio_queue WHERE state <> 'completed'").flatMap(([queue = "", id = ""]) =>
    queue.endsWith(":ambiguous") ? [] : [`${queue} ${id}`]
  )

const startSqlite = async (): Promise<SqlTestStore> => {
  const folder = mkdtempSync(join(tmpdir(), "sqlite-"))
  const file = join(folder, "tickets.sqlite")
  const query = (sql: string) => {
    using database = new DatabaseSync(file, { timeout: 5000 })
    return database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row).map(String))
  }
  return {
    store: { kind: "sqlite", file },
    query,
    insert: (row) => void query(insertRow(row)),
    unsettled: () => unsettledRows(query),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true })
  }
}

/** A database that processes reach on a port. */
export const postgresStore = (postgres: Postgres, database: string, port: number): SqlTestStore => {
  const query = (sql: string) => postgres.query(database, sql)
  return {
    store: { kind: "postgres", port, database },
    query,
    insert: (row) => void query(insertRow(row)),
    unsettled: () => unsettledRows(query),
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose]()
  }
}

const startPostgresql = async (): Promise<SqlTestStore> => {
  const postgres = await startPostgres()
  return postgresStore(postgres, postgres.createDatabase(), postgres.port)
}

const startRedisStore = async (): Promise<TestStore> => {
  const redis = await startRedis()
  const run = (...command: ReadonlyArray<string>) =>
    runSync(redis.folder, "redis-cli", "-p", `${redis.port}`, ...command)
      .split("\n")
      .filter((line) => line !== "")
  return {
    store: { kind: "redis", port: redis.port },
    insert: ({ element, id, queue }) => void run("RPUSH", `{ripio}:${queue}`, `{"id":"${id}","element":${element}}`),
    unsettled: () =>
      ["{ripio}:ripio-tracker", "{ripio}:ripio-webhooks"].flatMap((key) => [
        ...run("LRANGE", key, "0", "-1"),
        ...run("ZRANGE", `${key}:delayed`, "0", "-1"),
        ...run("HKEYS", `${key}:pending`)
      ]),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]()
  }
}

/** The SQL databases that are not skipped. */
export const sqlStores: ReadonlyArray<{ readonly name: string; readonly start: () => Promise<SqlTestStore> }> = [
  { name: "SQLite", start: startSqlite },
  ...(hasPostgres ? [{ name: "PostgreSQL", start: startPostgresql }] : [])
]

export const allStores: ReadonlyArray<{ readonly name: string; readonly start: () => Promise<TestStore> }> = [
  ...sqlStores,
  ...(hasRedis ? [{ name: "Redis with an append-only file", start: startRedisStore }] : [])
]
