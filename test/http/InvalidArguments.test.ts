import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import {
  AuthService,
  AuthStaticToken,
  contentHashOf,
  OutcomePending,
  RipioHttpError,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive
} from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { pending, ticketId } from "../support/fixtures.ts"
import { scriptedHttp, scriptedTickets } from "../support/harness.ts"
import { newTicket } from "../support/newTicket.ts"
import { reasonOf } from "../support/reasonOf.ts"
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

  it.effect("an invalid ticket id of any type is shown escaped and bounded", () =>
    Effect.gen(function* () {
      const shown: ReadonlyArray<readonly [id: unknown, text: string]> = [
        [Symbol("id"), "Symbol(id)"],
        [Object.create(null), "object"],
        ["\n\u001b[2J", "\\n\\x1b[2J"],
        ["x".repeat(100_000), `${"x".repeat(511)}…`]
      ]
      for (const [id, text] of shown) {
        const error = yield* errorOf((tickets) => tickets.awaitOutcome(untyped(id)))
        assert.instanceOf(error, OutcomePending)
        assert.strictEqual(String(error.ticketId), text)
      }
    })
  )

  it.effect("an invalid ticket is a RipioHttpError of create and raise", () =>
    Effect.gen(function* () {
      const revoked = Proxy.revocable({}, {})
      revoked.revoke()
      const throwing = {
        get summary(): never {
          throw new Error("a getter")
        }
      }
      for (const ticket of [
        undefined,
        null,
        7,
        "ticket",
        [],
        revoked.proxy,
        { ...newTicket(), summary: 7 },
        throwing
      ]) {
        const calls: ReadonlyArray<(tickets: Tickets) => Effect.Effect<unknown, unknown>> = [
          (tickets) => tickets.create(untyped(ticket)),
          (tickets) => tickets.raise(untyped(ticket))
        ]
        for (const call of calls) {
          const error = yield* errorOf(call)
          assert.instanceOf(error, RipioHttpError)
          assert.deepInclude(error, { operation: "create", attempts: 0 })
          assert.strictEqual(error.reason._tag, "InvalidRequest")
        }
      }
    })
  )
})

describe("RipioHttp.execute", () => {
  it.effect("fails with InvalidRequest for arguments that are not a request and options", () =>
    Effect.gen(function* () {
      const { execute } = yield* scriptedHttp([])
      const request = HttpClientRequest.get("/path/")
      const options = { operation: "test", decode: Result.succeed }
      const calls: ReadonlyArray<readonly [request: unknown, options: unknown, issue: string]> = [
        [undefined, options, "request: expected an HttpClientRequest"],
        [{ url: "/path/", method: "GET" }, options, "request: expected an HttpClientRequest"],
        [request, undefined, "options: expected an object"],
        [request, { ...options, operation: 7 }, "operation: expected some text"],
        [request, { ...options, decode: undefined }, "decode: expected a function"],
        [request, { ...options, annotations: {} }, "annotations: expected a function"],
        [
          request,
          new Proxy(options, { get: () => assert.fail("read") }),
          "request: expected an HttpClientRequest and options that can be read"
        ]
      ]
      for (const [request, options, issue] of calls) {
        const error = yield* Effect.flip(execute(untyped(request), untyped(options)))
        assert.deepInclude(error, { _tag: "RipioHttpError", operation: "execute", attempts: 0 })
        assert.deepInclude(reasonOf(error), { _tag: "InvalidRequest", issue })
      }
    })
  )

  it.effect("fails with InvalidRequest for a token of a custom AuthService that a header cannot contain", () =>
    Effect.gen(function* () {
      const wiped = Redacted.make("a-token")
      Redacted.wipeUnsafe(wiped)
      const scripted = yield* ScriptedHttpClient.make([])
      for (const token of [undefined, null, "plain", {}, wiped, Redacted.make("a\r\nb"), Redacted.make(untyped(7))]) {
        const auth = Layer.succeed(AuthService, {
          accessToken: Effect.succeed(untyped(token)),
          invalidate: () => Effect.void
        })
        const layer = SupportTicketsLive.layer.pipe(
          Layer.provide(RipioHttpLive.layer({ environment: "sandbox" })),
          Layer.provide([auth, scripted.layer])
        )
        const calls: ReadonlyArray<(tickets: Tickets) => Effect.Effect<unknown, unknown>> = [
          (tickets) => tickets.retrieve(ticketId),
          (tickets) => tickets.create(newTicket())
        ]
        for (const call of calls) {
          const error = yield* Effect.flip(Effect.provide(SupportTickets.use(call), layer))
          assert.instanceOf(error, RipioHttpError)
          assert.deepInclude(error, { operation: "accessToken", attempts: 0 })
          assert(error.reason._tag === "InvalidRequest")
          assert.match(error.reason.issue, /^token: expected/u)
        }
      }
      assert.deepStrictEqual(yield* scripted.requests, [])
    })
  )

  it.effect("fails with InvalidRequest for a token that was wiped after a call", () =>
    Effect.gen(function* () {
      const token = Redacted.make("a-token")
      const scripted = yield* ScriptedHttpClient.make([{ status: 200, json: pending }])
      const layer = SupportTicketsLive.layer.pipe(
        Layer.provide(RipioHttpLive.layer({ environment: "sandbox" })),
        Layer.provide([AuthStaticToken.layer({ token }), scripted.layer])
      )
      const { retrieve } = yield* Effect.provide(SupportTickets, layer)
      yield* retrieve(ticketId)
      Redacted.wipeUnsafe(token)
      assert.deepInclude(reasonOf(yield* Effect.flip(retrieve(ticketId))), { _tag: "InvalidRequest" })
      assert.lengthOf(yield* scripted.requests, 1)
    })
  )
})

describe("contentHashOf", () => {
  it.effect("fails with InvalidRequest for a ticket that cannot be sent", () =>
    Effect.gen(function* () {
      for (const ticket of [undefined, null, {}, { ...newTicket(), files: [null] }]) {
        assert.propertyVal(yield* Effect.flip(contentHashOf(untyped(ticket))), "_tag", "InvalidRequest")
      }
    })
  )
})
