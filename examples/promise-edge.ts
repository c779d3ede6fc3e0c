/**
 * A program of promises that calls Effect at its edge: `node examples/promise-edge.ts`.
 *
 * A handler takes a web `Request` and returns a `Promise` of a `Response`, as a route of Next.js, Hono, Bun or Deno does.
 * `toNodeListener` makes it a route of Express or of `node:http`.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { CustomerId, FetchTransport, Ripio, type RipioHttpError, SupportTickets, TicketId } from "effect-ripio-tickets"
import { toNodeListener } from "effect-ripio-tickets/node"
import { createServer } from "node:http"

const Complaint = Schema.Struct({ customerId: CustomerId, summary: Schema.String, description: Schema.String })

const postTicket = Effect.fnUntraced(function* (body: unknown) {
  const tickets = yield* SupportTickets
  const { ticketId } = yield* tickets.create(yield* Schema.decodeUnknownEffect(Complaint)(body))
  // Store the id here: the caller may have disconnected.
  return Response.json({ ticketId }, { status: 202 })
})

const getTicket = Effect.fnUntraced(function* (id: unknown) {
  const tickets = yield* SupportTickets
  return Response.json(yield* tickets.retrieve(yield* Schema.decodeUnknownEffect(TicketId)(id)))
})

type RouteError = Effect.Error<ReturnType<typeof postTicket>> | Effect.Error<ReturnType<typeof getTicket>>

/** The response to each error. The client logs what only the operator can correct, so the response has no details. */
const toResponse = (error: RouteError): Effect.Effect<Response> => {
  switch (error._tag) {
    case "SchemaError":
      return problem(400, error.message)
    case "NotFound":
      return problem(404, "no such ticket")
    case "TicketRejected":
      return problem(422, error.message)
    case "RipioHttpError":
      return fromHttpError(error)
    // The ticket may exist. The caller must not send it again: see docs/ambiguous-create.md.
    case "CreateAmbiguous":
      return problem(502, "the ticket may exist, a person looks for it")
    case "NotEnabled":
    case "Unauthenticated":
      return problem(500, "internal error")
  }
}

const fromHttpError = (error: RipioHttpError): Effect.Effect<Response> => {
  const { reason } = error
  if (reason._tag === "InvalidRequest") return problem(400, reason.issue)
  const seconds = reason._tag === "RateLimited" && reason.retryAfter && Math.ceil(Duration.toSeconds(reason.retryAfter))
  const headers = typeof seconds === "number" ? { "retry-after": String(seconds) } : undefined
  return Effect.andThen(Effect.logWarning(error.message), problem(503, "try again later", headers))
}

const problem = (status: number, error: string, headers?: Record<string, string>) =>
  Effect.succeed(Response.json({ error }, { status, ...(headers && { headers }) }))

/** The handlers of an application, on one client. */
export const makeEdge = <E>(layer: Layer.Layer<SupportTickets, E>) => {
  const runtime = ManagedRuntime.make(layer)
  /** Runs a route until the request is aborted. The promise never rejects. */
  const run = async (request: Request, route: Effect.Effect<Response, RouteError, SupportTickets>) => {
    const exit = await runtime.runPromiseExit(Effect.catch(route, toResponse), { signal: request.signal })
    if (Exit.isSuccess(exit)) return exit.value
    // The caller has disconnected, or the application stops.
    if (Cause.hasInterruptsOnly(exit.cause)) return new Response(null, { status: 499 })
    Effect.runSync(Effect.logError("a route failed", exit.cause))
    return Response.json({ error: "internal error" }, { status: 500 })
  }
  return {
    /** Builds the client, so that a wrong configuration ends the program at its start. */
    start: async () => void (await runtime.context()),
    post: async (request: Request) => run(request, postTicket(await request.json().catch(() => undefined))),
    get: (request: Request) => run(request, getTicket(new URL(request.url).pathname.split("/").at(-1))),
    /** Closes the client. It waits for a create whose caller has disconnected. */
    dispose: () => runtime.dispose()
  }
}

if (process.argv[1] === import.meta.filename) {
  const edge = makeEdge(Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer)))
  await edge.start()
  const listener = toNodeListener((request) => (request.method === "POST" ? edge.post(request) : edge.get(request)))
  const server = createServer(listener).listen(Number(process.env["PORT"] ?? 3000))
  // First the server, so that no request arrives at a closed client.
  process.once("SIGTERM", () => server.close(() => void edge.dispose()))
}
