import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { IssueKey, Ripio, SupportTickets } from "../../src/index.ts"
import { Fault, Sandbox } from "../../src/testing/index.ts"

const everySecond = { schedule: Schedule.spaced("1 second") }

describe("the client on the sandbox", () => {
  it.effect("follows a ticket to its outcome, with the requests that it takes and no more", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const ticketId = yield* sandbox.seed({ after: "2500 millis" })
      const fiber = yield* Effect.forkChild(tickets.awaitOutcome(ticketId, everySecond), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Fiber.join(fiber), {
        _tag: "Created",
        ticketId,
        issueKey: IssueKey.make("SUP-1001")
      })
      assert.deepStrictEqual(
        (yield* sandbox.requests).map(({ at, route }) => [route, at]),
        [
          ["token", 0],
          ["retrieve", 0],
          ["retrieve", 1000],
          ["retrieve", 2000],
          ["retrieve", 3000]
        ]
      )
    }).pipe(Effect.provide(Sandbox.layerRipio({ seed: 0 })))
  )

  it.effect("meets the errors that a caller acts on", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const other = yield* sandbox.addAccount()
      const theirs = yield* sandbox.seed({ account: other })
      const tag = Effect.map(Effect.flip(tickets.retrieve(theirs)), ({ _tag }) => _tag)
      assert.strictEqual(yield* tag, "NotFound")
      yield* sandbox.setEnabled(false)
      assert.strictEqual(yield* tag, "NotEnabled")
      yield* sandbox.inject(Fault.unauthenticated(), { times: "forever" })
      assert.strictEqual(yield* tag, "Unauthenticated")
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  it.effect("meets every fault as a reason of its own", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const ticketId = yield* sandbox.seed()
      yield* tickets.retrieve(ticketId)
      const expected = [
        [Fault.refused, "TransportFailed"],
        [Fault.reset({ afterBytes: 0 }), "TransportFailed"],
        [Fault.reset({ afterBytes: 10 }), "TransportFailed"],
        [Fault.hang, "TimedOut"],
        [Fault.latency("11 seconds"), "TimedOut"],
        [Fault.rateLimited({ retryAfter: 3 }), "RateLimited"],
        [Fault.status(503), "ServerFailed"],
        [Fault.gatewayHtml(502), "ServerFailed"],
        [Fault.cutJson, "UnexpectedResponse"],
        [Fault.oversized(64 * 1024 + 1), "UnexpectedResponse"],
        [Fault.body({ ticketId, status: "DONE", issueKey: null }), "UnexpectedResponse"]
      ] as const
      for (const [fault, reason] of expected) {
        yield* sandbox.inject(fault)
        const fiber = yield* Effect.forkChild(Effect.flip(tickets.retrieve(ticketId)), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag, "RipioHttpError")
        assert.deepStrictEqual([fault, "reason" in error && error.reason._tag], [fault, reason])
      }
      yield* sandbox.inject(Fault.oversized(64 * 1024))
      assert.strictEqual((yield* tickets.retrieve(ticketId))._tag, "Created")
    }).pipe(Effect.provide(Sandbox.layerRipio({ retry: { times: 0 } })))
  )

  it.effect("gets over a token that is gone, and counts what that took", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const ticketId = yield* sandbox.seed()
      for (const fault of [Fault.tokenExpired, Fault.tokensRevoked, Fault.unauthenticated(403)]) {
        const [grants, reads] = [yield* sandbox.count("token"), yield* sandbox.count("retrieve")]
        yield* sandbox.inject(fault)
        yield* tickets.retrieve(ticketId)
        assert.strictEqual((yield* sandbox.count("retrieve")) - reads, 2)
        assert.strictEqual((yield* sandbox.count("token")) - grants, grants === 0 ? 2 : 1)
      }
      const grants = yield* sandbox.count("token")
      yield* TestClock.adjust("10 minutes")
      yield* tickets.retrieve(ticketId)
      assert.strictEqual((yield* sandbox.count("token")) - grants, 1)
    }).pipe(Effect.provide(Sandbox.layerRipio({ tokenResponseCase: "snake_case", tokenLifetime: "10 minutes" })))
  )

  it.effect("does the same for one account more", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const other = yield* sandbox.addAccount()
      const ticketId = yield* sandbox.seed({ account: other, after: 0 })
      const ticket = yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(
        Effect.provide(Ripio.layer({ environment: "sandbox", ...other }).pipe(Layer.provide(Sandbox.layerHttpClient)), {
          local: true
        })
      )
      assert.deepStrictEqual(ticket, { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1001") })
    }).pipe(Effect.provide(Sandbox.layer({ seed: 0 })))
  )
})
