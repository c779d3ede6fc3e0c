// The cost of polling tickets from a database, in one process, until each outcome has reached a handler.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { runSync } from "../../scripts/run.ts"
import { isPostgresInstalled, type Postgres, startPostgres } from "../../test/system/durable/postgres.ts"
import { isRedisInstalled, startRedis } from "../../test/system/durable/redis.ts"
import { median, type Options, table, worker } from "../harness.ts"

export type Database =
  | { readonly kind: "sqlite"; readonly file: string }
  | { readonly kind: "postgres" | "redis"; readonly port: number }

export interface DurableRole {
  readonly candidate: "library" | "queue" | "lease" | "pgBoss" | "workflow"
  readonly database: Database
  readonly tickets: number
  /** The number of polls of each ticket. The last one has the outcome. */
  readonly polls: number
  readonly concurrency: number
}

export interface Polled {
  readonly cpuMicros: number
  readonly polls: number
  readonly seconds: number
}

interface Running extends AsyncDisposable {
  readonly database: Database
  /** The CPU time of the server so far, in microseconds. */
  readonly cpuMicros: () => number
  /** The number of rows that are stored, and of calls that the server has received. */
  readonly rows: () => number | undefined
  readonly calls: () => number | undefined
}

// Linux counts CPU time in hundredths of a second.
const tick = 10_000

/** The CPU time of a process, and of its children that have ended. */
const statOf = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /u, "")
    .split(" ")
    .map(Number)
  const [, parent = 0] = fields
  return { parent, micros: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) * tick }
}

/** The CPU time of a process and of its children. */
const cpuOf = (pid: number) => {
  const children = readdirSync("/proc").flatMap((name) => {
    try {
      const stat = /^\d+$/u.test(name) ? statOf(Number(name)) : undefined
      return stat?.parent === pid ? [stat.micros] : []
    } catch {
      return []
    }
  })
  return children.reduce((sum, micros) => sum + micros, statOf(pid).micros)
}

const tablesOfUsers = `SELECT schemaname || '.' || relname FROM pg_stat_user_tables`

const onPostgres = async (): Promise<Running> => {
  const postgres: Postgres = await startPostgres()
  const query = (sql: string) => postgres.query("postgres", sql)
  return {
    database: { kind: "postgres", port: postgres.port },
    cpuMicros: () => cpuOf(postgres.pid()),
    rows: () =>
      query(tablesOfUsers).reduce((sum, [name = ""]) => {
        const isOurs = !/migrations|version|pgboss\.(?:queue|bam|warning|subscription|schedule)$/u.test(name)
        const [[count = "0"] = []] = isOurs ? query(`SELECT COUNT(*) FROM ONLY ${name}`) : []
        return sum + Number(count)
      }, 0),
    calls: () =>
      Number(query("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'")[0]?.[0]),
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose]()
  }
}

const onSqlite = async (): Promise<Running> => {
  const folder = mkdtempSync(join(tmpdir(), "bench-"))
  const file = join(folder, "tickets.sqlite")
  return {
    database: { kind: "sqlite", file },
    cpuMicros: () => 0,
    rows: () => {
      using database = new DatabaseSync(file)
      const names = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .all()
      return names.reduce((sum, { name }) => {
        if (String(name).includes("migrations")) return sum
        return sum + Number(database.prepare(`SELECT COUNT(*) AS count FROM ${String(name)}`).get()?.["count"])
      }, 0)
    },
    calls: () => undefined,
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true })
  }
}

const onRedis = async (): Promise<Running> => {
  const redis = await startRedis()
  return {
    database: { kind: "redis", port: redis.port },
    cpuMicros: () => cpuOf(redis.pid()),
    rows: () => undefined,
    // The store runs scripts. What a script calls is part of its call.
    calls: () =>
      [
        ...runSync(redis.folder, "redis-cli", "-p", `${redis.port}`, "INFO", "commandstats").matchAll(
          /^cmdstat_eval(?:sha)?:calls=(\d+)/gmu
        )
      ].reduce((sum, [, calls]) => sum + Number(calls), 0),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]()
  }
}

interface Cost {
  readonly node: number
  readonly server: number
  readonly pollsPerSecond: number
  readonly rowsPerTicket: number | undefined
  readonly idleCalls: number | undefined
}

const idleSeconds = 15

const measureOne = async (
  start: () => Promise<Running>,
  load: Omit<DurableRole, "database">,
  measuresIdle: boolean
): Promise<Cost> => {
  await using running = await start()
  const { send, stop } = await worker("durable", { ...load, database: running.database }, ["--no-warnings"])
  const before = running.cpuMicros()
  const { cpuMicros, polls, seconds } = await send<Polled>({})
  const server = running.cpuMicros() - before
  let idleCalls: number | undefined
  if (measuresIdle) {
    // PostgreSQL counts the calls of an idle connection after ten seconds.
    await sleep(12_000)
    const calls = running.calls()
    await sleep(idleSeconds * 1000)
    const later = running.calls()
    idleCalls = calls === undefined || later === undefined ? undefined : (later - calls - 1) / idleSeconds
  }
  await stop()
  return {
    node: cpuMicros / polls,
    server: server / polls,
    pollsPerSecond: polls / seconds,
    rowsPerTicket: (() => {
      const rows = running.rows()
      return rows === undefined ? undefined : rows / load.tickets
    })(),
    idleCalls
  }
}

const all = [
  { name: "the tracker on SQLite", candidate: "library", start: onSqlite },
  { name: "PersistedQueue alone on SQLite", candidate: "queue", start: onSqlite },
  { name: "a lease table on SQLite", candidate: "lease", start: onSqlite },
  { name: "effect/workflow on SQLite", candidate: "workflow", start: onSqlite },
  { name: "the tracker on PostgreSQL", candidate: "library", start: onPostgres },
  { name: "PersistedQueue alone on PostgreSQL", candidate: "queue", start: onPostgres },
  { name: "a lease table on PostgreSQL", candidate: "lease", start: onPostgres },
  { name: "effect/workflow on PostgreSQL", candidate: "workflow", start: onPostgres },
  { name: "pg-boss on PostgreSQL", candidate: "pgBoss", start: onPostgres },
  { name: "the tracker on Redis", candidate: "library", start: onRedis },
  { name: "PersistedQueue alone on Redis", candidate: "queue", start: onRedis }
] as const

/** Those whose database is installed. */
const candidates = all.filter(
  ({ start }) => (start !== onPostgres || isPostgresInstalled()) && (start !== onRedis || isRedisInstalled())
)

const typical = { tickets: 2000, polls: 10, concurrency: 32 }
const saturated = { tickets: 5000, polls: 5, concurrency: 128 }

/** A workflow follows a tenth of the tickets, because more take minutes. */
const loadOf = <Load extends { readonly tickets: number }>(candidate: DurableRole["candidate"], load: Load) =>
  candidate === "workflow" ? { ...load, candidate, tickets: load.tickets / 10 } : { ...load, candidate }

export const measure = async ({ rounds }: Options): Promise<string> => {
  // A measurement takes half a minute, and its figures vary little between rounds.
  const count = Math.min(3, rounds)
  const results = candidates.map(() => ({ typical: new Array<Cost>(), saturated: new Array<Cost>() }))
  for (let round = 0; round < count; round++) {
    for (const [index, { candidate, start }] of candidates.entries()) {
      results[index]?.typical.push(await measureOne(start, loadOf(candidate, typical), round === 0))
      results[index]?.saturated.push(await measureOne(start, loadOf(candidate, saturated), false))
    }
  }
  const cell = (values: ReadonlyArray<number | undefined>, digits: number) => {
    const measured = values.flatMap((value) => (value === undefined ? [] : [value]))
    return measured.length === 0 ? "—" : median(measured).toFixed(digits)
  }
  return table(
    [
      "one process",
      "CPU a poll, µs",
      "Node.js, µs",
      "server, µs",
      "rows a ticket",
      "idle calls a second",
      "5,000 tickets: polls a second"
    ],
    candidates.map(({ name }, index) => {
      const { saturated = [], typical = [] } = results[index] ?? {}
      return [
        name,
        cell(
          typical.map(({ node, server }) => node + server),
          0
        ),
        cell(
          typical.map(({ node }) => node),
          0
        ),
        cell(
          typical.map(({ server }) => server),
          0
        ),
        cell(
          typical.map(({ rowsPerTicket }) => rowsPerTicket),
          1
        ),
        cell(
          typical.map(({ idleCalls }) => idleCalls),
          1
        ),
        cell(
          saturated.map(({ pollsPerSecond }) => pollsPerSecond),
          0
        )
      ]
    })
  )
}
