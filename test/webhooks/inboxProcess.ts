/**
 * A process with an inbox on SQLite, for `ProcessKill.test.ts`: `node inboxProcess.ts <database file> <role>`. It writes a
 * line for each thing that it has done.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as SqlClient from "effect/sql/SqlClient"
import { createInterface } from "node:readline"
import {
  TicketInbox,
  TicketInboxLive,
  TicketWebhookHandler,
  type TicketWebhooks,
  TicketWebhooksLive
} from "../../src/index.ts"
import { signWebhook } from "../../src/testing/index.ts"
import { layer as sqlite } from "../support/sqlite.ts"
import { numberedTicketId, secret } from "./fixtures.ts"

/** `receive` stores webhooks, `handle` handles events, and `hang` starts to handle events and never ends. */
export type Role = "receive" | "handle" | "hang"

const [databaseFile = "", role = ""] = process.argv.slice(2)
const writeLine = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

/** Receives the events whose numbers are the lines of standard input. */
const receive = Effect.gen(function* () {
  const handler = yield* TicketWebhookHandler.make(TicketInbox.offer)
  yield* writeLine("ready")
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = yield* Effect.promise(() => lines.next())
    if (done === true) return
    const signed = yield* signWebhook({ _tag: "Failed", ticketId: numberedTicketId(Number(value)) }, { secret })
    const response = yield* Effect.promise(() =>
      handler(new Request("https://shop.test/", { method: "POST", ...signed }))
    )
    yield* writeLine(`${response.status} ${value}`)
  }
})

/** Inserts a row into the same database for each event, or hangs. */
const handle = (hangs: boolean) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE IF NOT EXISTS handled (key TEXT NOT NULL)`
    const inbox = yield* TicketInbox
    yield* writeLine("ready")
    yield* inbox.handle(
      Effect.fnUntraced(function* (event) {
        if (hangs) {
          yield* writeLine(`hanging ${event.dedupeKey}`)
          return yield* Effect.never
        }
        yield* sql`INSERT INTO handled (key) VALUES (${event.dedupeKey})`
        yield* writeLine(`handled ${event.dedupeKey}`)
      }),
      { concurrency: 4 }
    )
  })

const inbox = TicketInboxLive.layerStore().pipe(
  Layer.provide(PersistedQueue.layerStoreSql({ pollInterval: 50, lockRefreshInterval: 300, lockExpiration: 1000 })),
  Layer.provideMerge(sqlite(databaseFile))
)

const main: Effect.Effect<void, unknown, TicketInbox | TicketWebhooks | SqlClient.SqlClient> =
  role === "receive" ? receive : handle(role === "hang")

await Effect.runPromise(Effect.provide(main, Layer.merge(inbox, TicketWebhooksLive.layer({ secrets: [secret] }))))
