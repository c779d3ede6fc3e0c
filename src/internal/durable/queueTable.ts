import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** The tables of durable work. Those of `effect/persistence` have other default names, which a program may use itself. */
export const queueTable = "ripio_queue"
export const contentTable = "ripio_contents"

/** A row of the queue table. */
export interface QueueRow {
  readonly sequence: number
  readonly id: string
  readonly queue: string
  readonly state: string
  readonly attempts: number
  readonly isClaimed: boolean
  /** The JSON of the element, or the text itself if it is not JSON. */
  readonly element: unknown
  readonly lastFailure: string | undefined
  /** The seconds since it was offered. */
  readonly age: number
  /** The seconds until it is due. Negative if it is. */
  readonly dueIn: number
}

/** A claim that ends, so that its row is handled again later. */
export interface Release {
  readonly id: string
  /** The number of the claim. */
  readonly attempts: number
  /** How long to wait until then, in whole seconds. */
  readonly seconds: number
  readonly reason: string
}

/** How many pending rows a queue has, and the age of the oldest in seconds. */
export interface QueueCount {
  readonly queue: string
  readonly isClaimed: boolean
  readonly count: number
  readonly oldest: number
}

/**
 * What the queues of `effect/persistence` cannot do: find, list, finish and reopen rows. Every change is one statement that
 * is safe while a worker holds the row.
 */
export interface QueueTable {
  readonly find: (queue: string, id: string) => Effect.Effect<QueueRow | undefined, SqlError>
  readonly list: (options: {
    readonly queue: string
    readonly state: string
    readonly isClaimed: boolean | undefined
    readonly after: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<QueueRow>, SqlError>
  readonly counts: (queues: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<QueueCount>, SqlError>
  /**
   * Completes a pending row, and replaces its element if there is another one. A worker that holds it changes nothing after
   * that. `false` if it was not pending.
   */
  readonly complete: (queue: string, id: string, element?: unknown) => Effect.Effect<boolean, SqlError>
  /** Ends claims with one statement. A row that was claimed again meanwhile is left alone. */
  readonly release: (queue: string, releases: ReadonlyArray<Release>) => Effect.Effect<void, SqlError>
  /**
   * Replaces the element of a pending row. `false` if it was replaced or claimed since it was read.
   */
  readonly mark: (
    queue: string,
    id: string,
    options: { readonly attempts: number; readonly from: unknown; readonly to: unknown }
  ) => Effect.Effect<boolean, SqlError>
  /** Replaces the element of a row. */
  readonly replace: (queue: string, id: string, element: unknown) => Effect.Effect<void, SqlError>
  /** Makes a row that is not pending available again, without the claim that ended it. `false` if it was pending. */
  readonly reopen: (queue: string, id: string, claims: number) => Effect.Effect<boolean, SqlError>
  /** Completes a row that the queue cannot read. */
  readonly acknowledge: (queue: string, id: string) => Effect.Effect<void, SqlError>
  readonly remove: (queue: string, id: string) => Effect.Effect<void, SqlError>
}

interface SqlRow {
  readonly sequence: number | string | bigint
  readonly id: string
  readonly queue: string
  readonly state: string
  readonly attempts: number | string | bigint
  readonly claimed: number | string | bigint
  readonly element: string
  readonly last_failure: string | null
  readonly age: number | string | bigint
  readonly due_in: number | string | bigint
}

/** The queue table of PostgreSQL or SQLite. */
export const makeQueueTable = (client: SqlClient, tableName: string): QueueTable => {
  const sql = client.withoutTransforms()
  const table = sql(tableName)
  const isPostgres = sql.onDialectOrElse({ pg: () => true, orElse: () => false })
  const now = isPostgres ? sql.literal("NOW()") : sql.literal("CURRENT_TIMESTAMP")
  const secondsSince = (column: string) =>
    sql.literal(
      isPostgres
        ? `CAST(EXTRACT(EPOCH FROM (NOW() - ${column})) AS DOUBLE PRECISION)`
        : `(julianday('now') - julianday(${column})) * 86400.0`
    )
  const age = secondsSince("created_at")
  const overdue = secondsSince("visible_at")
  const columns = sql`sequence, id, queue_name AS queue, state, attempts, element, last_failure,
    CASE WHEN acquired_at IS NULL THEN 0 ELSE 1 END AS claimed, ${age} AS age, -(${overdue}) AS due_in`

  /**
   * Finds the row by its id before its state is compared. With both in one condition, PostgreSQL may choose the index of the
   * pending rows, and read all of them.
   */
  const isRow = (queue: string, id: string) =>
    sql`sequence = (SELECT sequence FROM ${table} WHERE id = ${id} AND queue_name = ${queue})`
  const releasedUntil = sql.literal(
    isPostgres
      ? "NOW() + released.seconds * INTERVAL '1 second'"
      : "datetime(CURRENT_TIMESTAMP, released.seconds || ' seconds')"
  )
  /** Rows from JSON, so that the statement is the same for any number of them. */
  const releasesOf = (json: string) =>
    isPostgres
      ? sql`(SELECT * FROM json_to_recordset(CAST(${json} AS JSON))
          AS releases (id TEXT, attempts INTEGER, seconds INTEGER, reason TEXT))`
      : sql`(SELECT value ->> 'id' AS id, value ->> 'attempts' AS attempts, value ->> 'seconds' AS seconds,
          value ->> 'reason' AS reason FROM json_each(${json}))`

  const changed = (rows: ReadonlyArray<unknown>) => rows.length > 0

  return {
    find: (queue, id) =>
      Effect.map(sql<SqlRow>`SELECT ${columns} FROM ${table} WHERE id = ${id} AND queue_name = ${queue}`, ([row]) =>
        row === undefined ? undefined : toRow(row)
      ),
    list: ({ after, isClaimed, limit, queue, state }) => {
      const claim =
        isClaimed === undefined
          ? sql.literal("1 = 1")
          : sql.literal(isClaimed ? "acquired_at IS NOT NULL" : "acquired_at IS NULL")
      return Effect.map(
        sql<SqlRow>`SELECT ${columns} FROM ${table}
          WHERE queue_name = ${queue} AND state = ${state} AND ${claim} AND sequence > ${after}
          ORDER BY sequence LIMIT ${sql.literal(String(limit))}`,
        (rows) => rows.map(toRow)
      )
    },
    counts: (queues) =>
      Effect.map(
        sql<SqlRow & { readonly count: number | string | bigint }>`SELECT queue_name AS queue,
            CASE WHEN acquired_at IS NULL THEN 0 ELSE 1 END AS claimed, COUNT(*) AS count, MAX(${age}) AS age
          FROM ${table} WHERE ${sql.in("queue_name", queues)} AND state = 'pending' GROUP BY 1, 2`,
        (rows) =>
          rows.map(({ age, claimed, count, queue }) => ({
            queue,
            isClaimed: Number(claimed) === 1,
            count: Number(count),
            oldest: Number(age)
          }))
      ),
    complete: (queue, id, element) => {
      const replaced = element === undefined ? sql.literal("") : sql`, element = ${JSON.stringify(element)}`
      return Effect.map(
        sql`UPDATE ${table}
          SET state = 'completed', acquired_at = NULL, acquired_by = NULL, updated_at = ${now}${replaced}
          WHERE ${isRow(queue, id)} AND state = 'pending' RETURNING sequence`,
        changed
      )
    },
    // A claim has its number until it ends. Then the row has no owner, or the next number.
    release: (queue, releases) =>
      Effect.asVoid(
        sql`UPDATE ${table}
          SET acquired_at = NULL, acquired_by = NULL, updated_at = ${now}, visible_at = ${releasedUntil}, last_failure = released.reason
          FROM ${releasesOf(JSON.stringify(releases))} AS released
          WHERE ${table}.id = released.id AND queue_name = ${queue}
          AND ${table}.attempts = released.attempts AND acquired_by IS NOT NULL`
      ),
    mark: (queue, id, { attempts, from, to }) =>
      Effect.map(
        sql`UPDATE ${table} SET element = ${JSON.stringify(to)}
          WHERE ${isRow(queue, id)} AND state = 'pending'
          AND attempts = ${attempts} AND element = ${JSON.stringify(from)} RETURNING sequence`,
        changed
      ),
    replace: (queue, id, element) =>
      Effect.asVoid(
        sql`UPDATE ${table} SET element = ${JSON.stringify(element)} WHERE id = ${id} AND queue_name = ${queue}`
      ),
    reopen: (queue, id, claims) =>
      Effect.map(
        sql`UPDATE ${table}
          SET state = 'pending', attempts = ${claims}, acquired_at = NULL, acquired_by = NULL, visible_at = ${now}, updated_at = ${now}
          WHERE ${isRow(queue, id)} AND state <> 'pending' RETURNING sequence`,
        changed
      ),
    acknowledge: (queue, id) =>
      Effect.asVoid(
        sql`UPDATE ${table} SET state = 'completed', updated_at = ${now}
          WHERE id = ${id} AND queue_name = ${queue} AND state = 'failed'`
      ),
    remove: (queue, id) => Effect.asVoid(sql`DELETE FROM ${table} WHERE id = ${id} AND queue_name = ${queue}`)
  }
}

const toRow = (row: SqlRow): QueueRow => ({
  sequence: Number(row.sequence),
  id: row.id,
  queue: row.queue,
  state: row.state,
  attempts: Number(row.attempts),
  isClaimed: Number(row.claimed) === 1,
  element: parseElement(row.element),
  lastFailure: row.last_failure ?? undefined,
  age: Number(row.age),
  dueIn: Number(row.due_in)
})

const parseElement = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
