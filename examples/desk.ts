/**
 * A whole support desk as an HTTP service on SQLite: `node examples/desk.ts`.
 *
 * - `POST /complaints` stores a complaint and submits its ticket, in one transaction
 * - `GET /complaints/:id` returns its state
 * - `POST /webhooks/ripio` receives the webhooks of Ripio
 *
 * With `RIPIO_CLIENT_ID` and the other variables of an account set, it serves port 3000 until it is stopped. Without, it
 * runs on the sandbox, files two complaints and ends.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import {
  CustomerId,
  FetchTransport,
  InboxEvent,
  type NewTicket,
  Ripio,
  TicketInbox,
  TicketInboxLive,
  TicketWebhookRoute,
  TicketWebhooksLive
} from "effect-ripio-tickets"
import { DurableTickets, TicketOutbox } from "effect-ripio-tickets/durable"
import { NodeSqlite } from "effect-ripio-tickets/node"
import { Sandbox } from "effect-ripio-tickets/testing"
import { createServer } from "node:http"

const Complaint = Schema.Struct({ customerId: CustomerId, summary: Schema.String, description: Schema.String })

const createTable = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE IF NOT EXISTS complaints (id TEXT PRIMARY KEY, ticketId TEXT, state TEXT NOT NULL)`
  })
)

const post = HttpRouter.add(
  "POST",
  "/complaints",
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const outbox = yield* TicketOutbox
    const ticket: NewTicket = yield* HttpServerRequest.schemaBodyJson(Complaint)
    const id = crypto.randomUUID()
    // Both are stored, or neither is.
    yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`INSERT INTO complaints (id, state) VALUES (${id}, 'received')`
        yield* outbox.submit(ticket, { id })
      })
    )
    return yield* HttpServerResponse.json({ id }, { status: 202 })
  }).pipe(
    Effect.catchTags({
      SchemaError: ({ message }) => HttpServerResponse.json({ error: message }, { status: 400 }),
      InvalidSubmission: ({ issue }) => HttpServerResponse.json({ error: issue }, { status: 400 }),
      OutboxUnavailable: () => HttpServerResponse.json({ error: "try again later" }, { status: 503 })
    })
  )
)

const get = HttpRouter.add(
  "GET",
  "/complaints/:id",
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { id } = yield* HttpRouter.schemaPathParams(Schema.Struct({ id: Schema.String }))
    const [complaint] = yield* sql`SELECT id, ticketId, state FROM complaints WHERE id = ${id}`
    return complaint === undefined
      ? HttpServerResponse.empty({ status: 404 })
      : yield* HttpServerResponse.json({ ...complaint })
  })
)

/** Stores what an event says about a complaint. Handling an event twice changes nothing. */
const handle = Effect.fnUntraced(function* (event: InboxEvent) {
  const sql = yield* SqlClient.SqlClient
  const setState = (id: string, state: string) => sql`UPDATE complaints SET state = ${state} WHERE id = ${id}`
  const setTicketState = (ticketId: string, state: string) =>
    sql`UPDATE complaints SET state = ${state} WHERE ticketId = ${ticketId}`
  yield* InboxEvent.match(event, {
    SubmissionAccepted: ({ id, ticketId }) =>
      sql`UPDATE complaints SET ticketId = ${ticketId}, state = 'sent to support' WHERE id = ${id}`,
    SubmissionRejected: ({ error, id }) => setState(id, `rejected: ${error.message}`),
    SubmissionNotSent: ({ id, reason }) => setState(id, `not sent: ${reason}`),
    SubmissionAmbiguous: ({ id }) => setState(id, "an agent looks for the ticket"),
    TicketCreated: ({ issueKey, ticketId }) => setTicketState(ticketId, `registered as ${issueKey}`),
    TicketFailed: ({ ticketId }) => setTicketState(ticketId, "could not be registered"),
    TrackingOverdue: ({ ticketId }) => setTicketState(ticketId, "support takes longer than usual"),
    TrackingFailed: ({ ticketId }) => setTicketState(ticketId, "support does not know the ticket"),
    OtherEvent: () => Effect.void
  })
})

/** The desk on a database, an account of Ripio and its webhook secrets. */
const desk = Layer.mergeAll(
  HttpRouter.serve(Layer.mergeAll(post, get, TicketWebhookRoute.layer("/webhooks/ripio", TicketInbox.offer)), {
    disableListenLog: true,
    disableLogger: true
  }),
  DurableTickets.worker(),
  TicketInboxLive.handler(handle)
).pipe(Layer.provide(createTable), Layer.provide(DurableTickets.layer()))

const serve = (port: number) => NodeHttpServer.layer(createServer, { host: "127.0.0.1", port })

const onRipio = desk.pipe(
  Layer.provide(NodeSqlite.layer({ filename: "desk.db" })),
  Layer.provide(
    Layer.merge(Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer)), TicketWebhooksLive.layerConfig)
  ),
  Layer.provide(serve(3000))
)

const onSandbox = desk.pipe(
  Layer.provide(NodeSqlite.layer({ filename: ":memory:" })),
  Layer.provide(
    Layer.unwrap(Sandbox.useSync(({ webhookSecret }) => TicketWebhooksLive.layer({ secrets: [webhookSecret] })))
  ),
  Layer.provideMerge(Sandbox.layerRipio()),
  Layer.provideMerge(serve(0))
)

const Stored = Schema.Struct({ state: Schema.String })
const decodeStored = Schema.decodeUnknownEffect(Stored)
const decodeId = Schema.decodeUnknownEffect(Schema.Struct({ id: Schema.String }))

const json = (url: string, init?: RequestInit) =>
  Effect.promise(async (): Promise<unknown> => (await fetch(url, init)).json())

/** Files a complaint as a client would, and prints its states. */
const complain = Effect.fnUntraced(function* (url: string, customerId: CustomerId) {
  const body = JSON.stringify({ customerId, summary: "A deposit has not arrived", description: "Sent on Monday." })
  const headers = { "content-type": "application/json" }
  const { id } = yield* Effect.flatMap(json(`${url}/complaints`, { method: "POST", headers, body }), decodeId)
  for (let last = ""; !/^(?:registered|could not|rejected)/u.test(last);) {
    const { state } = yield* Effect.flatMap(json(`${url}/complaints/${id}`), decodeStored)
    if (state !== last) yield* Console.log(`complaint ${id}: ${state}`)
    last = state
    yield* Effect.sleep("50 millis")
  }
})

const tryOut = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const url = yield* HttpServer.addressFormattedWith((url) => Effect.succeed(url))
  yield* sandbox.subscribe(`${url}/webhooks/ripio`)
  yield* sandbox.onCreate({ after: "1 second" })
  yield* complain(url, sandbox.customer)
  yield* complain(url, yield* sandbox.addCustomer({ email: false }))
})

if (process.env["RIPIO_CLIENT_ID"] === undefined) NodeRuntime.runMain(Effect.provide(tryOut, onSandbox))
else NodeRuntime.runMain(Layer.launch(onRipio))
