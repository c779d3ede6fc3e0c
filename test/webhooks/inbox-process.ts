/**
 * A process that receives webhooks into an inbox on SQLite and handles them, to be killed: its arguments are the file of
 * the database and what it is to do. It writes a line for each thing that has happened.
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
import { secret, ticketNumber } from "./support.ts"

const [file = "", role = ""] = process.argv.slice(2)
const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

/** Receives the events whose numbers come on the standard input. */
const receive = Effect.gen(function* () {
  const handler = yield* TicketWebhookHandler.make(TicketInbox.offer)
  yield* say("ready")
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = yield* Effect.promise(() => lines.next())
    if (done === true) return
    const signed = yield* signWebhook({ _tag: "Failed", ticketId: ticketNumber(Number(value)) }, { secret })
    const response = yield* Effect.promise(() =>
      handler(new Request("https://shop.test/", { method: "POST", ...signed }))
    )
    yield* say(`${response.status} ${value}`)
  }
})

/** What is done with an event, in the same database: one row for each time. */
const handle = (hang: boolean) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE IF NOT EXISTS handled (key TEXT NOT NULL)`
    const inbox = yield* TicketInbox
    yield* say("ready")
    yield* inbox.handle(
      Effect.fnUntraced(function* (event) {
        if (hang) {
          yield* say(`hanging ${event.dedupeKey}`)
          return yield* Effect.never
        }
        yield* sql`INSERT INTO handled (key) VALUES (${event.dedupeKey})`
        yield* say(`handled ${event.dedupeKey}`)
      }),
      { concurrency: 4 }
    )
  })

const inbox = TicketInboxLive.layerStore().pipe(
  Layer.provide(PersistedQueue.layerStoreSql({ pollInterval: 50, lockRefreshInterval: 300, lockExpiration: 1000 })),
  Layer.provideMerge(sqlite(file))
)

const main: Effect.Effect<void, unknown, TicketInbox | TicketWebhooks | SqlClient.SqlClient> =
  role === "receive" ? receive : handle(role === "hang")

await Effect.runPromise(Effect.provide(main, Layer.merge(inbox, TicketWebhooksLive.layer({ secrets: [secret] }))))
