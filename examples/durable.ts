/**
 * Submits twenty tickets on SQLite, kills its own worker in the middle, and shows that each ticket is accounted for:
 * `npm run demo -- durable`.
 *
 * The sandbox runs in this process, behind a real socket. The workers are child processes, so that they can be killed.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import { FetchTransport, type InboxEvent, makePollingSchedule, Ripio, TicketInboxLive } from "effect-ripio-tickets"
import { DurableTickets, TicketOperations, TicketOutbox } from "effect-ripio-tickets/durable"
import { NodeSqlite } from "effect-ripio-tickets/node"
import { Fault, Sandbox } from "effect-ripio-tickets/testing"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
// The demo does not wait for two minutes until the claims of the killed worker expire.
import { StoreTiming } from "../src/internal/durable/storeTiming.ts"

const timing = Layer.succeed(StoreTiming, {
  lockExpiration: Duration.seconds(5),
  lockRefreshInterval: Duration.seconds(1),
  pollInterval: Duration.millis(200)
})

const durable = (filename: string) =>
  DurableTickets.layer({ schedule: makePollingSchedule({ first: "1 second", max: "2 seconds" }) }).pipe(
    Layer.provide(timing),
    Layer.provideMerge(NodeSqlite.layer({ filename }))
  )

/** What a handler of your program does: it stores each fact once, by its `dedupeKey`. */
const handle = Effect.fnUntraced(function* (event: InboxEvent) {
  const sql = yield* SqlClient.SqlClient
  const id = "id" in event ? event.id : ""
  const ticketId = "ticketId" in event ? event.ticketId : ""
  yield* sql`INSERT OR IGNORE INTO facts (key, tag, id, ticketId) VALUES (${event.dedupeKey}, ${event._tag}, ${id}, ${ticketId})`
})

const count = 20

/** A worker process: sends, polls and handles until it is killed. */
const work = (filename: string) =>
  Layer.launch(
    Layer.mergeAll(DurableTickets.worker(), TicketInboxLive.handler(handle)).pipe(
      Layer.provide(durable(filename)),
      Layer.provide(Ripio.layerConfig),
      Layer.provide(FetchTransport.layer)
    )
  )

const demo = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const sql = yield* SqlClient.SqlClient
  const outbox = yield* TicketOutbox
  const operations = yield* TicketOperations
  const filename = yield* DatabaseFile
  const url = yield* HttpServer.addressFormattedWith((url) => Effect.succeed(url))

  const startWorker = Effect.sync(() =>
    spawn(process.execPath, [import.meta.filename, "worker", filename], {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        ...process.env,
        RIPIO_BASE_URL: url,
        RIPIO_CLIENT_ID: sandbox.account.clientId,
        RIPIO_CLIENT_SECRET: Redacted.value(sandbox.account.clientSecret)
      }
    })
  )
  const stop = (worker: ChildProcess, signal: "SIGKILL" | "SIGTERM") =>
    Effect.promise(async () => {
      const ended = once(worker, "exit")
      worker.kill(signal)
      await ended
    })
  const facts = sql<{ readonly tag: string; readonly id: string; readonly ticketId: string }>`SELECT * FROM facts`
  const factsOf = (tag: string) => Effect.map(facts, (all) => all.filter((fact) => fact.tag === tag))

  yield* sql`CREATE TABLE facts (key TEXT PRIMARY KEY, tag TEXT, id TEXT, ticketId TEXT)`
  yield* sandbox.onCreate({ after: "2 seconds" })
  // Slow, so that tickets are in flight when the worker is killed.
  yield* sandbox.inject(Fault.latency("400 millis"), { on: "create", times: "forever" })

  for (let number = 1; number <= count; number++) {
    const ticket = { customerId: sandbox.customer, summary: `Complaint ${number}`, description: "Not credited yet." }
    yield* outbox.submit(ticket, { id: `complaint-${number}` })
  }
  yield* Console.log(`${count} tickets are submitted. They are stored in ${filename}, and none is sent`)

  const first = yield* startWorker
  yield* sandbox.awaitRequests("create", 8)
  yield* stop(first, "SIGKILL")
  yield* Console.log(
    `A worker was killed with SIGKILL. The sandbox has received ${yield* sandbox.count("create")} tickets`
  )

  const second = yield* startWorker
  yield* Console.log("Another worker goes on. What the killed one was sending is reported when its lock expires ...")
  const isSettled = Effect.gen(function* () {
    const accepted = yield* factsOf("SubmissionAccepted")
    const ambiguous = yield* factsOf("SubmissionAmbiguous")
    return accepted.length + ambiguous.length >= count
  })
  yield* Effect.repeat(isSettled, { until: (settled) => settled, schedule: everyHalfSecond })

  // A person, or a program that asks Ripio, finds out about each ticket that may exist.
  const ambiguous = yield* operations.list({ queue: "outbox", state: "ambiguous" })
  for (const { id } of ambiguous) {
    const summary = `Complaint ${id.replace("complaint-", "")}`
    const ticket = (yield* sandbox.tickets).find((ticket) => ticket.summary === summary)
    yield* operations.resolve(id, ticket === undefined ? "resend" : { ticketId: ticket.ticketId })
    yield* Console.log(
      `${id} may have created a ticket: ${ticket === undefined ? "it did not, and is sent again" : "it did"}`
    )
  }
  const isDone = Effect.map(factsOf("TicketCreated"), ({ length }) => length >= count)
  yield* Effect.repeat(isDone, { until: (done) => done, schedule: everyHalfSecond })
  yield* stop(second, "SIGTERM")

  const accepted = yield* factsOf("SubmissionAccepted")
  const created = yield* factsOf("TicketCreated")
  const tickets = yield* sandbox.tickets
  const summaries = new Set(tickets.map(({ summary }) => summary))
  const [contents] = yield* sql<{
    readonly count: number
  }>`SELECT COUNT(*) AS count FROM ripio_contents WHERE id LIKE '%complaint-%'`
  yield* Console.log(`
submitted                     ${count}
accepted                      ${new Set(accepted.map(({ id }) => id)).size}
registered                    ${new Set(created.map(({ ticketId }) => ticketId)).size}
resolved by hand              ${ambiguous.length}
tickets in the sandbox        ${tickets.length}
tickets that are there twice  ${tickets.length - summaries.size}
contents left in the database ${contents?.count ?? 0}`)
  const isRight =
    tickets.length === count && summaries.size === count && accepted.length === count && contents?.count === 0
  if (!isRight) return yield* Effect.die(new Error("a ticket is lost or there twice"))
})

const everyHalfSecond = Schedule.spaced("500 millis")

/** The file of the database, which is removed at the end. */
class DatabaseFile extends Context.Service<DatabaseFile, string>()("DatabaseFile") {
  static readonly layer = Layer.effect(
    DatabaseFile,
    Effect.acquireRelease(
      Effect.sync(() => join(mkdtempSync(join(tmpdir(), "ripio-durable-")), "tickets.db")),
      (filename) => Effect.sync(() => rmSync(join(filename, ".."), { recursive: true }))
    )
  )
}

/** The demo. It fails if a ticket is lost or created twice. */
export const durableDemo = demo.pipe(
  Effect.provide(
    Layer.unwrap(Effect.map(DatabaseFile, durable)).pipe(
      Layer.provideMerge(DatabaseFile.layer),
      Layer.merge(
        Sandbox.layerServer.pipe(
          Layer.provideMerge(Sandbox.layer()),
          Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
        )
      )
    )
  )
)

const [role, filename] = process.argv.slice(2)
if (role === "worker" && filename !== undefined) NodeRuntime.runMain(work(filename))
