/**
 * A request handler whose customer may disconnect: `node examples/handler.ts`.
 *
 * - `PUT /complaints/:id` creates the ticket of a complaint. The same id creates one ticket, however often it is sent
 * - `GET /complaints/:id` returns its state
 *
 * The server interrupts a handler when its client disconnects. The ticket is therefore created in a fiber of the service,
 * which stores the id, and the handler only waits for that fiber. The outcome is awaited in another fiber of the service.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import { CustomerId, type NewTicket, SupportTicket, SupportTickets, type TicketId } from "effect-ripio-tickets"
import { Fault, Sandbox } from "effect-ripio-tickets/testing"
import { createServer } from "node:http"

/** What is stored of a complaint. If it stays `Unconfirmed`, a person finds out whether the ticket exists. */
const Complaint = Schema.Union([SupportTicket, Schema.TaggedStruct("Unconfirmed", { reason: Schema.String })])
type Complaint = typeof Complaint.Type

const make = Effect.gen(function* () {
  const tickets = yield* SupportTickets
  const store = KeyValueStore.toSchemaStore(yield* KeyValueStore.KeyValueStore, Complaint)
  // A store that fails is a defect here: the response is 500. Before the ticket is sent, nothing has happened then.
  const read = (id: string) => Effect.map(Effect.orDie(store.get(id)), Option.getOrUndefined)
  const write = (id: string, complaint: Complaint) => Effect.orDie(store.set(id, complaint))

  const createOnce = Effect.fnUntraced(function* (id: string, ticket: NewTicket) {
    const stored = yield* read(id)
    if (stored !== undefined) return stored
    // Written first: if the process ends before the response, no repetition creates a second ticket.
    yield* write(id, { _tag: "Unconfirmed", reason: "the ticket was sent, and the response is not stored yet" })
    const complaint: Complaint = yield* tickets.create(ticket).pipe(
      Effect.catchTag("CreateAmbiguous", ({ message }) =>
        Effect.succeed({ _tag: "Unconfirmed" as const, reason: message })
      ),
      // Every other error says that no ticket was created.
      Effect.tapError(() => Effect.orDie(store.remove(id)))
    )
    yield* write(id, complaint)
    if (complaint._tag === "Pending") yield* wait(id, complaint.ticketId)
    return complaint
  })

  const wait = (id: string, ticketId: TicketId) =>
    FiberMap.run(
      waiting,
      id,
      tickets.awaitOutcome(ticketId).pipe(
        Effect.flatMap((outcome) => write(id, outcome)),
        Effect.catch((error) => Effect.logWarning(error.message, id))
      ),
      { onlyIfMissing: true }
    )

  // Both belong to the scope of the layer. Closing it interrupts them.
  const creating = yield* FiberMap.make<string, Complaint, Effect.Error<ReturnType<typeof createOnce>>>()
  const waiting = yield* FiberMap.make<string, void>()

  return {
    /** Creates the ticket of a complaint, once for each id. An interruption does not end what has begun. */
    file: (id: string, ticket: NewTicket) =>
      Effect.suspend(() =>
        Option.match(FiberMap.getUnsafe(creating, id), {
          onNone: () => FiberMap.run(creating, id, createOnce(id, ticket)),
          onSome: Effect.succeed // sent again while the first request is in flight
        })
      ).pipe(Effect.flatMap(Fiber.join)),

    /** Returns the state of a complaint. Its wait starts again if it has ended, for example with the process. */
    get: Effect.fnUntraced(function* (id: string) {
      const complaint = yield* read(id)
      if (complaint?._tag === "Pending") yield* wait(id, complaint.ticketId)
      return complaint
    })
  }
})

export class Complaints extends Context.Service<Complaints, Effect.Success<typeof make>>()("Complaints") {
  static readonly layer = Layer.effect(Complaints, make)
}

const Params = Schema.Struct({ id: Schema.NonEmptyString })
const Body = Schema.Struct({ customerId: CustomerId, summary: Schema.String, description: Schema.String })

/** No ticket was created: the customer may send the complaint again. */
const unavailable = HttpServerResponse.json({ error: "try again later" }, { status: 503 })

const put = HttpRouter.add(
  "PUT",
  "/complaints/:id",
  Effect.gen(function* () {
    const { file } = yield* Complaints
    const { id } = yield* HttpRouter.schemaPathParams(Params)
    const complaint = yield* file(id, yield* HttpServerRequest.schemaBodyJson(Body))
    return yield* HttpServerResponse.json(complaint, { status: 202 })
  }).pipe(
    Effect.catchTags({
      SchemaError: ({ message }) => HttpServerResponse.json({ error: message }, { status: 400 }),
      TicketRejected: ({ message }) => HttpServerResponse.json({ error: message }, { status: 422 }),
      // The client logs an account that is refused.
      NotEnabled: () => unavailable,
      Unauthenticated: () => unavailable,
      RipioHttpError: ({ message, reason }) =>
        reason._tag === "InvalidRequest"
          ? HttpServerResponse.json({ error: reason.issue }, { status: 400 })
          : Effect.andThen(Effect.logWarning(message), unavailable)
    })
  )
)

const get = HttpRouter.add(
  "GET",
  "/complaints/:id",
  Effect.gen(function* () {
    const complaints = yield* Complaints
    const { id } = yield* HttpRouter.schemaPathParams(Params)
    const complaint = yield* complaints.get(id)
    return complaint === undefined
      ? HttpServerResponse.empty({ status: 404 })
      : yield* HttpServerResponse.json(complaint)
  })
)

export const routes = Layer.mergeAll(put, get)

/** A customer disconnects while the ticket is created, and sends the same complaint again. */
const tryOut = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  yield* sandbox.inject(Fault.latency("300 millis"), { on: "create" })
  const url = yield* HttpServer.addressFormattedWith((base) => Effect.succeed(`${base}/complaints/42`))
  const body = JSON.stringify({ customerId: sandbox.customer, summary: "A deposit is missing", description: "Monday." })
  const init = { method: "PUT", headers: { "content-type": "application/json" }, body }

  const customer = new AbortController()
  const first = fetch(url, { ...init, signal: customer.signal }).catch(() => "disconnected")
  yield* sandbox.awaitRequests("create", 1)
  customer.abort()
  yield* Console.log(yield* Effect.promise(() => first))
  yield* Console.log(yield* Effect.promise(async () => (await fetch(url, init)).text()))
  yield* Console.log(`${(yield* sandbox.tickets).length} ticket was created`)
})

if (process.argv[1] === import.meta.filename) {
  const app = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
    Layer.provide(Complaints.layer),
    // In memory. KeyValueStore.layerSql and others store the complaints.
    Layer.provide(KeyValueStore.layerMemory),
    Layer.provideMerge(Sandbox.layerRipio()),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
  )
  NodeRuntime.runMain(Effect.provide(tryOut, app))
}
