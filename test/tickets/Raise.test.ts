import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Fault } from "../../src/testing/index.ts"
import { onSandbox } from "../support/harness.ts"
import { newTicket } from "../support/newTicket.ts"
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
