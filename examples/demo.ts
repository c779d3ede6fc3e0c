/**
 * The main job, once on each way that it can go: `npm run demo`.
 *
 * It runs on an embedded sandbox behind a real socket. With `RIPIO_CLIENT_ID` and its friends set, the same program runs
 * on the real API: `npm run demo -- <ticketId>` follows a ticket of yours, `npm run demo -- raise <customerId>` raises one.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import {
  CustomerId,
  FetchTransport,
  makePollingSchedule,
  type NewTicket,
  Ripio,
  SupportTickets,
  TicketId,
  type TicketOutcome,
  TicketOutcomesLive,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "effect-ripio-tickets"
import { Fault, Sandbox, type SandboxAccount } from "effect-ripio-tickets/testing"
import { createServer } from "node:http"

/** The main job: raises a ticket with a file attached, and waits for its outcome. */
const raise = Effect.fnUntraced(function* (customerId: CustomerId) {
  const tickets = yield* SupportTickets
  return said(yield* showing("raising a ticket", tickets.raise(complaintOf(customerId), { schedule })))
})

/** The same for a ticket that is already there. */
const follow = Effect.fnUntraced(function* (ticketId: TicketId) {
  const tickets = yield* SupportTickets
  return said(yield* showing(`ticket ${ticketId}`, tickets.awaitOutcome(ticketId, { schedule })))
})

const complaintOf = (customerId: CustomerId): NewTicket => ({
  customerId,
  summary: "A deposit has not arrived",
  description: "Sent on Monday.\nNot credited yet.",
  files: [new File(["100.00 ARS, Monday"], "receipt.txt", { type: "text/plain" })]
})

const said = (outcome: TicketOutcome) =>
  outcome._tag === "Created" ? `registered as ${outcome.issueKey}` : "could not be registered: raise a new one"

// A demo is in more of a hurry than the default, which begins with a second.
const schedule = makePollingSchedule({ first: "300 millis", max: "1 second" })

/** Runs an effect under a line that counts the time, where there is a terminal to rewrite it on. */
const showing = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    if (!process.stdout.isTTY) return yield* Effect.andThen(Console.log(`  … ${what}`), effect)
    const start = yield* Clock.currentTimeMillis
    const tick = Effect.map(Clock.currentTimeMillis, (now) => {
      const frame = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[Math.floor((now - start) / 100) % 10]
      process.stdout.write(`\r  ${frame} ${what}: ${((now - start) / 1000).toFixed(1)} s `)
    })
    yield* Effect.forkScoped(Effect.repeat(tick, Schedule.spaced("100 millis")))
    yield* Effect.addFinalizer(() => Effect.sync(() => process.stdout.write("\r\x1b[K")))
    return yield* effect
  }).pipe(Effect.scoped)

/** Prints how an effect ended: a value after a check mark, an error with its tag and its message. */
const report = <E extends { readonly _tag: string; readonly message: string }, R>(
  title: string,
  effect: Effect.Effect<string, E, R>
) =>
  effect.pipe(
    Effect.matchEffect({
      onSuccess: (value) => Console.log(`✓ ${title}\n    ${value}`),
      onFailure: (error) => Console.log(`✗ ${title}\n    ${error._tag}: ${error.message}`)
    })
  )

/** A client of the sandbox on its port, as any program on the network would be. */
const clientOf = ({ clientId, clientSecret }: SandboxAccount) =>
  Layer.unwrap(
    HttpServer.addressFormattedWith((baseUrl) =>
      Effect.succeed(Ripio.layer({ environment: { baseUrl }, clientId, clientSecret }))
    )
  ).pipe(Layer.provide(FetchTransport.layer))

const onSandbox = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const { account } = sandbox
  const client = clientOf(account)
  yield* HttpServer.addressFormattedWith((url) => Console.log(`The sandbox listens on ${url}\n`))

  yield* Effect.gen(function* () {
    yield* sandbox.onCreate({ outcome: "Created", after: "2 seconds" })
    yield* report("a ticket that is registered", raise(sandbox.customer))

    yield* sandbox.onCreate({ outcome: "Failed", after: "1 second" })
    yield* report("a ticket that fails", raise(sandbox.customer))

    const healing = yield* sandbox.seed({ outcome: "Created", after: "1 second" })
    yield* sandbox.inject(Fault.gatewayHtml(502), { on: "retrieve", times: 4 })
    yield* report("an outage in the middle of the polling, which heals", follow(healing))

    const stranger = yield* sandbox.addCustomer({ email: false })
    yield* report("a customer without an email address", raise(stranger))

    yield* sandbox.onCreate({ outcome: "Created", after: "1 second" })
    yield* sandbox.inject(Fault.dropped, { on: "create" })
    const customer = yield* sandbox.addCustomer()
    yield* report("a ticket whose answer is lost", raise(customer))
    // What a person does then: ask Ripio's team whether there is a ticket of this customer, and go on with its id.
    const found = (yield* sandbox.tickets).filter((ticket) => ticket.customerId === customer)
    for (const { ticketId } of found)
      yield* report(`  the team finds it: ${found.length} of this customer`, follow(ticketId))

    const slow = yield* sandbox.seed({ outcome: "Pending" })
    const impatient = Effect.flatMap(SupportTickets, ({ awaitOutcome }) =>
      awaitOutcome(slow, { deadline: Duration.seconds(1), schedule })
    )
    yield* report("a ticket that takes longer than we wait", Effect.as(impatient, ""))

    yield* report(
      "a ticket that the account does not have",
      follow(TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"))
    )
  }).pipe(Effect.provide(client))

  // The webhook arrives by a call here; over the network, an HTTP server hands its requests to the same handler.
  yield* Effect.gen(function* () {
    const webhooks = TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] })
    yield* sandbox.subscribe(
      yield* Effect.provide(
        TicketWebhookHandler.make(() => Effect.void),
        webhooks
      )
    )
    const told = yield* sandbox.seed({ outcome: "Created", after: "1500 millis" })
    const { awaitOutcome } = yield* SupportTickets
    const outcome = awaitOutcome(told, { schedule: Schedule.spaced("1 minute") })
    const timed = Effect.map(
      Effect.timed(showing(`ticket ${told}`, outcome)),
      ([time, outcome]) => `${said(outcome)}, after ${Duration.toSeconds(time).toFixed(1)} s`
    )
    yield* report("a webhook that beats the poll, which would have come a minute later", timed)
  }).pipe(Effect.provide(client.pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))

  const newcomer = yield* sandbox.addAccount({ enabled: false })
  yield* report(
    "an account without the feature",
    Effect.provide(follow(yield* sandbox.seed({ account: newcomer })), clientOf(newcomer))
  )

  const impostor = { ...account, clientSecret: Redacted.make("not the secret") }
  yield* report("bad credentials", Effect.provide(follow(yield* sandbox.seed()), clientOf(impostor)))
}).pipe(
  Effect.provide(
    Sandbox.layerServer.pipe(
      Layer.provideMerge(Sandbox.layer()),
      Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
    )
  )
)

const usage = { _tag: "Usage", message: "npm run demo -- <ticketId>, or npm run demo -- raise <customerId>" }
const [verb, operand] = process.argv.slice(2)

const onRipio =
  verb === "raise"
    ? Effect.flatMap(Schema.decodeUnknownEffect(CustomerId)(operand).pipe(Effect.mapError(() => usage)), raise)
    : Effect.flatMap(Schema.decodeUnknownEffect(TicketId)(verb).pipe(Effect.mapError(() => usage)), follow)

const client = Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer))

NodeRuntime.runMain(
  process.env["RIPIO_CLIENT_ID"] === undefined ? onSandbox : report("on Ripio", Effect.provide(onRipio, client))
)
