import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { once } from "node:events"
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

  it.live("fails with SqlError for a statement, a parameter and a file that cannot be used", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(":memory:")
      assert.strictEqual((yield* Effect.flip(sql`SELECT * FROM missing`))._tag, "SqlError")
      assert.strictEqual((yield* Effect.flip(sql.unsafe("SELECT ?", [Symbol("no")])))._tag, "SqlError")
      assert.strictEqual((yield* Effect.flip(clientOn("/no/such/folder/tickets.db")))._tag, "SqlError")
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

  it.live("keeps many statements prepared, and any number of others", () =>
    Effect.gen(function* () {
      const sql = yield* clientOn(":memory:")
      for (let index = 0; index < 300; index++) {
        assert.deepStrictEqual(yield* sql.unsafe(`SELECT ${index}`).values, [[index]])
      }
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
