import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DurableTickets, TicketOutbox, TicketTracker } from "../../src/durable.ts"
import { NodeSqlite } from "../../src/node/index.ts"
import { Sandbox } from "../../src/testing/index.ts"
import { databaseFile } from "./desk.ts"
import { unreadable } from "./unreadable.ts"

/** A client of another database, whose statements return the same rows. */
const fakeClient = (compiler: Statement.Compiler, rows: Effect.Effect<ReadonlyArray<object>, SqlError>) => {
  const connection: Connection = {
    execute: () => rows,
    executeRaw: () => rows,
    executeUnprepared: () => rows,
    executeValues: () => Effect.succeed([]),
    executeValuesUnprepared: () => Effect.succeed([]),
    executeStream: () => Stream.empty
  }
  return Layer.effect(
    SqlClient.SqlClient,
    SqlClient.make({ acquirer: Effect.succeed(connection), compiler, driver: "fake", spanAttributes: [] })
  ).pipe(Layer.provide(Reactivity.layer))
}

const compilerOf = (dialect: "mysql" | "mssql" | "pg" | "clickhouse") =>
  Statement.makeCompiler({
    dialect,
    placeholder: (index) => `$${index}`,
    onIdentifier: (name) => name,
    onRecordUpdate: () => ["", []],
    onCustom: () => ["", []]
  })

const startsOn = (client: Layer.Layer<SqlClient.SqlClient, SqlError>, options?: DurableTickets.Options) =>
  Effect.flip(Effect.scoped(Layer.build(DurableTickets.layer(options).pipe(Layer.provide(client)))))

describe("durable work does not start", () => {
  for (const { dialect, issue, rows = [] } of [
    { dialect: "mysql", issue: "MySQL and MariaDB take ids that differ in case or accents for one" },
    { dialect: "mssql", issue: "SQL Server takes ids that differ in case for one" },
    { dialect: "clickhouse", issue: "ClickHouse has no transactions" },
    {
      dialect: "pg",
      rows: [{ zone: "America/Argentina/Buenos_Aires" }],
      issue: "the time zone of its sessions is America/Argentina/Buenos_Aires"
    },
    { dialect: "pg", rows: [{ zone: "Europe/London" }], issue: "the time zone of its sessions is Europe/London" },
    { dialect: "pg", rows: [], issue: "the time zone of its sessions is unknown" }
  ] as const) {
    it.effect(`on ${dialect}: ${issue}`, () =>
      Effect.gen(function* () {
        const error = yield* startsOn(fakeClient(compilerOf(dialect), Effect.succeed(rows)))
        assert.strictEqual(error._tag, "UnsupportedStore")
        assert.include(error.message, `Durable work cannot use this database: ${issue}`)
      })
    )
  }

  it.effect("on a database that cannot be reached", () =>
    Effect.gen(function* () {
      const failure = new SqlError({ reason: new UnknownError({ cause: new Error("refused") }) })
      const error = yield* startsOn(fakeClient(compilerOf("pg"), Effect.fail(failure)))
      assert.include(error.message, "it cannot be reached")
    })
  )

  for (const [title, change, issue] of [
    ["a new column", "ALTER TABLE ripio_queue ADD COLUMN priority INTEGER", "priority"],
    ["a missing column", "ALTER TABLE ripio_queue DROP COLUMN last_failure", "last_failure"],
    [
      "an unknown state",
      `INSERT INTO ripio_queue (id, queue_name, element, state, visible_at, created_at, updated_at)
       VALUES ('a', 'ripio:outbox', '{}', 'parked', '2026', '2026', '2026')`,
      "parked"
    ]
  ] as const) {
    it.live(`on a queue table with ${title}`, () =>
      Effect.gen(function* () {
        const client = NodeSqlite.layer({ filename: yield* databaseFile })
        yield* Effect.scoped(Layer.build(DurableTickets.layer().pipe(Layer.provide(client))))
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql.unsafe(change)
        }).pipe(Effect.provide(Layer.fresh(client)))
        const error = yield* startsOn(Layer.fresh(client))
        assert.strictEqual(error._tag, "UnsupportedStore")
        assert.include(error.message, issue)
        assert.include(error.message, "Use a version of effect that this version of the library was tested with")
      })
    )
  }

  for (const [options, option] of [
    [{ name: "" }, "name"],
    [{ name: "a b" }, "name"],
    [{ deadline: "-1 seconds" }, "deadline"],
    [{ maxBytes: 0 }, "maxBytes"],
    [{ maxAge: 0 }, "maxAge"],
    [{ rememberFor: Duration.zero }, "rememberFor"]
  ] satisfies ReadonlyArray<readonly [DurableTickets.Options, string]>) {
    it.effect(`with the options ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* startsOn(NodeSqlite.layer({ filename: ":memory:" }), options)
        assert.deepInclude(error, { _tag: "InvalidOption", option })
        assert.include(error.message, option === "name" ? "expected 1 to 60 letters, digits, dots or dashes" : option)
      })
    )
  }

  for (const option of ["name", "schedule", "deadline", "maxBytes", "maxAge", "rememberFor", "retry"]) {
    it.effect(`with an option ${option} that cannot be read`, () =>
      Effect.gen(function* () {
        const error = yield* startsOn(NodeSqlite.layer({ filename: ":memory:" }), unreadable(option))
        assert.deepInclude(error, { _tag: "InvalidOption", option })
      })
    )
  }
})

describe("the worker does not start", () => {
  const services = DurableTickets.layer().pipe(
    Layer.provide(NodeSqlite.layer({ filename: ":memory:" })),
    Layer.provideMerge(Sandbox.layerRipio())
  )

  for (const [options, option] of [
    [{ outbox: -1 }, "outbox"],
    [{ tracker: 1.5 }, "tracker"],
    [{ grace: "-1 seconds" }, "grace"]
  ] satisfies ReadonlyArray<readonly [DurableTickets.WorkerOptions, string]>) {
    it.live(`with the options ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Effect.scoped(Layer.build(DurableTickets.worker(options).pipe(Layer.provide(services))))
        )
        assert.deepInclude(error, { _tag: "InvalidOption", option })
      })
    )
  }

  for (const option of ["outbox", "tracker", "grace"]) {
    it.live(`with an option ${option} that cannot be read`, () =>
      Effect.gen(function* () {
        const worker = DurableTickets.worker(unreadable(option)).pipe(Layer.provide(services))
        assert.deepInclude(yield* Effect.flip(Effect.scoped(Layer.build(worker))), { _tag: "InvalidOption", option })
      })
    )
  }

  for (const [name, layer] of [
    ["TicketOutbox", Layer.provideMerge(Layer.succeed(TicketOutbox, { submit: () => Effect.void }), services)],
    ["TicketTracker", Layer.provideMerge(Layer.succeed(TicketTracker, { track: () => Effect.void }), services)]
  ] as const) {
    it.live(`with a ${name} of the program`, () =>
      Effect.gen(function* () {
        const worker = DurableTickets.worker().pipe(Layer.provide(layer))
        const error = yield* Effect.flip(Effect.scoped(Layer.build(worker)))
        assert.deepInclude(error, { _tag: "InvalidOption", option: name })
        assert.include(error.message, "expected the service of DurableTickets.layer")
      })
    )
  }
})
