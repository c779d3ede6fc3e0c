import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { vi } from "vitest"
import { NodeSqlite } from "../../src/node/index.ts"
import { databaseFile } from "./desk.ts"

const clientOn = (filename: string) =>
  Effect.map(Layer.build(Layer.fresh(NodeSqlite.layer({ filename }))), Context.get(SqlClient.SqlClient))

describe("NodeSqlite", () => {
  it.live("stores and reads what SQLite can hold", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(":memory:")
      yield* sql`CREATE TABLE t (a, b, c, d, e, f)`
      const bytes = new Uint8Array([0, 1, 255])
      const date = new Date(0)
      yield* sql`INSERT INTO t VALUES (${1.5}, ${"text"}, ${bytes}, ${true}, ${null}, ${date})`
      const rows = yield* sql`SELECT * FROM t`
      assert.deepStrictEqual(
        rows.map((row) => ({ ...row })),
        [{ a: 1.5, b: "text", c: bytes, d: 1, e: null, f: "1970-01-01T00:00:00.000Z" }]
      )
      assert.deepStrictEqual(yield* sql`SELECT a, b FROM t`.values, [[1.5, "text"]])
      assert.strictEqual((yield* Stream.runCollect(sql`SELECT a FROM t`.stream)).length, 1)
      assert.strictEqual((yield* sql`SELECT a FROM t`.unprepared).length, 1)
    })
  )

  it.live("takes every kind of number, a missing value and a date, and returns columns of one name", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(":memory:")
      const params = [1, 2n, undefined, false, new Date(1)]
      const expected = [[1, 2, null, 0, "1970-01-01T00:00:00.001Z"]]
      const statement = sql.unsafe("SELECT ?, ?, ?, ?, ?", params)
      assert.deepStrictEqual(yield* statement.values, expected)
      assert.strictEqual((yield* statement).length, 1)
      assert.deepStrictEqual(yield* statement.valuesUnprepared, expected)
    })
  )

  it.live("fails with SqlError for a statement, a parameter and a file that cannot be used", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(":memory:")
      assert.include(String(yield* Effect.flip(sql`SELECT * FROM missing`)), "SQLite could not execute a statement")
      const unknown = yield* Effect.flip(sql.unsafe("SELECT ?", [Symbol("no")]))
      assert.include(String(unknown.reason.cause), "SQLite has no value for a parameter of type symbol")
      const noFile = yield* Effect.flip(clientOn("/no/such/folder/tickets.db"))
      assert.include(String(noFile), "SQLite could not open the database")
    })
  )

  it.live("writes through to the disk, lets readers go on, and keeps foreign keys", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(yield* databaseFile)
      assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`.values, [["wal"]])
      // 2 is FULL.
      assert.deepStrictEqual(yield* sql`PRAGMA synchronous`.values, [[2]])
      assert.deepStrictEqual(yield* sql`PRAGMA foreign_keys`.values, [[1]])
    })
  )

  it.live("closes the file with its layer", () =>
    Effect.gen(function* () {
      const filename = yield* databaseFile
      yield* Effect.scoped(Effect.flatMap(clientOn(filename), (sql) => sql`CREATE TABLE t (a)`))
      // The last connection to a file removes its log.
      assert.isFalse(existsSync(`${filename}-wal`))
    })
  )

  it.live("names its database and its driver in spans", () =>
    Effect.gen(function* () {
      const attributes: Array<unknown> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          span.attribute = (name, value) => void attributes.push([name, value])
          return span
        }
      })
      const sql = yield* clientOn(":memory:")
      yield* Effect.provideService(sql`SELECT 1`, Tracer.Tracer, tracer)
      assert.deepInclude(attributes, ["db.system.name", "sqlite"])
    })
  )

  it.live("prepares a statement once, and forgets the oldest of more than 200", () =>
    Effect.gen(function* () {
      const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"))
      const prepare = yield* Effect.acquireRelease(
        Effect.sync(() => vi.spyOn(DatabaseSync.prototype, "prepare")),
        (prepare) => Effect.sync(() => prepare.mockRestore())
      )
      const sql = yield* clientOn(":memory:")
      const select = (value: number) => sql.unsafe(`SELECT ${value}`)
      const countOf = (value: number) => prepare.mock.calls.filter(([text]) => text === `SELECT ${value}`).length
      for (let value = 1; value <= 200; value++) yield* select(value)
      yield* select(1)
      assert.strictEqual(countOf(1), 1)
      yield* select(201)
      yield* select(2)
      assert.strictEqual(countOf(2), 1)
      yield* select(1)
      assert.strictEqual(countOf(1), 2)
      yield* select(3).unprepared
      assert.strictEqual(countOf(3), 2)
    })
  )

  it.live("rolls a transaction back, and a nested one to its beginning", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(":memory:")
      yield* sql`CREATE TABLE t (a)`
      const insert = (value: number) => sql`INSERT INTO t VALUES (${value})`
      yield* Effect.ignore(sql.withTransaction(Effect.andThen(insert(1), Effect.fail("no"))))
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* insert(2)
          yield* Effect.ignore(sql.withTransaction(Effect.andThen(insert(3), Effect.fail("no"))))
        })
      )
      assert.deepStrictEqual(yield* sql`SELECT a FROM t`.values, [[2]])
    })
  )

  it.live("runs nothing else on the connection while a transaction is open", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(":memory:")
      yield* sql`CREATE TABLE t (a)`
      const open = yield* Effect.forkChild(
        sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (1)`, Effect.sleep(100)))
      )
      yield* Effect.sleep(20)
      assert.deepStrictEqual(yield* sql`SELECT a FROM t`.values, [[1]])
      yield* Fiber.join(open)
    })
  )

  it.live("waits for another process that writes to the file", () =>
    Effect.gen(function* () {
      const filename = yield* databaseFile
      const sql = yield* clientOn(filename)
      yield* sql`CREATE TABLE t (a)`
      const child = spawn(
        process.execPath,
        [
          "-e",
          `const { DatabaseSync } = require("node:sqlite")
           const database = new DatabaseSync(process.argv[1])
           database.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)")
           console.log("locked")
           setTimeout(() => database.exec("COMMIT"), 500)`,
          filename
        ],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
      yield* Effect.promise(() => once(child.stdout, "data"))
      const start = performance.now()
      yield* sql`INSERT INTO t VALUES (2)`
      assert.isAbove(performance.now() - start, 200)
      assert.deepStrictEqual(yield* sql`SELECT a FROM t ORDER BY a`.values, [[1], [2]])
      yield* Effect.promise(() => (child.exitCode === null ? once(child, "exit") : Promise.resolve([])))
    })
  )
})
