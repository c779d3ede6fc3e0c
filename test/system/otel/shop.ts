// A program with several accounts, each of which has another problem, and both exporters for Prometheus.
import { createServer } from "node:http"
import * as OtelMetrics from "@effect/opentelemetry/OtelMetrics"
import * as Resource from "@effect/opentelemetry/Resource"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { DurableTickets, TicketOutbox } from "../../../src/durable.ts"
import {
  IssueKey,
  makePollingSchedule,
  SupportTicket,
  SupportTickets,
  TicketInbox,
  TicketInboxLive,
  TicketOutcomes,
  TicketOutcomesLive,
  TicketWebhooks,
  TicketWebhooksLive
} from "../../../src/index.ts"
import { NodeSqlite } from "../../../src/node/index.ts"
import { ScriptedHttpClient, type ScriptedReply, type ScriptedRequest } from "../../../src/testing/index.ts"
import { account } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { closedPort } from "../../support/ports.ts"
import { json, tokenResponse } from "../../support/replies.ts"
import { delivery, eventOf, numberedTicketId } from "../../webhooks/fixtures.ts"

/** The name of the token of every account. No metric shows it. */
export const accessToken = "the-token-of-every-account"

const isToken = ({ url }: ScriptedRequest) => url.endsWith("/oauth2/token/")
const idIn = ({ url }: ScriptedRequest) => /supportTickets\/([0-9a-f-]{36})\//u.exec(url)?.[1]

const pending = (id: string | undefined) => ({ ticketId: id, status: "PENDING", issueKey: null })
const created = (request: ScriptedRequest) => json({ ticketId: idIn(request), status: "CREATED", issueKey: "SUP-1" })

const schedule = makePollingSchedule({ first: "300 millis", max: "500 millis" })

/** Durable work of an account in a database in memory, with a worker. */
const outboxOf = (name: string, tickets: SupportTickets["Service"]) =>
  DurableTickets.worker().pipe(
    Layer.provideMerge(DurableTickets.layer({ name })),
    Layer.provide(NodeSqlite.layer({ filename: ":memory:" })),
    Layer.provide(Layer.succeed(SupportTickets, tickets)),
    Layer.build,
    Effect.map(Context.get(TicketOutbox))
  )

/** The client of an account on a server that responds by a function. */
const clientOf = (
  name: string,
  respond: (request: ScriptedRequest, index: number) => ScriptedReply | Effect.Effect<ScriptedReply>
) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedHttpClient.make((request, index) => {
      const reply = respond(request, index)
      return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
    })
    const options = { gate: { account: name }, retry: { times: 1, base: "100 millis" } } as const
    return Context.get(yield* Layer.build(account(options).pipe(Layer.provide(scripted.layer))), SupportTickets)
  })

const repeatedly = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.forkScoped(Effect.repeat(Effect.exit(effect), Schedule.spaced("300 millis")))

let nextNumber = 0
const nextId = () => numberedTicketId(++nextNumber)
const wait = (tickets: SupportTickets["Service"]) =>
  Effect.suspend(() => tickets.awaitOutcome(nextId(), { schedule, deadline: "2 seconds" }))

const token =
  (respond: (request: ScriptedRequest, index: number) => ScriptedReply | Effect.Effect<ScriptedReply>) =>
  (request: ScriptedRequest, index: number) =>
    isToken(request) ? tokenResponse(accessToken) : respond(request, index)

const programs = Effect.gen(function* () {
  const healthy = yield* clientOf(
    "healthy",
    token((request, index) => {
      if (request.method === "POST") return { status: 202, json: pending(nextId()) }
      return index % 3 === 0 ? json(pending(idIn(request))) : created(request)
    })
  )
  const down = yield* clientOf(
    "down",
    token(() => ({ status: 503 }))
  )
  const limited = yield* clientOf(
    "limited",
    token(() => ({ status: 429, headers: { "retry-after": "6" } }))
  )
  const slow = yield* clientOf(
    "slow",
    token((request) => Effect.delay(Effect.succeed(created(request)), "6 seconds"))
  )
  const flaky = yield* clientOf(
    "flaky",
    token((request) => (request.method === "POST" ? { status: 503 } : created(request)))
  )
  const locked = yield* clientOf("locked", () => ({ status: 401 }))
  const webhooks = yield* TicketWebhooks
  const inbox = yield* TicketInbox
  const outcomes = yield* TicketOutcomes
  yield* Effect.forkScoped(inbox.handle(() => Effect.fail("poison")))
  const outboxes = [yield* outboxOf("healthy", healthy), yield* outboxOf("flaky", flaky)]
  // The first samples are without any of it.
  yield* Effect.sleep("2 seconds")

  yield* repeatedly(healthy.raise(newTicket(), { schedule }))
  yield* repeatedly(wait(healthy))
  for (const outbox of outboxes) {
    yield* repeatedly(Effect.suspend(() => outbox.submit(newTicket(), { id: nextId() })))
  }
  for (let waiter = 0; waiter < 6; waiter++) yield* repeatedly(wait(down))
  yield* repeatedly(down.retrieve(nextId()))
  yield* repeatedly(down.create(newTicket()))
  for (let waiter = 0; waiter < 6; waiter++) {
    yield* repeatedly(limited.awaitOutcome(nextId(), { schedule, deadline: "1 minute" }))
  }
  for (let call = 0; call < 3; call++) yield* repeatedly(slow.retrieve(nextId()))
  yield* repeatedly(locked.retrieve(nextId()))
  const event = eventOf(SupportTicket.cases.Failed.make({ ticketId: nextId() }))
  yield* repeatedly(webhooks.verify(delivery("{}", Redacted.make("another secret of sixteen bytes"))))
  yield* repeatedly(webhooks.verify({ body: new Uint8Array(), headers: {} }))
  yield* repeatedly(Effect.suspend(() => inbox.offer({ ...event, dedupeKey: `${nextNumber}` })))
  yield* repeatedly(
    Effect.suspend(() => {
      const ticketId = nextId()
      return Effect.andThen(
        outcomes.record(SupportTicket.cases.Failed.make({ ticketId })),
        outcomes.record(SupportTicket.cases.Created.make({ ticketId, issueKey: IssueKey.make("SUP-1") }))
      )
    })
  )
})

const services = Layer.mergeAll(
  TicketWebhooksLive.layer({ secrets: [Redacted.make("the webhook secret of the tests")] }),
  TicketInboxLive.layer({ maxAttempts: 1 }),
  TicketOutcomesLive.layer()
)

/** Runs the program until the scope closes, and returns the addresses of its metrics by exporter. */
export const openShop = Effect.gen(function* () {
  const port = yield* closedPort
  yield* Layer.build(
    OtelMetrics.layer(() => new PrometheusExporter({ port, host: "127.0.0.1" })).pipe(
      Layer.provide(Resource.layer({ serviceName: "shop" }))
    )
  )
  const server = yield* Layer.build(
    HttpRouter.serve(PrometheusMetrics.layerHttp(), { disableListenLog: true, disableLogger: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
    )
  )
  const { host } = new URL(HttpServer.formatAddress(Context.get(server, HttpServer.HttpServer).address))
  const context = yield* Layer.build(services)
  // Without the lines about what goes wrong on purpose.
  yield* Effect.forkScoped(programs).pipe(Effect.provide(context), Effect.provide(Logger.layer([])))
  return { effect: host, opentelemetry: `127.0.0.1:${port}` }
})
