/**
 * A `SqlClient` on `node:sqlite`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import type { SQLInputValue, StatementSync } from "node:sqlite"

/**
 * Where the database is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** A file on a local disk, or `:memory:`. It is created if it does not exist. */
  readonly filename: string
}

// How long a statement waits for another process that writes.
const busyMillis = 10_000

const maxStatements = 200

const make = ({ filename }: Options) =>
  Effect.gen(function* () {
    const toError = (cause: unknown, operation: string) =>
      new SqlError({ reason: classifySqliteError(cause, { message: `SQLite could not ${operation}`, operation }) })
    // Loaded here, because Bun and Node.js before 22.13 have no such module, and may use the rest of the entry point.
    const { DatabaseSync } = yield* Effect.tryPromise({
      try: () => import("node:sqlite"),
      catch: (cause) => toError(cause, "be loaded. It needs Node.js 22.13 or newer")
    })
    const database = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          const database = new DatabaseSync(filename, { timeout: busyMillis })
          // A commit is on the disk when it returns, also after a loss of power. Readers do not wait for writers.
          database.exec("PRAGMA journal_mode = WAL")
          database.exec("PRAGMA synchronous = FULL")
          database.exec("PRAGMA foreign_keys = ON")
          return database
        },
        catch: (cause) => toError(cause, "open the database")
      }),
      (database) => Effect.sync(() => database.close())
    )

    const statements = new Map<string, StatementSync>()
    const prepare = (sql: string): StatementSync => {
      const known = statements.get(sql)
      if (known !== undefined) return known
      const statement = database.prepare(sql)
      if (statements.size >= maxStatements) {
        // A map iterates in the order of insertion.
        for (const oldest of statements.keys()) {
          statements.delete(oldest)
          break
        }
      }
      statements.set(sql, statement)
      return statement
    }
    const run = (prepare: () => StatementSync, params: ReadonlyArray<unknown>, asArrays = false) =>
      Effect.try({
        try: () => {
          const statement = prepare()
          // Two columns with one name are one property of an object. Node.js before 22.16 knows objects only.
          if ("setReturnArrays" in statement) statement.setReturnArrays(asArrays)
          return statement.all(...params.map(toInput))
        },
        catch: (cause) => toError(cause, "execute a statement")
      })
    const prepared = (sql: string, params: ReadonlyArray<unknown>) => run(() => prepare(sql), params)
    const unprepared = (sql: string, params: ReadonlyArray<unknown>) => run(() => database.prepare(sql), params)
    const values = (prepare: () => StatementSync, params: ReadonlyArray<unknown>) =>
      Effect.map(run(prepare, params, true), (rows) => rows.map((row) => Object.values(row)))

    const execute: Connection["execute"] = (sql, params, transform) =>
      Effect.map(prepared(sql, params), (rows) => (transform === undefined ? rows : transform(rows)))
    const connection: Connection = {
      execute,
      executeRaw: prepared,
      executeUnprepared: (sql, params, transform) =>
        Effect.map(unprepared(sql, params), (rows) => (transform === undefined ? rows : transform(rows))),
      executeValues: (sql, params) => values(() => prepare(sql), params),
      executeValuesUnprepared: (sql, params) => values(() => database.prepare(sql), params),
      executeStream: (sql, params, transform) => Stream.fromIterableEffect(execute(sql, params, transform))
    }

    // There is one connection, which a transaction uses alone.
    const semaphore = yield* Semaphore.make(1)
    const acquirer = Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const scope = yield* Scope.Scope
        yield* restore(semaphore.take(1))
        yield* Scope.addFinalizer(scope, semaphore.release(1))
        return connection
      })
    )
    return yield* SqlClient.make({
      acquirer,
      // For one statement. It must not run in a transaction that another fiber begins between the two.
      borrower: (use) => semaphore.withPermit(use(connection)),
      // A transaction that reads first and writes later would fail at once if another process wrote in between.
      beginTransaction: "BEGIN IMMEDIATE",
      compiler: Statement.makeCompilerSqlite(),
      isTransaction: () => database.isTransaction,
      driver: "node:sqlite",
      spanAttributes: [["db.system.name", "sqlite"]]
    })
  })

/** `node:sqlite` takes neither booleans nor dates. */
const toInput = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    case "undefined":
      return null
    default:
      if (value === null || value instanceof Uint8Array) return value
      if (value instanceof Date) return value.toISOString()
      throw new TypeError(`SQLite has no value for a parameter of type ${typeof value}`)
  }
}

/**
 * A `SqlClient` on one file of a local disk, or in memory.
 *
 * Several processes of one machine may use one file: a statement waits up to 10 s for another process that writes, and a
 * transaction locks the file when it begins. Do not put the file on a network drive, which has no reliable locks.
 *
 * `node:sqlite` is synchronous, so each statement blocks the process for as long as the disk takes. On Node.js before 22.16,
 * the `values` of a statement lack all but the last of several columns with one name.
 *
 * Fails with `SqlError` if the file cannot be opened, or if the runtime has no `node:sqlite`: it needs Node.js 22.13 or newer.
 *
 * **Example** (A database for one machine)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { DurableTickets } from "effect-ripio-tickets/durable"
 * import { NodeSqlite } from "effect-ripio-tickets/node"
 *
 * const durable = DurableTickets.layer().pipe(Layer.provide(NodeSqlite.layer({ filename: "tickets.db" })))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
