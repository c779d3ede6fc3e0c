/**
 * The generic client of `effect/sql` on `node:sqlite`, for tests that need a store on a disk: no package for SQLite loads
 * on this version of Effect yet.
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
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

const make = (filename: string) =>
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.sync(() => new DatabaseSync(filename)),
      (database) => Effect.sync(() => database.close())
    )
    // Two processes on one file wait for each other; a commit is on the disk when it returns.
    for (const pragma of ["busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL"]) {
      database.exec(`PRAGMA ${pragma}`)
    }

    const rows = (sql: string, params: ReadonlyArray<unknown>) =>
      Effect.try({
        try: () => database.prepare(sql).all(...(params as ReadonlyArray<SQLInputValue>)),
        catch: (cause) => new SqlError({ reason: classifySqliteError(cause, { operation: "execute" }) })
      })
    const values = (sql: string, params: ReadonlyArray<unknown>) =>
      Effect.map(rows(sql, params), (all) => all.map((row) => Object.values(row)))
    const execute: Connection["execute"] = (sql, params, transform) =>
      Effect.map(rows(sql, params), (all) => (transform === undefined ? all : transform(all)))
    const connection: Connection = {
      execute,
      executeRaw: rows,
      executeUnprepared: execute,
      executeValues: values,
      executeValuesUnprepared: values,
      executeStream: (sql, params, transform) => Stream.fromIterableEffect(execute(sql, params, transform))
    }

    // One connection: a transaction uses it exclusively.
    const semaphore = yield* Semaphore.make(1)
    return yield* SqlClient.make({
      acquirer: semaphore.withPermit(Effect.succeed(connection)),
      transactionAcquirer: Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const scope = yield* Scope.Scope
          yield* restore(semaphore.take(1))
          yield* Scope.addFinalizer(scope, semaphore.release(1))
          return connection
        })
      ),
      compiler: Statement.makeCompilerSqlite(),
      driver: "node:sqlite",
      spanAttributes: []
    })
  })

export const layer = (filename: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(SqlClient.SqlClient, make(filename)).pipe(Layer.provide(Reactivity.layer))
