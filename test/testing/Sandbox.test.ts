import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { IssueKey } from "../../src/domain/IssueKey.ts"
import { TicketId } from "../../src/domain/TicketId.ts"
import { Fault, Sandbox, type SandboxOptions } from "../../src/testing/index.ts"
import { answerOf, inProcess, retrieve, token, tokenRequest } from "./transports.ts"

const first = TicketId.make("00000000-0000-4000-8000-000000000001")

const pending = (ticketId: string) => ({ ticketId, status: "PENDING", issueKey: null })
const created = (ticketId: string, issueKey: string) => ({ ticketId, status: "CREATED", issueKey })
const failed = (ticketId: string) => ({ ticketId, status: "FAILED", issueKey: null })

const notAuthenticated = {
  status: 401,
  body: {
    code: 40001,
    type: "NotAuthenticated",
    detail: { message: "Authentication credentials were not provided.", code: "not_authenticated" },
    status: 401
  }
}
const notFound = {
  status: 404,
  body: {
    code: 40017,
    type: "SupportTicketNotFoundException",
    detail: { message: "Support ticket not found." },
    status: 404
  }
}
const notEnabled = {
  status: 403,
  body: {
    code: 20061,
    type: "SupportTicketsNotEnabledException",
    detail: { message: "Support tickets are not enabled for this account." },
    status: 403
  }
}

const withSandbox = <A, E>(
  test: (sandbox: Sandbox["Service"]) => Effect.Effect<A, E, Sandbox | HttpClient.HttpClient>,
  options?: SandboxOptions
) => Sandbox.use(test).pipe(Effect.provide(inProcess(Sandbox.layer({ seed: 0, ...options }))))

const says = (wrong: Effect.Effect<unknown>, text: string) =>
  Effect.map(Effect.flip(Effect.sandbox(wrong)), (cause) => assert.include(Cause.pretty(cause), text))

describe("tickets", () => {
  it.effect("a ticket ends on the millisecond, three seconds after it was seeded", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_000_000)
        const id = yield* sandbox.seed()
        const bearer = yield* token(sandbox.account)
        assert.deepStrictEqual((yield* answerOf(id, bearer)).body, pending(id))
        yield* TestClock.adjust(2999)
        assert.deepStrictEqual((yield* answerOf(id, bearer)).body, pending(id))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual((yield* answerOf(id, bearer)).body, created(id, "SUP-1001"))
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual((yield* answerOf(id, bearer)).body, created(id, "SUP-1001"))
      })
    )
  )

  const millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))
  it.effect.prop(
    "a ticket is pending before `after`, and ended from then on",
    { after: millis, waited: millis, outcome: Schema.Literals(["Created", "Failed"]) },
    ({ after, outcome, waited }) =>
      withSandbox((sandbox) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ after, outcome })
          const bearer = yield* token(sandbox.account)
          yield* TestClock.adjust(waited)
          const ended = outcome === "Created" ? created(id, "SUP-1001") : failed(id)
          assert.deepStrictEqual((yield* answerOf(id, bearer)).body, waited < after ? pending(id) : ended)
        })
      )
  )

  it.effect("ids and issue keys count up alike, whatever the outcome", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const ids = [
          yield* sandbox.seed({ after: 0 }),
          yield* sandbox.seed({ outcome: "Failed", after: 0 }),
          yield* sandbox.seed({ outcome: "Pending" }),
          yield* sandbox.seed({ after: 0, issueKey: IssueKey.make("OPS-7") }),
          yield* sandbox.seed({ after: 0 })
        ] as const
        assert.deepStrictEqual(
          ids.map((id) => id.slice(-3)),
          ["001", "002", "003", "004", "005"]
        )
        yield* TestClock.adjust("10 days")
        const fresh = yield* token(sandbox.account)
        const bodies = yield* Effect.forEach(ids, (id) => Effect.map(answerOf(id, fresh), ({ body }) => body))
        assert.deepStrictEqual(bodies, [
          created(ids[0], "SUP-1001"),
          failed(ids[1]),
          pending(ids[2]),
          created(ids[3], "OPS-7"),
          created(ids[4], "SUP-1005")
        ])
        assert.notStrictEqual(Redacted.value(fresh), Redacted.value(bearer))
      })
    )
  )

  it.effect("settle ends a ticket at once, and an outcome does not change", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const stays = yield* sandbox.seed({ outcome: "Pending" })
        const early = yield* sandbox.seed({ outcome: "Created", after: "1 hour" })
        yield* sandbox.complete(stays, "Created")
        yield* sandbox.complete(early, "Failed")
        yield* sandbox.complete(early, "Failed")
        assert.deepStrictEqual((yield* answerOf(stays, bearer)).body, created(stays, "SUP-1001"))
        assert.deepStrictEqual((yield* answerOf(early, bearer)).body, failed(early))
        yield* TestClock.adjust("2 hours")
        assert.deepStrictEqual((yield* answerOf(early, bearer)).body, failed(early))

        const cause = yield* Effect.flip(Effect.sandbox(sandbox.complete(early, "Created")))
        assert.include(Cause.pretty(cause), "has ended as Failed")
      })
    )
  )

  it.effect("a wrong use of the sandbox dies, and says which", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.seed()
        const stranger = { clientId: "stranger", clientSecret: Redacted.make("s") }
        yield* says(sandbox.seed({ ticketId: first }), `there is a ticket ${first} already`)
        yield* says(sandbox.complete(TicketId.make(first.replace("1", "2")), "Failed"), "there is no ticket")
        yield* says(sandbox.setEnabled(false, stranger), "no account has the client id stranger")
        yield* says(sandbox.addAccount({ clientId: sandbox.account.clientId }), "there is an account")
        yield* says(sandbox.inject(Fault.tokenExpired, { on: "token" }), "waits for a request with a Bearer token")
      })
    )
  )
})

describe("accounts and tokens", () => {
  it.effect("a ticket is there for its own account alone", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const other = yield* sandbox.addAccount()
        const mine = yield* sandbox.seed({ after: 0 })
        const theirs = yield* sandbox.seed({ account: other, after: 0 })
        const myToken = yield* token(sandbox.account)
        const theirToken = yield* token(other)
        assert.deepStrictEqual((yield* answerOf(mine, myToken)).body, created(mine, "SUP-1001"))
        assert.deepStrictEqual((yield* answerOf(theirs, theirToken)).body, created(theirs, "SUP-1002"))
        assert.deepStrictEqual(yield* answerOf(mine, theirToken), notFound)
        assert.deepStrictEqual(yield* answerOf(theirs, myToken), notFound)
        assert.deepStrictEqual(
          (yield* sandbox.requests).map(({ clientId }) => clientId),
          [
            sandbox.account.clientId,
            other.clientId,
            sandbox.account.clientId,
            other.clientId,
            other.clientId,
            sandbox.account.clientId
          ]
        )
      })
    )
  )

  it.effect("the feature is switched by account, and outranks whether there is such a ticket", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const other = yield* sandbox.addAccount({ enabled: false })
        const id = yield* sandbox.seed({ after: 0 })
        const bearer = yield* token(sandbox.account)
        assert.deepStrictEqual(yield* answerOf(id, yield* token(other)), notEnabled)
        assert.strictEqual((yield* answerOf(id, bearer)).status, 200)
        yield* sandbox.setEnabled(false)
        yield* sandbox.setEnabled(true, other)
        assert.deepStrictEqual(yield* answerOf(id, bearer), notEnabled)
        assert.deepStrictEqual(yield* answerOf(id, yield* token(other)), notFound)
        yield* sandbox.setEnabled(true)
        assert.strictEqual((yield* answerOf(id, bearer)).status, 200)
      })
    )
  )

  it.effect("a token is good for its lifetime, and not for a millisecond more", () =>
    withSandbox(
      (sandbox) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed()
          const bearer = yield* token(sandbox.account)
          yield* TestClock.adjust(59_999)
          assert.strictEqual((yield* answerOf(id, bearer)).status, 200)
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(yield* answerOf(id, bearer), notAuthenticated)
          assert.strictEqual((yield* answerOf(id, yield* token(sandbox.account))).status, 200)
        }),
      { tokenLifetime: "1 minute" }
    )
  )

  it.effect("revoked tokens are those of one account", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const other = yield* sandbox.addAccount()
        const id = yield* sandbox.seed()
        const one = yield* token(sandbox.account)
        const two = yield* token(sandbox.account)
        const theirs = yield* token(other)
        yield* sandbox.revokeTokens()
        assert.deepStrictEqual(yield* answerOf(id, one), notAuthenticated)
        assert.deepStrictEqual(yield* answerOf(id, two), notAuthenticated)
        assert.deepStrictEqual(yield* answerOf(id, theirs), notFound)
        assert.strictEqual((yield* answerOf(id, yield* token(sandbox.account))).status, 200)
        yield* sandbox.revokeTokens(other)
        assert.deepStrictEqual(yield* answerOf(id, theirs), notAuthenticated)
      })
    )
  )

  for (const tokenResponseCase of ["camelCase", "snake_case"] as const) {
    it.effect(`the token's body in ${tokenResponseCase}`, () =>
      withSandbox(
        (sandbox) =>
          Effect.gen(function* () {
            const response = yield* HttpClient.execute(tokenRequest(sandbox.account))
            const body = yield* Effect.flatMap(response.json, Schema.decodeUnknownEffect(Schema.JsonObject))
            const names =
              tokenResponseCase === "camelCase"
                ? ["accessToken", "expiresIn", "tokenType", "scope"]
                : ["access_token", "expires_in", "token_type", "scope"]
            assert.deepStrictEqual(Object.keys(body), names)
            assert.deepStrictEqual(Object.values(body).slice(1, 3), [36_000, "Bearer"])
          }),
        { tokenResponseCase }
      )
    )
  }

  it.effect("two sandboxes side by side know nothing of each other", () =>
    Effect.gen(function* () {
      const build = Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const client = yield* HttpClient.HttpClient
        const inside = Effect.provideService(HttpClient.HttpClient, client)
        return { sandbox, inside }
      }).pipe(Effect.provide(inProcess()))
      const [left, right] = yield* Effect.all([build, build], { concurrency: 2 })
      const id = yield* left.sandbox.seed()
      yield* right.sandbox.inject(Fault.refused)
      const bearer = yield* left.inside(token(left.sandbox.account))
      assert.strictEqual((yield* left.inside(retrieve(id, bearer))).status, 200)
      yield* right.sandbox.clearFaults
      assert.deepStrictEqual(yield* right.inside(answerOf(id, bearer)), notAuthenticated)
      assert.strictEqual(yield* left.sandbox.count(), 2)
      assert.strictEqual(yield* right.sandbox.count(), 1)
      assert.strictEqual(yield* right.sandbox.seed(), id)
    })
  )
})

describe("the journal", () => {
  it.effect("says what arrived, when, and what was answered", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        yield* TestClock.adjust("5 seconds")
        yield* Effect.forkChild(retrieve(first, bearer), { startImmediately: true })
        yield* HttpClient.get("/elsewhere/?secret=1")
        const [one, two, three] = yield* sandbox.requests
        assert.deepInclude(one, {
          at: 0,
          route: "token",
          method: "POST",
          path: "/oauth2/token/",
          ticketId: undefined,
          status: 200,
          fault: undefined
        })
        assert.deepInclude(two, { at: 5000, route: "retrieve", method: "GET", ticketId: first, status: 404 })
        assert.deepInclude(three, { at: 5000, route: undefined, path: "/elsewhere/", clientId: undefined, status: 404 })
        assert.deepStrictEqual(
          [yield* sandbox.count(), yield* sandbox.count("token"), yield* sandbox.count("retrieve")],
          [3, 1, 1]
        )
      })
    )
  )

  it.effect("a snapshot stays as it was taken", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("1 second"))
        const fiber = yield* Effect.forkChild(token(sandbox.account), { startImmediately: true })
        const before = yield* sandbox.requests
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          before.map(({ status }) => status),
          [undefined]
        )
        assert.deepStrictEqual(
          (yield* sandbox.requests).map(({ status }) => status),
          [200]
        )
      })
    )
  )
})
