import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { UnsupportedStore } from "../../domain/UnsupportedStore.ts"

// The names of time zones that are UTC at all times.
const utc = /^(?:etc\/)?(?:utc|uct|gmt|gmt0|gmt[+-]0|greenwich|universal|zulu)$|^[+-]?0{1,2}(?::?0{2})?$/iu

/** Refuses databases on which durable work would lose or double tickets. */
export const checkDatabase = (client: SqlClient): Effect.Effect<void, UnsupportedStore> => {
  const sql = client.withoutTransforms()
  const refuse = (issue: string): Effect.Effect<never, UnsupportedStore> => Effect.fail(new UnsupportedStore({ issue }))
  const check: Effect.Effect<void, UnsupportedStore | SqlError> = sql.onDialectOrElse({
    mysql: () =>
      refuse(
        "MySQL and MariaDB take ids that differ in case or accents for one, and cut long ids silently. Use PostgreSQL, or SQLite on one machine"
      ),
    mssql: () =>
      refuse("SQL Server takes ids that differ in case for one by default. Use PostgreSQL, or SQLite on one machine"),
    clickhouse: () => refuse("ClickHouse has no transactions. Use PostgreSQL, or SQLite on one machine"),
    sqlite: () => Effect.void,
    pg: () =>
      Effect.flatMap(
        sql<{ readonly zone: string }>`SELECT current_setting('TimeZone') AS zone`,
        ([row]): Effect.Effect<void, UnsupportedStore> =>
          row !== undefined && utc.test(row.zone)
            ? Effect.void
            : refuse(
                `the time zone of its sessions is ${row?.zone ?? "unknown"}. Sessions that disagree about it steal each other's claims, so it must be UTC: with @effect/sql-pg, set startupParameters: { TimeZone: "UTC" }`
              )
      ),
    orElse: () => refuse("only PostgreSQL and SQLite are supported")
  })
  return Effect.catchTag(check, "SqlError", (cause) => Effect.fail(unreachable(cause)))
}

const unreachable = (cause: SqlError) => new UnsupportedStore({ issue: "it cannot be reached", cause })

/**
 * Creates the tables of `effect/persistence`. Processes that start at the same time may get in each other's way, so it is
 * tried again.
 */
export const createTables = <A, E, R>(create: Effect.Effect<A, E, R>): Effect.Effect<A, UnsupportedStore, R> =>
  Effect.sandbox(create).pipe(
    Effect.retry({
      schedule: Schedule.spaced("300 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 15 })),
      while: (cause) => !Cause.hasInterruptsOnly(cause)
    }),
    Effect.mapError(
      (cause) => new UnsupportedStore({ issue: "its tables cannot be created", cause: Cause.squash(cause) })
    )
  )

const columns = new Set([
  "sequence",
  "id",
  "queue_name",
  "element",
  "state",
  "attempts",
  "last_failure",
  "visible_at",
  "acquired_at",
  "acquired_by",
  "created_at",
  "updated_at"
])

const states = new Set(["pending", "completed", "failed"])

/** Refuses a queue table that this version of the library does not know, because it changes the table's rows itself. */
export const checkQueueTable = (client: SqlClient, table: string): Effect.Effect<void, UnsupportedStore> =>
  Effect.gen(function* () {
    const sql = client.withoutTransforms()
    const found = yield* sql.onDialectOrElse({
      pg: () => sql<{ readonly name: string }>`SELECT column_name AS name FROM information_schema.columns
        WHERE table_name = ${table} AND table_schema = ANY (current_schemas(false))`,
      orElse: () => sql<{ readonly name: string }>`SELECT name FROM pragma_table_info(${table})`
    })
    const names = new Set(found.map(({ name }) => name))
    const differing = [
      ...[...columns].filter((name) => !names.has(name)),
      ...[...names].filter((name) => !columns.has(name))
    ]
    if (differing.length > 0) {
      return yield* new UnsupportedStore({
        issue: `the columns of ${table} are not those of a known version of effect: ${differing.join(", ")}. Use a version of effect that this version of the library was tested with`
      })
    }
    const rows = yield* sql<{ readonly state: string }>`SELECT state FROM ${sql(table)}
      WHERE state NOT IN ('pending', 'completed', 'failed') LIMIT 1`
    const unknown = rows.map(({ state }) => state).filter((state) => !states.has(state))
    if (unknown.length > 0) {
      return yield* new UnsupportedStore({
        issue: `${table} has rows in the unknown state ${unknown.join(", ")}. Use a version of effect that this version of the library was tested with`
      })
    }
  }).pipe(Effect.catchTag("SqlError", (cause) => Effect.fail(unreachable(cause))))
