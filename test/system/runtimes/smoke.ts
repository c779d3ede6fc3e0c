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

// The program that runs on every runtime. It imports only this package and `effect`, and no platform module.

const equal = (actual: unknown, expected: unknown) =>
  Effect.sync(() => {
    const [actualJson, expectedJson] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (actualJson !== expectedJson) throw new Error(`expected ${expectedJson}, got ${actualJson}`)
  })

const unknownTicket = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

/** A signature made by openssl: HMAC-SHA256 over the body. */
const vector = {
  secret: "a secret of more than 16 bytes",
  body: `{"eventType":"SUPPORT_TICKET.CREATED","issueDatetime":"2026-06-26T14:30:00.000Z","supportTicket":{"ticketId":"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d","issueKey":"SUP-1234"}}`,
  signature: "sha256=0aea2a9558ce56ab452b2706750eb4b5bdf143baab9ff1e2e592d2e77cb11022"
}

const checks = (target: Target): Record<string, Effect.Effect<void, unknown>> => {
  const { baseUrl, clientId, limits, runtime } = target
  const clientSecret = Redacted.make(target.clientSecret)
  const ticket = (name: string, size: number) => ({
    customerId: CustomerId.make(target.customerId),
    summary: `${runtime}: ${name}`,
    description,
    files: [new File([bytes(size)], "receipt ñ.bin", { type: "application/x-receipt" })]
  })

  const fetchClient =
    limits.promptsForPassword === true
      ? FetchTransport.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { credentials: "omit" })))
      : FetchTransport.layer
  /** The whole client on the `fetch` of the runtime. */
  const client = Ripio.layer({ environment: { baseUrl }, clientId, clientSecret }).pipe(Layer.provide(fetchClient))
  /** A client for another base URL. Its static token avoids token requests. */
  const clientAt = (url: string, options?: { readonly timeout: Duration.Input }) =>
    SupportTicketsLive.layer.pipe(
      Layer.provide(RipioHttpLive.layer({ environment: { baseUrl: url }, retry: { times: 0 }, ...options })),
      Layer.provide(AuthStaticToken.layer({ token: Redacted.make("a-token") })),
      Layer.provide(fetchClient)
    )
  const reasonOf = (error: object) => ("reason" in error ? (error.reason as { readonly _tag: string }) : { _tag: "-" })

  return {
    "create with a file, awaitOutcome, and retrieve succeed": Effect.gen(function* () {
      const tickets = yield* SupportTickets
      const { _tag, ticketId } = yield* tickets.create(ticket("a small file", sizes.small))
      yield* equal(_tag, "Pending")
      const outcome = yield* tickets.awaitOutcome(ticketId, { schedule: makePollingSchedule({ first: "50 millis" }) })
      yield* equal(outcome._tag, "Created")
      yield* equal(yield* tickets.retrieve(ticketId), outcome)
    }).pipe(Effect.provide(client)),

    "create with a file of 9 MiB succeeds": Effect.gen(function* () {
      const tickets = yield* SupportTickets
      yield* equal((yield* tickets.create(ticket("a large file", sizes.large)))._tag, "Pending")
    }).pipe(Effect.provide(client)),

    "an unknown ticket is NotFound, and a wrong secret is Unauthenticated": Effect.gen(function* () {
      const missing = yield* SupportTickets.use(({ retrieve }) => Effect.flip(retrieve(unknownTicket))).pipe(
        Effect.provide(client)
      )
      yield* equal(missing._tag, "NotFound")
      const wrongSecret = Ripio.layer({ environment: { baseUrl }, clientId, clientSecret: Redacted.make("another") })
      const refused = yield* SupportTickets.use(({ retrieve }) => Effect.flip(retrieve(unknownTicket))).pipe(
        Effect.provide(wrongSecret.pipe(Layer.provide(fetchClient)))
      )
      yield* equal([refused._tag, "refused" in refused && refused.refused], ["Unauthenticated", "credentials"])
    }),

    "a missing response is TimedOut, and the request is aborted": Effect.gen(function* () {
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

    "a redirect is UnexpectedResponse and is not followed": Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      yield* equal(reasonOf(yield* Effect.flip(retrieve(unknownTicket)))._tag, "UnexpectedResponse")
    }).pipe(Effect.provide(clientAt(`${baseUrl}/${runtime}/redirect`))),

    "a connection reset after a create is CreateAmbiguous": Effect.gen(function* () {
      const { create, retrieve } = yield* SupportTickets
      // A first request makes the create reuse a connection.
      yield* Effect.flip(retrieve(unknownTicket))
      const error = yield* Effect.flip(create(ticket("dropped", 10)))
      yield* equal([error._tag, reasonOf(error)._tag], ["CreateAmbiguous", "TransportFailed"])
    }).pipe(Effect.provide(clientAt(`${baseUrl}/${runtime}/dropped`))),

    "a refused connection is TransportFailed": Effect.gen(function* () {
      const { create, retrieve } = yield* SupportTickets
      yield* equal(reasonOf(yield* Effect.flip(retrieve(unknownTicket)))._tag, "TransportFailed")
      const error = yield* Effect.flip(create(ticket("refused", 10)))
      yield* equal(
        [error._tag, reasonOf(error)._tag],
        [limits.hidesRefusal === true ? "CreateAmbiguous" : "RipioHttpError", "TransportFailed"]
      )
    }).pipe(Effect.provide(clientAt(target.closedUrl))),

    "the sandbox runs in process under TestClock": Effect.gen(function* () {
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

    "webhooks: openssl's and the library's signatures are accepted, and a changed body is rejected": Effect.gen(
      function* () {
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
      }
    ).pipe(Effect.provide([TicketWebhooksLive.layer({ secrets: [Redacted.make(vector.secret)] }), TestClock.layer()]))
  }
}

/** Runs every check, even after a failure. */
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
