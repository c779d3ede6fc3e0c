import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import {
  contentHashOf,
  CreateAmbiguous,
  CustomerId,
  type NewTicket,
  type RequestOptions,
  RipioHttpError,
  SupportTickets
} from "../../../src/index.ts"
import { Fault, Sandbox } from "../../../src/testing/index.ts"
import { sockets } from "../../support/server.ts"
import { assertAmbiguous, clientAt, layerSandboxOnPort, sandboxPort, tcp, withTokenAt } from "./support.ts"

const secret = "Me robaron la tarjeta"

const ticketFor = (customerId: CustomerId, ...files: ReadonlyArray<File>): NewTicket => ({
  customerId,
  summary: secret,
  description: `${secret}.`,
  files
})

const quick: RequestOptions = { timeout: "200 millis", retry: { times: 3, base: "1 milli" } }

const inProcess = (
  test: (sandbox: Sandbox["Service"], tickets: SupportTickets["Service"]) => Effect.Effect<void, unknown>,
  options: RequestOptions = quick
) =>
  Effect.gen(function* () {
    yield* test(yield* Sandbox, yield* SupportTickets)
  }).pipe(Effect.provide(Sandbox.layerRipio(options)))

/** What is logged at warning and above, with its annotations. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<{ readonly level: string; readonly message: string; readonly annotations: object }> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      lines.push({
        level: logLevel,
        message: String(message),
        annotations: fiber.getRef(References.CurrentLogAnnotations)
      })
    })
    return Effect.map(effect.pipe(Effect.provide(Logger.layer([logger]))), (value) => ({ value, lines }))
  })

describe("what a create comes to", () => {
  // The fault on the first request, the requests that come of it, the tickets, and the error with its reason.
  const table: ReadonlyArray<
    readonly [says: string, fault: Fault, requests: number, tickets: number, comesTo: string]
  > = [
    ["a dropped connection", Fault.dropped, 1, 1, "CreateAmbiguous TransportFailed"],
    ["a dropped connection, not stored", Fault.beforeStoring(Fault.dropped), 1, 0, "CreateAmbiguous TransportFailed"],
    ["a reset after the headers", Fault.reset({ afterBytes: 0 }), 1, 1, "CreateAmbiguous TransportFailed"],
    [
      "a reset in the body",
      Fault.beforeStoring(Fault.reset({ afterBytes: 40 })),
      1,
      0,
      "CreateAmbiguous TransportFailed"
    ],
    ["no answer", Fault.hang, 1, 1, "CreateAmbiguous TimedOut"],
    ["no answer, not stored", Fault.beforeStoring(Fault.hang), 1, 0, "CreateAmbiguous TimedOut"],
    ["an answer that comes too late", Fault.latency("1 second"), 1, 1, "CreateAmbiguous TimedOut"],
    ["a cut body", Fault.cutJson, 1, 1, "CreateAmbiguous UnexpectedResponse"],
    ["a body that is too large", Fault.oversized(70_000), 1, 1, "CreateAmbiguous UnexpectedResponse"],
    ["another JSON", Fault.afterStoring(Fault.body({ id: 7 })), 1, 1, "CreateAmbiguous UnexpectedResponse"],
    ["a page with 200", Fault.body("<html>", { contentType: "text/html" }), 1, 0, "CreateAmbiguous UnexpectedResponse"],
    ["an empty 204", Fault.body("", { status: 204 }), 1, 0, "CreateAmbiguous UnexpectedResponse"],
    ...[408, 500, 502, 503, 504, 520].flatMap(
      (status) =>
        [
          [`${status}`, Fault.status(status), 1, 0, "CreateAmbiguous ServerFailed"],
          [`${status}, stored`, Fault.afterStoring(Fault.status(status)), 1, 1, "CreateAmbiguous ServerFailed"],
          [`${status}, come back soon`, Fault.status(status, { retryAfter: 0 }), 1, 0, "CreateAmbiguous ServerFailed"]
        ] as const
    ),
    ["503, come back much later", Fault.status(503, { retryAfter: 600 }), 1, 0, "CreateAmbiguous RateLimited"],
    [
      "500 with an error of the API",
      Fault.status(500, { body: { code: 50000, type: "Oops", detail: {}, status: 500 } }),
      1,
      0,
      "CreateAmbiguous ServerFailed"
    ],
    ["429", Fault.rateLimited(), 1, 0, "RipioHttpError RateLimited"],
    ["429, come back at once", Fault.rateLimited({ retryAfter: 0 }), 1, 0, "RipioHttpError RateLimited"],
    ["403 of a proxy", Fault.status(403), 1, 0, "RipioHttpError UnexpectedResponse"],
    ["404 of a wrong base URL", Fault.status(404), 1, 0, "RipioHttpError UnexpectedResponse"],
    ["413 of a proxy", Fault.status(413), 1, 0, "RipioHttpError UnexpectedResponse"],
    ["a redirect", Fault.status(308), 1, 0, "RipioHttpError UnexpectedResponse"],
    ["a 303, stored", Fault.afterStoring(Fault.status(303)), 1, 1, "CreateAmbiguous UnexpectedResponse"],
    [
      "an error of the API that nobody knows",
      Fault.status(409, { body: { code: 20099, type: "Odd", detail: {}, status: 409 } }),
      1,
      0,
      "TicketRejected"
    ],
    ["a refused connection, and then none", Fault.refused, 2, 1, "Pending"],
    [
      "500 that says the token is refused, stored",
      Fault.afterStoring(
        Fault.status(500, { body: { code: 40001, type: "NotAuthenticated", detail: {}, status: 500 } })
      ),
      1,
      1,
      "CreateAmbiguous ServerFailed"
    ],
    [
      "500 that says that there is no such ticket, stored",
      Fault.afterStoring(Fault.status(500, { body: { code: 40017, type: "NotFound", detail: {}, status: 500 } })),
      1,
      1,
      "CreateAmbiguous ServerFailed"
    ],
    ["a 300, which is no redirect that is answered so", Fault.status(300), 1, 0, "RipioHttpError UnexpectedResponse"],
    ["a token that is refused", Fault.unauthenticated(), 2, 1, "Pending"],
    ["a token that is refused, with 403", Fault.unauthenticated(403), 2, 1, "Pending"],
    ["a token that has expired", Fault.tokenExpired, 2, 1, "Pending"],
    ["an answer in time", Fault.latency("5 millis"), 1, 1, "Pending"]
  ]

  for (const [says, fault, requests, stored, comesTo] of table) {
    it.live(`${says}: ${comesTo}, ${requests} sent, ${stored} stored`, () =>
      inProcess((sandbox, tickets) =>
        Effect.gen(function* () {
          const ticket = ticketFor(sandbox.customer)
          yield* sandbox.inject(fault, { on: "create" })
          const result = yield* tickets.create(ticket).pipe(Effect.match({ onFailure: (e) => e, onSuccess: (a) => a }))
          const reason =
            result._tag === "CreateAmbiguous" || result._tag === "RipioHttpError" ? ` ${result.reason._tag}` : ""
          assert.deepStrictEqual(
            [`${result._tag}${reason}`, yield* sandbox.count("create"), (yield* sandbox.tickets).length],
            [comesTo, requests, stored]
          )
          if (result._tag === "CreateAmbiguous") {
            yield* assertAmbiguous(result, ticket)
            assert.notInclude(JSON.stringify(result) + String(result), secret)
          }
          if (result._tag === "RipioHttpError") assert.strictEqual(result.attempts, requests)
        })
      )
    )
  }

  it.live("a connection that is refused every time: as often as the policy says, and never sent", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.refused, { on: "create", times: "forever" })
        const error = yield* Effect.flip(tickets.create(ticketFor(sandbox.customer)))
        assert.instanceOf(error, RipioHttpError)
        assert.strictEqual(yield* sandbox.count("create"), 4)
      })
    )
  )

  it.live("once a byte may have left nothing is repeated, even if it was refused before", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        const ticket = ticketFor(sandbox.customer)
        yield* sandbox.inject(Fault.refused, { on: "create", times: 2 })
        yield* sandbox.inject(Fault.dropped, { on: "create" })
        yield* assertAmbiguous(yield* Effect.flip(tickets.create(ticket)), ticket, 3)
        yield* sandbox.inject(Fault.unauthenticated(), { on: "create" })
        yield* sandbox.inject(Fault.status(502), { on: "create" })
        yield* assertAmbiguous(yield* Effect.flip(tickets.create(ticket)), ticket, 2)
        assert.deepStrictEqual([yield* sandbox.count("create"), (yield* sandbox.tickets).length], [5, 1])
      })
    )
  )

  it.live("a token that is refused twice: two sent, and no third", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.unauthenticated(), { on: "create", times: "forever" })
        assert.propertyVal(yield* Effect.flip(tickets.create(ticketFor(sandbox.customer))), "_tag", "Unauthenticated")
        assert.deepStrictEqual([yield* sandbox.count("create"), yield* sandbox.tickets], [2, []])
      })
    )
  )

  it.live("no token, no ticket: whatever happens to the token, nothing is sent", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        for (const fault of [Fault.refused, Fault.dropped, Fault.status(503), Fault.cutJson, Fault.hang]) {
          yield* sandbox.inject(fault, { on: "token", times: "forever" })
          const error = yield* Effect.flip(tickets.create(ticketFor(sandbox.customer)))
          assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken" })
          yield* sandbox.clearFaults
        }
        yield* sandbox.inject(Fault.unauthenticated(), { on: "token", times: "forever" })
        assert.propertyVal(yield* Effect.flip(tickets.create(ticketFor(sandbox.customer))), "_tag", "Unauthenticated")
        assert.strictEqual(yield* sandbox.count("create"), 0)
      })
    )
  )

  it.live("what the API refuses comes back as it said it", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        const unknown = CustomerId.make("11111111-1111-4111-8111-111111111111")
        const silent = yield* sandbox.addCustomer({ email: false })
        for (const [customerId, message] of [
          [unknown, "customerId: This account has no such customer."],
          [silent, "customerId: This customer has no email address on file."]
        ] as const) {
          const error = yield* Effect.flip(tickets.create(ticketFor(customerId)))
          assert.deepInclude(error, { _tag: "TicketRejected", code: 20000, status: 400, detail: { message } })
        }
        yield* sandbox.setEnabled(false)
        assert.propertyVal(yield* Effect.flip(tickets.create(ticketFor(sandbox.customer))), "_tag", "NotEnabled")
        assert.deepStrictEqual([yield* sandbox.count("create"), yield* sandbox.tickets], [3, []])
      })
    )
  )

  it.live("what cannot be a ticket is not sent", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        const good = ticketFor(sandbox.customer)
        const bad: ReadonlyArray<readonly [field: string, value: unknown]> = [
          ["customerId", "SUP-1"],
          ["customerId", ""],
          ["customerId", `${sandbox.customer}\r\n`],
          ["customerId", undefined],
          ["summary", ""],
          ["summary", " \t\r\n\u00a0"],
          ["summary", "half a smile \ud83d"],
          ["summary", 7],
          ["description", ""],
          ["description", "\ude00"],
          ["files", [new File(["x"], "")]],
          ["files", [new File(["x"], "half a smile \ud83d.txt"), new File(["x"], "")]],
          ...["a\\b.txt", "trail\\", "nul\0.txt", "del\x7f.txt", "folder/", ".", "folder/.."].map(
            (name) => ["files", [new File(["x"], name)]] as const
          ),
          ["files", [new Blob(["x"])]],
          ["files", ["receipt.txt"]]
        ]
        for (const [field, value] of bad) {
          const error = yield* Effect.flip(tickets.create(Object.assign({ ...good }, { [field]: value })))
          assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create", attempts: 0 })
          assert.include(error.message, field)
          assert.propertyVal("reason" in error ? error.reason : {}, "_tag", "InvalidRequest")
        }
        assert.strictEqual(yield* sandbox.count(), 0)
      })
    )
  )

  it.live("many at once are as many", () =>
    inProcess(
      (sandbox, tickets) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.dropped, { on: "create", times: 30 })
          const results = yield* Effect.forEach(
            Array.from({ length: 100 }),
            () => Effect.result(tickets.create(ticketFor(sandbox.customer))),
            { concurrency: "unbounded" }
          )
          const ambiguous = results.filter((result) => result._tag === "Failure")
          assert.isTrue(ambiguous.every(({ failure }) => failure instanceof CreateAmbiguous))
          assert.deepStrictEqual(
            [ambiguous.length, (yield* sandbox.tickets).length, yield* sandbox.count("create")],
            [30, 100, 100]
          )
        }),
      {}
    )
  )
})

/** Interrupts an effect as soon as something is so, and looks a little later what has come of it. */
const interruptWhen = <A, E, E2>(effect: Effect.Effect<A, E>, isSo: Effect.Effect<boolean, E2>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* Effect.andThen(Effect.sleep("1 milli"), isSo).pipe(Effect.repeat({ until: (so) => so }))
    yield* Fiber.interrupt(fiber)
    yield* Effect.sleep("20 millis")
  }).pipe(logged)

describe("a create that is interrupted", () => {
  const patient: RequestOptions = { retry: { times: 1000, base: "20 millis", max: "20 millis" } }
  const one = [1, 1]
  const countsOf = (sandbox: Sandbox["Service"]) =>
    Effect.map(Effect.all([sandbox.count("create"), sandbox.tickets]), ([sent, stored]) => [sent, stored.length])

  const warningFor = Effect.fnUntraced(function* (
    lines: ReadonlyArray<{ level: string; message: string; annotations: object }>,
    ticket: NewTicket
  ) {
    assert.strictEqual(lines.length, 1)
    assert.strictEqual(lines[0]?.level, "Warn")
    assert.strictEqual(lines[0]?.message, "create: interrupted under way, so it may have been carried out unseen")
    const { customerId } = ticket
    assert.deepInclude(lines[0]?.annotations, { customerId, contentHash: yield* contentHashOf(ticket) })
    assert.property(lines[0]?.annotations, "sentAt")
    assert.notInclude(JSON.stringify(lines), secret)
  })

  it.live("before anything is sent: nothing is, and nothing is said", () =>
    inProcess(
      (sandbox, tickets) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.hang, { on: "token" })
          const asked = Effect.map(sandbox.count("token"), (count) => count === 1)
          const { lines } = yield* interruptWhen(tickets.create(ticketFor(sandbox.customer)), asked)
          assert.deepStrictEqual([lines, yield* sandbox.count("create")], [[], 0])
        }),
      patient
    )
  )

  it.live("between two tries of a connection that is refused: nothing was sent, and nothing is said", () =>
    inProcess(
      (sandbox, tickets) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.refused, { on: "create", times: "forever" })
          const tried = Effect.map(sandbox.count("create"), (count) => count >= 2)
          const { lines } = yield* interruptWhen(tickets.create(ticketFor(sandbox.customer)), tried)
          const requests = yield* sandbox.count("create")
          yield* Effect.sleep("50 millis")
          assert.deepStrictEqual([lines, yield* countsOf(sandbox)], [[], [requests, 0]])
        }),
      patient
    )
  )

  it.live("under way: a warning with what it takes to find the ticket, and nothing is sent again", () =>
    inProcess(
      (sandbox, tickets) =>
        Effect.gen(function* () {
          const ticket = ticketFor(sandbox.customer)
          for (const [fault, sent] of [
            [Fault.hang, 1],
            [Fault.beforeStoring(Fault.hang), 2]
          ] as const) {
            yield* sandbox.inject(fault, { on: "create" })
            const arrived = Effect.map(sandbox.count("create"), (count) => count === sent)
            const { lines } = yield* interruptWhen(tickets.create(ticket), arrived)
            yield* warningFor(lines, ticket)
            assert.deepStrictEqual(yield* countsOf(sandbox), [sent, 1])
          }
        }),
      patient
    )
  )

  it.live("after it was answered: nothing is said", () =>
    inProcess(
      (sandbox, tickets) =>
        Effect.gen(function* () {
          yield* sandbox.onCreate({ outcome: "Pending" })
          const polled = Effect.map(sandbox.count("retrieve"), (count) => count === 1)
          const { lines } = yield* interruptWhen(tickets.raise(ticketFor(sandbox.customer)), polled)
          assert.deepStrictEqual([lines, yield* countsOf(sandbox)], [[], one])
        }),
      patient
    )
  )

  it.live("a time-out of its own is an error, and logs no warning", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.hang, { on: "create" })
        const ticket = ticketFor(sandbox.customer)
        const { lines, value } = yield* logged(Effect.flip(tickets.create(ticket)))
        yield* assertAmbiguous(value, ticket)
        assert.deepStrictEqual([lines, yield* countsOf(sandbox)], [[], one])
      })
    )
  )

  for (const [name, client] of sockets) {
    it.live(`over a real socket, by ${name}: while it waits for the answer, and while a file is on its way`, () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const layer = yield* Layer.build(clientAt(sandbox, `http://127.0.0.1:${yield* sandboxPort}`, client))
        const tickets = yield* SupportTickets.pipe(Effect.provide(layer))
        yield* sandbox.inject(Fault.hang, { on: "create" })
        const small = ticketFor(sandbox.customer)
        const stored = Effect.map(sandbox.tickets, ({ length }) => length === 1)
        const waiting = yield* interruptWhen(tickets.create(small), stored)
        yield* warningFor(waiting.lines, small)
        assert.deepStrictEqual(yield* countsOf(sandbox), one)

        // A server that does not read on: the upload is stuck when it is interrupted.
        // (`fetch` makes a new connection after that, and sends nothing on it.)
        let requests = 0
        const port = yield* tcp((socket) => {
          socket.once("data", () => {
            requests++
            socket.pause()
          })
        })
        const large = ticketFor(sandbox.customer, new File([new Uint8Array(20_000_000)], "large.bin"))
        const stuck = yield* interruptWhen(
          SupportTickets.use((tickets) => tickets.create(large)).pipe(
            Effect.provide(withTokenAt(`http://127.0.0.1:${port}`, client))
          ),
          Effect.sync(() => requests > 0)
        )
        yield* warningFor(stuck.lines, large)
        yield* Effect.sleep("50 millis")
        assert.strictEqual(requests, 1)
      }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
    )
  }
})

describe("raise", () => {
  it.live("is a create and its outcome", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        yield* sandbox.onCreate({ outcome: "Created", after: 0 })
        const created = yield* tickets.raise(ticketFor(sandbox.customer))
        yield* sandbox.onCreate({ outcome: "Failed", after: 0 })
        const failed = yield* tickets.raise(ticketFor(sandbox.customer))
        const [one, two] = yield* sandbox.tickets
        assert.deepEqual(
          [created, failed],
          [
            { _tag: "Created", ticketId: one!.ticketId, issueKey: "SUP-1001" as never },
            { _tag: "Failed", ticketId: two!.ticketId }
          ]
        )
      })
    )
  )

  it.live("never asks for a ticket that may not exist, nor for one that does not", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        const ticket = ticketFor(sandbox.customer)
        for (const [fault, tag] of [
          [Fault.dropped, "CreateAmbiguous"],
          [Fault.hang, "CreateAmbiguous"],
          [Fault.status(502), "CreateAmbiguous"],
          [Fault.cutJson, "CreateAmbiguous"],
          [Fault.rateLimited(), "RipioHttpError"],
          [Fault.status(400, { body: { code: 20000, type: "T", detail: {}, status: 400 } }), "TicketRejected"]
        ] as const) {
          yield* sandbox.inject(fault, { on: "create" })
          assert.propertyVal(yield* Effect.flip(tickets.raise(ticket)), "_tag", tag)
        }
        yield* sandbox.setEnabled(false)
        assert.propertyVal(yield* Effect.flip(tickets.raise(ticket)), "_tag", "NotEnabled")
        assert.deepStrictEqual([yield* sandbox.count("create"), yield* sandbox.count("retrieve")], [7, 0])
      })
    )
  )

  it.live("has the errors of the waiting too, and creates once whatever the polls come to", () =>
    inProcess((sandbox, tickets) =>
      Effect.gen(function* () {
        const ticket = ticketFor(sandbox.customer)
        yield* sandbox.onCreate({ outcome: "Pending" })
        const pending = yield* Effect.flip(tickets.raise(ticket, { deadline: "20 millis" }))
        assert.deepInclude(pending, { _tag: "OutcomePending", ticketId: (yield* sandbox.tickets)[0]!.ticketId })
        yield* sandbox.inject(Fault.status(404, { body: { code: 40017, type: "T", detail: {}, status: 404 } }), {
          on: "retrieve"
        })
        assert.propertyVal(yield* Effect.flip(tickets.raise(ticket)), "_tag", "NotFound")
        yield* sandbox.inject(Fault.dropped, { on: "retrieve", times: "forever" })
        const lost = yield* Effect.flip(tickets.raise(ticket, { deadline: "20 millis" }))
        assert.deepInclude(lost, { _tag: "OutcomePending" })
        assert.deepStrictEqual([yield* sandbox.count("create"), (yield* sandbox.tickets).length], [3, 3])
      })
    )
  )
})
