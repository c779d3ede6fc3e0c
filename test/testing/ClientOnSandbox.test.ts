import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { IssueKey, Ripio, SupportTickets } from "../../src/index.ts"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { onSandbox } from "../support/harness.ts"

describe("the client on the sandbox", () => {
  it.effect("polls a ticket until its outcome, with one token request", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ after: "2500 millis", issueKey: IssueKey.make("SUP-1001") })
        const wait = tickets.awaitOutcome(ticketId, { schedule: Schedule.spaced("1 second") })
        const fiber = yield* Effect.forkChild(wait, { startImmediately: true })
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* Fiber.join(fiber), {
          _tag: "Created",
          ticketId,
          issueKey: IssueKey.make("SUP-1001")
        })
        assert.deepStrictEqual(
          (yield* sandbox.requests).map(({ at, route }) => ({ at, route })),
          [
            { at: 0, route: "token" },
            { at: 0, route: "retrieve" },
            { at: 1000, route: "retrieve" },
            { at: 2000, route: "retrieve" },
            { at: 3000, route: "retrieve" }
          ]
        )
      })
    )
  )

  it.effect("fails with NotFound, NotEnabled and Unauthenticated", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const otherAccount = yield* sandbox.addAccount()
        const otherTicketId = yield* sandbox.seed({ account: otherAccount })
        const failure = Effect.map(Effect.flip(tickets.retrieve(otherTicketId)), ({ _tag }) => _tag)
        assert.strictEqual(yield* failure, "NotFound")
        yield* sandbox.setEnabled(false)
        assert.strictEqual(yield* failure, "NotEnabled")
        yield* sandbox.inject(Fault.unauthenticated(), { times: "forever" })
        assert.strictEqual(yield* failure, "Unauthenticated")
      })
    )
  )

  it.effect("fails with the reason that matches the fault", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const ticketId = yield* sandbox.seed()
          yield* tickets.retrieve(ticketId)
          for (const { expected, fault } of [
            { fault: Fault.refused, expected: "TransportFailed" },
            { fault: Fault.reset({ afterBytes: 0 }), expected: "TransportFailed" },
            { fault: Fault.reset({ afterBytes: 10 }), expected: "TransportFailed" },
            { fault: Fault.hang, expected: "TimedOut" },
            { fault: Fault.latency("11 seconds"), expected: "TimedOut" },
            { fault: Fault.rateLimited({ retryAfter: 3 }), expected: "RateLimited" },
            { fault: Fault.status(503), expected: "ServerFailed" },
            { fault: Fault.gatewayHtml(502), expected: "ServerFailed" },
            { fault: Fault.cutJson, expected: "UnexpectedResponse" },
            { fault: Fault.oversized(64 * 1024 + 1), expected: "UnexpectedResponse" },
            { fault: Fault.body({ ticketId, status: "DONE", issueKey: null }), expected: "UnexpectedResponse" }
          ]) {
            yield* sandbox.inject(fault)
            const fiber = yield* Effect.forkChild(Effect.flip(tickets.retrieve(ticketId)), { startImmediately: true })
            yield* TestClock.adjust("10 seconds")
            const error = yield* Fiber.join(fiber)
            assert.strictEqual(error._tag, "RipioHttpError")
            const reason = "reason" in error && error.reason._tag
            assert.deepStrictEqual({ fault, reason }, { fault, reason: expected })
          }
          yield* sandbox.inject(Fault.oversized(64 * 1024))
          assert.strictEqual((yield* tickets.retrieve(ticketId))._tag, "Created")
        }),
      { retry: { times: 0 } }
    )
  )

  it.effect("replaces an invalid or expired token with one token request and sends the request again", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const ticketId = yield* sandbox.seed()
          for (const { fault, tokenRequests } of [
            // The first call requests its first token as well.
            { fault: Fault.tokenExpired, tokenRequests: 2 },
            { fault: Fault.tokensRevoked, tokenRequests: 1 },
            { fault: Fault.unauthenticated(403), tokenRequests: 1 }
          ]) {
            const tokensBefore = yield* sandbox.count("token")
            const retrievesBefore = yield* sandbox.count("retrieve")
            yield* sandbox.inject(fault)
            yield* tickets.retrieve(ticketId)
            assert.strictEqual((yield* sandbox.count("retrieve")) - retrievesBefore, 2)
            assert.strictEqual((yield* sandbox.count("token")) - tokensBefore, tokenRequests)
          }
          const tokensBefore = yield* sandbox.count("token")
          yield* TestClock.adjust("10 minutes")
          yield* tickets.retrieve(ticketId)
          assert.strictEqual((yield* sandbox.count("token")) - tokensBefore, 1)
        }),
      { tokenResponseCase: "snake_case", tokenLifetime: "10 minutes" }
    )
  )

  it.effect("serves another account through Ripio.layer", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const otherAccount = yield* sandbox.addAccount()
      const ticketId = yield* sandbox.seed({ account: otherAccount, after: 0 })
      const client = Ripio.layer({ environment: "sandbox", ...otherAccount }).pipe(
        Layer.provide(Sandbox.layerHttpClient)
      )
      const ticket = yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(
        Effect.provide(client, { local: true })
      )
      assert.deepStrictEqual(ticket, { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1001") })
    }).pipe(Effect.provide(Sandbox.layer({ seed: 0 })))
  )
})
