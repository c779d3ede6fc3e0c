import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { OutcomePending, RipioHttpError, SupportTickets } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"
import { untyped } from "../support/untyped.ts"

type Tickets = SupportTickets["Service"]

describe("SupportTickets", () => {
  const invalidTicketIds = [
    "",
    "x",
    ticketId.toUpperCase(),
    `${ticketId}/../x`,
    `${ticketId}?a=b`,
    `../${ticketId}`,
    `${ticketId}\n`,
    ` ${ticketId}`,
    undefined,
    null,
    7,
    {}
  ]
  const invalidDeadlines = [-1, "-1 seconds", Duration.seconds(-1), "soon", "", true]
  const ticketIdIssue = "ticketId: expected a UUID in lower case"
  const deadlineIssue = "deadline: expected a duration that is not negative"

  /** The error of a call, which must not send a request. */
  const errorOf = <A, E>(call: (tickets: Tickets) => Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const scripted = yield* scriptedTickets([])
      const error = yield* Effect.flip(Effect.provide(SupportTickets.use(call), scripted.layer))
      assert.deepStrictEqual(yield* scripted.requests, [])
      return error
    })

  const assertInvalidRequest = (error: unknown, operation: string, issue: string) => {
    assert.instanceOf(error, RipioHttpError)
    assert.strictEqual(error.operation, operation)
    assert.strictEqual(error.attempts, 0)
    assert.isFalse(error.isRetryable)
    assert(error.reason._tag === "InvalidRequest")
    assert.strictEqual(error.reason.issue, issue)
  }

  it.effect("retrieve fails for an invalid ticket id, and sends nothing", () =>
    Effect.gen(function* () {
      for (const id of invalidTicketIds) {
        assertInvalidRequest(yield* errorOf((tickets) => tickets.retrieve(untyped(id))), "retrieve", ticketIdIssue)
      }
    })
  )

  const waits = [
    {
      name: "awaitOutcome",
      call: (tickets: Tickets, id: unknown, options?: { readonly deadline: never }) =>
        tickets.awaitOutcome(untyped(id), options)
    },
    {
      name: "changes",
      call: (tickets: Tickets, id: unknown, options?: { readonly deadline: never }) =>
        Stream.runDrain(tickets.changes(untyped(id), options))
    }
  ]

  for (const { call, name } of waits) {
    it.effect(`${name} ends at once for an invalid ticket id or deadline, and sends nothing`, () =>
      Effect.gen(function* () {
        for (const id of invalidTicketIds) {
          const error = yield* errorOf((tickets) => call(tickets, id))
          assert.instanceOf(error, OutcomePending)
          assert.deepInclude(error, { polls: 0, elapsed: Duration.millis(0) })
          assertInvalidRequest(error.lastError, "awaitOutcome", ticketIdIssue)
          assert.include(error.message, ticketIdIssue)
        }
        for (const deadline of invalidDeadlines) {
          const error = yield* errorOf((tickets) => call(tickets, ticketId, { deadline: untyped(deadline) }))
          assert.instanceOf(error, OutcomePending)
          assert.deepInclude(error, { ticketId, polls: 0, elapsed: Duration.millis(0) })
          assertInvalidRequest(error.lastError, "awaitOutcome", deadlineIssue)
          assert.include(error.message, deadlineIssue)
        }
      })
    )
  }
})
