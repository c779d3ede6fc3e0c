/**
 * Creates and follows tickets, and shows each outcome and each error: `npm run demo`.
 *
 * The demo runs on an embedded sandbox behind a real socket. With `RIPIO_CLIENT_ID`, `RIPIO_CLIENT_SECRET` and
 * `RIPIO_ENVIRONMENT` set, it runs on the real API: `npm run demo -- <ticketId>` follows a ticket, and
 * `npm run demo -- raise <customerId>` creates one. `npm run demo -- durable` shows durable work on the sandbox.
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

/** Creates a ticket with a file, and waits for its outcome. */
const raise = Effect.fnUntraced(function* (customerId: CustomerId) {
  const tickets = yield* SupportTickets
  return describe(yield* withTimer("creating a ticket", tickets.raise(newTicket(customerId), { schedule })))
})

/** Waits for the outcome of a ticket that exists. */
const follow = Effect.fnUntraced(function* (ticketId: TicketId) {
  const tickets = yield* SupportTickets
  return describe(yield* withTimer(`ticket ${ticketId}`, tickets.awaitOutcome(ticketId, { schedule })))
})

const newTicket = (customerId: CustomerId): NewTicket => ({
  customerId,
  summary: "A deposit has not arrived",
  description: "Sent on Monday.\nNot credited yet.",
  files: [new File(["100.00 ARS, Monday"], "receipt.txt", { type: "text/plain" })]
})

const describe = (outcome: TicketOutcome) =>
  outcome._tag === "Created" ? `registered as ${outcome.issueKey}` : "could not be registered: create a new ticket"

// Shorter intervals than the default, to keep the demo short.
const schedule = makePollingSchedule({ first: "300 millis", max: "1 second" })

/** Shows a line with the elapsed time while an effect runs. Without a terminal, it prints the line once. */
const withTimer = <A, E, R>(title: string, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    if (!process.stdout.isTTY) return yield* Effect.andThen(Console.log(`  … ${title}`), effect)
    const start = yield* Clock.currentTimeMillis
    const tick = Effect.map(Clock.currentTimeMillis, (now) => {
      const frame = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[Math.floor((now - start) / 100) % 10]
      process.stdout.write(`\r  ${frame} ${title}: ${((now - start) / 1000).toFixed(1)} s `)
    })
    yield* Effect.forkScoped(Effect.repeat(tick, Schedule.spaced("100 millis")))
    yield* Effect.addFinalizer(() => Effect.sync(() => process.stdout.write("\r\x1b[K")))
    return yield* effect
  }).pipe(Effect.scoped)

/** Prints the result of an effect: the value, or the error's tag and message. */
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

/** A client of the sandbox on its port. */
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
    yield* report("a ticket that cannot be registered", raise(sandbox.customer))

    const duringOutage = yield* sandbox.seed({ outcome: "Created", after: "1 second" })
    yield* sandbox.inject(Fault.gatewayHtml(502), { on: "retrieve", times: 4 })
    yield* report("an outage during the wait", follow(duringOutage))

    const withoutEmail = yield* sandbox.addCustomer({ email: false })
    yield* report("a customer without an email address", raise(withoutEmail))

    yield* sandbox.onCreate({ outcome: "Created", after: "1 second" })
    yield* sandbox.inject(Fault.dropped, { on: "create" })
    const customer = yield* sandbox.addCustomer()
    yield* report("a ticket whose response is lost", raise(customer))
    // Ask Ripio's support team whether the ticket exists, and continue with its id.
    const found = (yield* sandbox.tickets).filter((ticket) => ticket.customerId === customer)
    for (const { ticketId } of found)
      yield* report(`  the support team finds ${found.length} ticket of this customer`, follow(ticketId))

    const slow = yield* sandbox.seed({ outcome: "Pending" })
    const shortWait = Effect.flatMap(SupportTickets, ({ awaitOutcome }) =>
      awaitOutcome(slow, { deadline: Duration.seconds(1), schedule })
    )
    yield* report("a ticket without an outcome at the deadline", Effect.as(shortWait, ""))

    yield* report(
      "a ticket that the account does not have",
      follow(TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"))
    )
  }).pipe(Effect.provide(client))

  // The sandbox calls the handler directly. In production, an HTTP server passes its requests to the same handler.
  yield* Effect.gen(function* () {
    const webhooks = TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] })
    yield* sandbox.subscribe(
      yield* Effect.provide(
        TicketWebhookHandler.make(() => Effect.void),
        webhooks
      )
    )
    const ticketId = yield* sandbox.seed({ outcome: "Created", after: "1500 millis" })
    const { awaitOutcome } = yield* SupportTickets
    const outcome = awaitOutcome(ticketId, { schedule: Schedule.spaced("1 minute") })
    const timed = Effect.map(
      Effect.timed(withTimer(`ticket ${ticketId}`, outcome)),
      ([time, outcome]) => `${describe(outcome)}, after ${Duration.toSeconds(time).toFixed(1)} s`
    )
    yield* report("a webhook that arrives before the next poll, which is a minute away", timed)
  }).pipe(Effect.provide(client.pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))

  const disabled = yield* sandbox.addAccount({ enabled: false })
  yield* report(
    "an account without the feature",
    Effect.provide(follow(yield* sandbox.seed({ account: disabled })), clientOf(disabled))
  )

  const wrongSecret = { ...account, clientSecret: Redacted.make("not the secret") }
  yield* report("wrong credentials", Effect.provide(follow(yield* sandbox.seed()), clientOf(wrongSecret)))
}).pipe(
  Effect.provide(
    Sandbox.layerServer.pipe(
      Layer.provideMerge(Sandbox.layer()),
      Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
    )
  )
)

const usage = { _tag: "Usage", message: "npm run demo -- <ticketId>, or npm run demo -- raise <customerId>" }
const [command, operand] = process.argv.slice(2)

const onRipio =
  command === "raise"
    ? Effect.flatMap(Schema.decodeUnknownEffect(CustomerId)(operand).pipe(Effect.mapError(() => usage)), raise)
    : Effect.flatMap(Schema.decodeUnknownEffect(TicketId)(command).pipe(Effect.mapError(() => usage)), follow)

const client = Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer))

NodeRuntime.runMain(
  command === "durable"
    ? Effect.flatMap(
        Effect.promise(() => import("./durable.ts")),
        ({ durableDemo }) => durableDemo
      )
    : process.env["RIPIO_CLIENT_ID"] === undefined
      ? onSandbox
      : report("on Ripio", Effect.provide(onRipio, client))
)
