import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import {
  AuthStaticToken,
  CustomerId,
  FetchTransport,
  makePollingSchedule,
  Ripio,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive,
  TicketId,
  TicketWebhooks,
  TicketWebhooksLive
} from "effect-ripio-tickets"
import { Fault, Sandbox, signWebhook } from "effect-ripio-tickets/testing"
import { bytes, description, type Result, sizes, type Target } from "./target.ts"

// The same program in every runtime: it uses what the package and `effect` export, and nothing of any platform.

const equal = (actual: unknown, expected: unknown) =>
  Effect.sync(() => {
    const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (is !== should) throw new Error(`expected ${should}, got ${is}`)
  })

const unknownTicket = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

/** What HMAC-SHA256 gives for this body, by openssl. */
const vector = {
  secret: "a secret of more than 16 bytes",
  body: `{"eventType":"SUPPORT_TICKET.CREATED","issueDatetime":"2026-06-26T14:30:00.000Z","supportTicket":{"ticketId":"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d","issueKey":"SUP-1234"}}`,
  signature: "sha256=0aea2a9558ce56ab452b2706750eb4b5bdf143baab9ff1e2e592d2e77cb11022"
}

const checks = (target: Target): Record<string, Effect.Effect<void, unknown>> => {
  const { baseUrl, clientId, limits, runtime } = target
  const clientSecret = Redacted.make(target.clientSecret)
  const ticket = (what: string, size: number) => ({
    customerId: CustomerId.make(target.customerId),
    summary: `${runtime}: ${what}`,
    description,
    files: [new File([bytes(size)], "receipt ñ.bin", { type: "application/x-receipt" })]
  })

  const fetchClient =
    limits.asksForPasswords === true
      ? FetchTransport.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { credentials: "omit" })))
      : FetchTransport.layer
  /** The whole client on the runtime's own fetch, and a real socket. */
  const client = Ripio.layer({ environment: { baseUrl }, clientId, clientSecret }).pipe(Layer.provide(fetchClient))
  /** Its parts at another base URL, with a token that no endpoint has to be asked for. */
  const clientAt = (url: string, options?: { readonly timeout: Duration.Input }) =>
    SupportTicketsLive.layer.pipe(
      Layer.provide(RipioHttpLive.layer({ environment: { baseUrl: url }, retry: { times: 0 }, ...options })),
      Layer.provide(AuthStaticToken.layer({ token: Redacted.make("a-token") })),
      Layer.provide(fetchClient)
    )
  const reasonOf = (error: object) => ("reason" in error ? (error.reason as { readonly _tag: string }) : { _tag: "-" })

  return {
    "create with a file, awaitOutcome, retrieve": Effect.gen(function* () {
      const tickets = yield* SupportTickets
      const { _tag, ticketId } = yield* tickets.create(ticket("a small file", sizes.small))
      yield* equal(_tag, "Pending")
      const outcome = yield* tickets.awaitOutcome(ticketId, { schedule: makePollingSchedule({ first: "50 millis" }) })
      yield* equal(outcome._tag, "Created")
      yield* equal(yield* tickets.retrieve(ticketId), outcome)
    }).pipe(Effect.provide(client)),

    "a file of 9 MiB": Effect.gen(function* () {
      const tickets = yield* SupportTickets
      yield* equal((yield* tickets.create(ticket("a large file", sizes.large)))._tag, "Pending")
    }).pipe(Effect.provide(client)),

    "typed errors: NotFound, Unauthenticated": Effect.gen(function* () {
      const missing = yield* SupportTickets.use(({ retrieve }) => Effect.flip(retrieve(unknownTicket))).pipe(
        Effect.provide(client)
      )
      yield* equal(missing._tag, "NotFound")
      const stranger = Ripio.layer({ environment: { baseUrl }, clientId, clientSecret: Redacted.make("another") })
      const refused = yield* SupportTickets.use(({ retrieve }) => Effect.flip(retrieve(unknownTicket))).pipe(
        Effect.provide(stranger.pipe(Layer.provide(fetchClient)))
      )
      yield* equal([refused._tag, "refused" in refused && refused.refused], ["Unauthenticated", "credentials"])
    }),

    "no answer: TimedOut, and the request is aborted": Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      yield* equal(reasonOf(yield* Effect.flip(retrieve(unknownTicket)))._tag, "TimedOut")
    }).pipe(Effect.provide(clientAt(`${baseUrl}/${runtime}/silent`, { timeout: "300 millis" }))),

    "interruption aborts the request": Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      const fiber = yield* Effect.forkChild(retrieve(unknownTicket), { startImmediately: true })
      yield* Effect.sleep("200 millis")
      yield* Fiber.interrupt(fiber)
      yield* equal(Exit.hasInterrupts(yield* Fiber.await(fiber)), true)
    }).pipe(Effect.provide(clientAt(`${baseUrl}/${runtime}/silent`))),

    "a redirect is not followed": Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      yield* equal(reasonOf(yield* Effect.flip(retrieve(unknownTicket)))._tag, "UnexpectedResponse")
    }).pipe(Effect.provide(clientAt(`${baseUrl}/${runtime}/redirect`))),

    "a lost answer of create: CreateAmbiguous": Effect.gen(function* () {
      const { create, retrieve } = yield* SupportTickets
      // An answer first, so that the connection is one that has served before.
      yield* Effect.flip(retrieve(unknownTicket))
      const error = yield* Effect.flip(create(ticket("dropped", 10)))
      yield* equal([error._tag, reasonOf(error)._tag], ["CreateAmbiguous", "TransportFailed"])
    }).pipe(Effect.provide(clientAt(`${baseUrl}/${runtime}/dropped`))),

    "no connection: TransportFailed": Effect.gen(function* () {
      const { create, retrieve } = yield* SupportTickets
      yield* equal(reasonOf(yield* Effect.flip(retrieve(unknownTicket)))._tag, "TransportFailed")
      const error = yield* Effect.flip(create(ticket("refused", 10)))
      yield* equal(
        [error._tag, reasonOf(error)._tag],
        [limits.hidesRefusal === true ? "CreateAmbiguous" : "RipioHttpError", "TransportFailed"]
      )
    }).pipe(Effect.provide(clientAt(target.closedUrl))),

    "the sandbox in process, driven by TestClock": Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const created = yield* tickets.create({ ...ticket("in process", 300), customerId: sandbox.customer })
      yield* sandbox.inject(Fault.status(503), { on: "retrieve", times: 5 })
      const waiting = yield* Effect.forkChild(tickets.awaitOutcome(created.ticketId))
      yield* TestClock.adjust("10 minutes")
      yield* equal((yield* Fiber.join(waiting))._tag, "Created")
      yield* equal(yield* sandbox.count("token"), 1)
      yield* equal(
        (yield* sandbox.tickets)[0]?.files.map((file) => [file.name, file.type, file.bytes.length]),
        [["receipt ñ.bin", "application/x-receipt", 300]]
      )
    }).pipe(Effect.provide(Sandbox.layerRipio().pipe(Layer.provideMerge(TestClock.layer())))),

    "webhooks: a known signature, one of ours, and a forged one": Effect.gen(function* () {
      const { verify } = yield* TicketWebhooks
      const body = new TextEncoder().encode(vector.body)
      yield* TestClock.setTime(DateTime.toEpochMillis(DateTime.makeUnsafe("2026-06-26T14:31:00Z")))
      const headers = new Headers({ "Http-X-Wh-Signature-256": vector.signature })
      const event = yield* verify({ body, headers })
      yield* equal([event._tag, "issueKey" in event && event.issueKey], ["TicketCreated", "SUP-1234"])

      const secret = Redacted.make(vector.secret)
      const signed = yield* signWebhook({ _tag: "Failed", ticketId: unknownTicket }, { secret })
      yield* equal((yield* verify(signed))._tag, "TicketFailed")
      const forged = new Uint8Array(signed.body)
      forged[20] = (forged[20] ?? 0) ^ 1
      yield* equal((yield* Effect.flip(verify({ ...signed, body: forged }))).reason._tag, "SignatureMismatch")
    }).pipe(Effect.provide([TicketWebhooksLive.layer({ secrets: [Redacted.make(vector.secret)] }), TestClock.layer()]))
  }
}

/** Runs every check, also after one has failed. */
export const smoke = (target: Target): Promise<ReadonlyArray<Result>> =>
  Effect.runPromise(
    Effect.forEach(
      Object.entries(checks(target)),
      Effect.fnUntraced(function* ([name, check]) {
        const start = Date.now()
        const exit = yield* Effect.exit(Effect.timeout(check, "20 seconds"))
        const milliseconds = Date.now() - start
        return Exit.isSuccess(exit) ? { name, milliseconds } : { name, milliseconds, failure: Cause.pretty(exit.cause) }
      })
    )
  )
