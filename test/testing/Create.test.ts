import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { CustomerId } from "../../src/index.ts"
import { Fault, type SandboxTicket } from "../../src/testing/index.ts"
import { eventually } from "../support/eventually.ts"
import { createPath, createRequest, everyByte, send, ticketForm } from "./createRequest.ts"
import { awaitRequests, firstTicketId, inProcess, itOn, requestToken, retrieveJson, transports } from "./transports.ts"

for (const { title, transport } of transports) {
  describe(`the create endpoint (${title})`, () => {
    const it = itOn(transport)

    it("stores the ticket, which is pending at first and ends after three seconds", (sandbox) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1000)
        const token = yield* requestToken(sandbox.account)
        const form = ticketForm(sandbox.customer, [
          new File([everyByte], 'a "photo" ñ.png', { type: "image/png" }),
          new File([], "empty.txt", { type: "text/plain" })
        ])
        assert.deepStrictEqual(yield* send(createRequest(token, form)), {
          status: 202,
          body: { ticketId: firstTicketId, status: "PENDING", issueKey: null }
        })
        const stored: SandboxTicket = {
          ticketId: firstTicketId,
          clientId: sandbox.account.clientId,
          at: 1000,
          customerId: sandbox.customer,
          summary: "No aparece mi depósito",
          description: "first\r\nsecond 😀",
          files: [
            { name: 'a "photo" ñ.png', type: "image/png", size: 256, bytes: everyByte },
            { name: "empty.txt", type: "text/plain", size: 0, bytes: new Uint8Array() }
          ],
          state: "Pending"
        }
        assert.deepEqual(yield* sandbox.tickets, [stored])
        yield* TestClock.adjust(2999)
        assert.propertyVal((yield* retrieveJson(firstTicketId, token)).body, "status", "PENDING")
        yield* TestClock.adjust(1)
        assert.deepStrictEqual((yield* retrieveJson(firstTicketId, token)).body, {
          ticketId: firstTicketId,
          status: "CREATED",
          issueKey: "SUP-1001"
        })
        assert.deepEqual(yield* sandbox.tickets, [{ ...stored, state: "Created" }])
        assert.deepInclude((yield* sandbox.requests)[1], {
          route: "create",
          method: "POST",
          path: createPath,
          status: 202
        })
        assert.strictEqual(yield* sandbox.count("create"), 1)
      }))

    it("accepts only customers of the account that have an email address", (sandbox) =>
      Effect.gen(function* () {
        const otherAccount = yield* sandbox.addAccount()
        const otherCustomer = yield* sandbox.addCustomer({ account: otherAccount })
        const customerWithoutEmail = yield* sandbox.addCustomer({
          customerId: CustomerId.make("11111111-1111-4111-8111-111111111111"),
          email: false
        })
        const token = yield* requestToken(sandbox.account)
        const otherToken = yield* requestToken(otherAccount)
        for (const { customerId, expected, token: usedToken } of [
          { token, customerId: sandbox.customer, expected: 202 },
          { token, customerId: otherCustomer, expected: 400 },
          { token, customerId: customerWithoutEmail, expected: 400 },
          { token: otherToken, customerId: sandbox.customer, expected: 400 },
          { token: otherToken, customerId: otherCustomer, expected: 202 }
        ]) {
          const { status } = yield* send(createRequest(usedToken, ticketForm(customerId)))
          assert.strictEqual(status, expected)
        }
        assert.deepStrictEqual(
          (yield* sandbox.tickets).map(({ clientId, customerId }) => ({ clientId, customerId })),
          [
            { clientId: sandbox.account.clientId, customerId: sandbox.customer },
            { clientId: otherAccount.clientId, customerId: otherCustomer }
          ]
        )
      }))

    it("responds 401 to an invalid token and 403 to a disabled account, whatever the body", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        yield* sandbox.inject(Fault.tokenExpired)
        for (const form of [ticketForm(sandbox.customer), new FormData()]) {
          assert.propertyVal((yield* send(createRequest(token, form))).body, "code", 40001)
        }
        yield* sandbox.setEnabled(false)
        const newToken = yield* requestToken(sandbox.account)
        const { body, status } = yield* send(createRequest(newToken))
        assert.strictEqual(status, 403)
        assert.strictEqual(body["code"], 20061)
        assert.deepStrictEqual(yield* sandbox.tickets, [])
      }))

    it("stores the ticket under faults that damage the response, not under faults that replace it", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        const damaging = [Fault.dropped, Fault.reset({ afterBytes: 9 }), Fault.cutJson, Fault.oversized(70_000)]
        const replacing = [Fault.status(500), Fault.gatewayHtml(502), Fault.rateLimited(), Fault.unauthenticated()]
        const storedUnder = Effect.fnUntraced(function* (fault: Fault) {
          const before = (yield* sandbox.tickets).length
          yield* sandbox.inject(fault, { on: "create" })
          yield* Effect.exit(send(createRequest(token, ticketForm(sandbox.customer))))
          return (yield* sandbox.tickets).length - before
        })
        for (const fault of damaging) {
          assert.strictEqual(yield* storedUnder(fault), 1)
          assert.strictEqual(yield* storedUnder(Fault.afterStoring(fault)), 1)
          assert.strictEqual(yield* storedUnder(Fault.beforeStoring(fault)), 0)
        }
        for (const fault of replacing) {
          assert.strictEqual(yield* storedUnder(fault), 0)
          assert.strictEqual(yield* storedUnder(Fault.beforeStoring(fault)), 0)
          assert.strictEqual(yield* storedUnder(Fault.afterStoring(fault)), 1)
        }
        assert.strictEqual(yield* storedUnder(Fault.refused), 0)
        assert.strictEqual(yield* sandbox.count("create"), 25)
      }))

    for (const { expected, fault, title } of [
      { title: "stores the ticket and then hangs with Fault.hang", fault: Fault.hang, expected: 1 },
      {
        title: "hangs without storing the ticket with Fault.beforeStoring(Fault.hang)",
        fault: Fault.beforeStoring(Fault.hang),
        expected: 0
      }
    ]) {
      it(title, (sandbox) =>
        Effect.gen(function* () {
          const token = yield* requestToken(sandbox.account)
          const create = send(createRequest(token, ticketForm(sandbox.customer)))
          yield* sandbox.inject(fault, { on: "create" })
          const hanging = yield* Effect.forkChild(create, { startImmediately: true })
          yield* awaitRequests(sandbox, 2)
          // The response to a later request shows that the sandbox has processed the hanging one.
          yield* create
          const tickets = yield* eventually(sandbox.tickets, ({ length }) => length > expected)
          yield* Fiber.interrupt(hanging)
          assert.strictEqual(tickets.length, expected + 1)
        })
      )
    }
  })
}

describe("a created ticket", () => {
  const it = itOn(inProcess)

  it("ends as configured by the last onCreate before its creation", (sandbox) =>
    Effect.gen(function* () {
      const token = yield* requestToken(sandbox.account)
      const create = send(createRequest(token, ticketForm(sandbox.customer)))
      yield* create
      yield* sandbox.onCreate({ outcome: "Failed", after: "1 hour" })
      yield* create
      yield* sandbox.onCreate({ outcome: "Pending" })
      yield* create
      yield* sandbox.onCreate({ after: 0 })
      assert.propertyVal((yield* create).body, "status", "PENDING")
      const states = Effect.map(sandbox.tickets, (tickets) => tickets.map(({ state }) => state))
      assert.deepStrictEqual(yield* states, ["Pending", "Pending", "Pending", "Created"])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* states, ["Created", "Pending", "Pending", "Created"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* states, ["Created", "Failed", "Pending", "Created"])
      yield* sandbox.complete((yield* sandbox.tickets)[2]!.ticketId, "Failed")
      assert.deepStrictEqual(yield* states, ["Created", "Failed", "Failed", "Created"])
    }))

  it("shares the numbering of ids with seeded and unstored tickets, and only created tickets are listed", (sandbox) =>
    Effect.gen(function* () {
      const token = yield* requestToken(sandbox.account)
      const create = send(createRequest(token, ticketForm(sandbox.customer)))
      yield* sandbox.seed()
      yield* sandbox.inject(Fault.beforeStoring(Fault.latency(0)), { on: "create" })
      const unstored = yield* create
      const stored = yield* create
      const ids = [unstored, stored].map(({ body }) => String(body["ticketId"]))
      assert.deepStrictEqual(
        ids.map((id) => id.slice(-1)),
        ["2", "3"]
      )
      assert.deepStrictEqual(
        (yield* sandbox.tickets).map(({ ticketId }) => ticketId),
        ids.slice(1)
      )
      assert.deepStrictEqual(
        yield* Effect.forEach(ids, (id) => Effect.map(retrieveJson(id, token), ({ status }) => status)),
        [404, 200]
      )
    }))
})
