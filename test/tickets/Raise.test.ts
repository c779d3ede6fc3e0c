import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import { SupportTickets } from "../../src/index.ts"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { onSandbox } from "../support/harness.ts"
import { newTicket } from "../support/newTicket.ts"
import { untilTrue } from "../support/untilTrue.ts"
import { untyped } from "../support/untyped.ts"
import { quick } from "./create/quick.ts"

describe("raise", () => {
  it.live("creates a ticket and returns its outcome", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const ticket = newTicket({ customerId: sandbox.customer })
          yield* sandbox.onCreate({ outcome: "Created", after: 0 })
          const created = yield* tickets.raise(ticket)
          yield* sandbox.onCreate({ outcome: "Failed", after: 0 })
          const failed = yield* tickets.raise(ticket)
          const [first, second] = yield* sandbox.tickets
          assert.deepEqual<unknown>(created, { _tag: "Created", ticketId: first!.ticketId, issueKey: "SUP-1001" })
          assert.deepEqual<unknown>(failed, { _tag: "Failed", ticketId: second!.ticketId })
        }),
      { ...quick, seed: 0 }
    )
  )

  it.live("does not poll if create fails, whether the ticket may exist or not", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const raise = Effect.flip(tickets.raise(newTicket({ customerId: sandbox.customer })))
          const rejected = { body: { code: 20000, type: "T", detail: {}, status: 400 } }
          for (const { expected, fault } of [
            { fault: Fault.dropped, expected: "CreateAmbiguous" },
            { fault: Fault.hang, expected: "CreateAmbiguous" },
            { fault: Fault.status(502), expected: "CreateAmbiguous" },
            { fault: Fault.cutJson, expected: "CreateAmbiguous" },
            { fault: Fault.rateLimited(), expected: "RipioHttpError" },
            { fault: Fault.status(400, rejected), expected: "TicketRejected" }
          ]) {
            yield* sandbox.inject(fault, { on: "create" })
            assert.propertyVal(yield* raise, "_tag", expected)
          }
          yield* sandbox.setEnabled(false)
          assert.propertyVal(yield* raise, "_tag", "NotEnabled")
          assert.strictEqual(yield* sandbox.count("create"), 7)
          assert.strictEqual(yield* sandbox.count("retrieve"), 0)
        }),
      quick
    )
  )

  it.live(
    "fails with OutcomePending once the ticket exists, and creates one ticket per call whatever the polls return",
    () =>
      onSandbox(
        ({ sandbox, tickets }) =>
          Effect.gen(function* () {
            const ticket = newTicket({ customerId: sandbox.customer })
            yield* sandbox.onCreate({ outcome: "Pending" })
            const pending = yield* Effect.flip(tickets.raise(ticket, { deadline: "20 millis" }))
            assert.deepInclude(pending, { _tag: "OutcomePending", ticketId: (yield* sandbox.tickets)[0]!.ticketId })
            yield* sandbox.inject(Fault.status(404, { body: { code: 40017, type: "T", detail: {}, status: 404 } }), {
              on: "retrieve"
            })
            const lost = yield* Effect.flip(tickets.raise(ticket))
            assert(lost._tag === "OutcomePending")
            assert.strictEqual(lost.ticketId, (yield* sandbox.tickets)[1]!.ticketId)
            assert.propertyVal(lost.lastError, "_tag", "NotFound")
            assert.strictEqual(lost.polls, 1)
            yield* sandbox.inject(Fault.dropped, { on: "retrieve", times: "forever" })
            const unreachable = yield* Effect.flip(tickets.raise(ticket, { deadline: "20 millis" }))
            assert.deepInclude(unreachable, { _tag: "OutcomePending" })
            assert.strictEqual(yield* sandbox.count("create"), 3)
            assert.strictEqual((yield* sandbox.tickets).length, 3)
          }),
        quick
      )
  )
})

describe("raise with invalid options", () => {
  const cases: ReadonlyArray<{ readonly title: string; readonly options: unknown; readonly issue: RegExp }> = [
    { title: "null", options: null, issue: /options/u },
    { title: "text", options: "soon", issue: /options/u },
    { title: "a negative deadline", options: { deadline: -1 }, issue: /deadline/u },
    { title: "a deadline that is not a number", options: { deadline: Number.NaN }, issue: /deadline/u },
    { title: "a schedule that is not a Schedule", options: { schedule: {} }, issue: /schedule/u }
  ]
  for (const { issue, options, title } of cases) {
    it.effect(`sends nothing if they are ${title}`, () =>
      onSandbox(({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(tickets.raise(newTicket({ customerId: sandbox.customer }), untyped(options)))
          assert(error._tag === "RipioHttpError")
          assert.propertyVal(error.reason, "_tag", "InvalidRequest")
          assert.match(error.message, issue)
          assert.strictEqual(yield* sandbox.count(), 0)
        })
      )
    )
  }
})

describe("raise after the ticket was created", () => {
  const body = (code: number, status: number) => ({ code, type: "T", detail: {}, status })
  const ends: ReadonlyArray<{
    readonly title: string
    readonly fault: Fault
    readonly lastError: string
  }> = [
    { title: "401 and 40001", fault: Fault.status(401, { body: body(40001, 401) }), lastError: "Unauthenticated" },
    { title: "403 and 20061", fault: Fault.status(403, { body: body(20061, 403) }), lastError: "NotEnabled" },
    { title: "404 and 40017", fault: Fault.status(404, { body: body(40017, 404) }), lastError: "NotFound" }
  ]
  for (const { fault, lastError, title } of ends) {
    it.live(`fails with OutcomePending and the last ticket if a later poll gets ${title}`, () =>
      onSandbox(({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.onCreate({ outcome: "Pending" })
          // The first poll succeeds, and the next one is refused.
          const schedule = Schedule.tap(Schedule.spaced("1 milli"), () =>
            sandbox.inject(fault, { on: "retrieve", times: "forever" })
          )
          const error = yield* Effect.flip(tickets.raise(newTicket({ customerId: sandbox.customer }), { schedule }))
          assert(error._tag === "OutcomePending")
          const [stored] = yield* sandbox.tickets
          assert.strictEqual(error.ticketId, stored?.ticketId)
          assert.deepEqual<unknown>(error.lastTicket, { _tag: "Pending", ticketId: stored?.ticketId })
          assert.strictEqual(error.lastError?._tag, lastError)
          assert.strictEqual(error.polls, 2)
          assert.strictEqual(yield* sandbox.count("create"), 1)
        })
      )
    )
  }

  it.live("fails with OutcomePending if the schedule dies", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* sandbox.onCreate({ outcome: "Pending" })
        const schedule = Schedule.tap(Schedule.spaced("1 milli"), () => Effect.die("a bug of the schedule"))
        const error = yield* Effect.flip(tickets.raise(newTicket({ customerId: sandbox.customer }), { schedule }))
        assert(error._tag === "OutcomePending")
        assert.strictEqual(error.ticketId, (yield* sandbox.tickets)[0]?.ticketId)
      })
    ).pipe(Effect.provide(Logger.layer([])))
  )
})

describe("a create in an HTTP handler", () => {
  it.live("logs the id of the ticket if the customer hangs up while it is in flight", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const { create } = yield* SupportTickets
      yield* sandbox.inject(Fault.latency("100 millis"), { on: "create" })
      const lines: Array<object> = []
      const logger = Logger.make(({ fiber }) => {
        lines.push(fiber.getRef(References.CurrentLogAnnotations))
      })
      // Effect serves a handler uninterruptibly unless it says otherwise.
      const handler = create(newTicket({ customerId: sandbox.customer })).pipe(
        Effect.interruptible,
        Effect.orDie,
        Effect.as(HttpServerResponse.empty()),
        Effect.provide(Logger.layer([logger]))
      )
      yield* Effect.forkScoped(Layer.launch(HttpServer.serve(handler)))
      const hangUp = new AbortController()
      const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const request = fetch(url, { signal: hangUp.signal }).catch(() => undefined)
      yield* sandbox.awaitRequests("token", 1)
      yield* untilTrue(Effect.map(sandbox.requests, (all) => all.some(({ route }) => route === "create")))
      hangUp.abort()
      yield* Effect.promise(() => request)
      yield* untilTrue(Effect.sync(() => lines.length > 0))
      assert.propertyVal(lines[0], "ticketId", (yield* sandbox.tickets)[0]?.ticketId)
    }).pipe(
      Effect.scoped,
      Effect.provide([Sandbox.layerRipio(), NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })])
    )
  )
})
