import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import {
  AuthClientCredentials,
  AuthService,
  AuthStaticToken,
  type RequestOptions,
  Ripio,
  SupportTickets
} from "../../src/index.ts"
import {
  Fault,
  type ScriptedRequest,
  Sandbox,
  ScriptedHttpClient,
  type ScriptedReply
} from "../../src/testing/index.ts"
import { apiErrors, created, ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"
import { draws, failsWithin, fieldsOf, within } from "../support/virtualTime.ts"

type Script = Parameters<typeof ScriptedHttpClient.make>[0]

const credentials = { clientId: "partner-ar", clientSecret: Redacted.make("a secret of the partner") }

/** The first token is `token-1`, and so on. */
const grant = (number: number, expiresIn: unknown = 3600): ScriptedReply => ({
  status: 200,
  json: { accessToken: `token-${number}`, expiresIn, tokenType: "Bearer" }
})

/** An `AuthService` alone, on a token endpoint that answers from a script. */
const auth = (script: Script, options?: RequestOptions & Partial<typeof credentials>) =>
  Effect.gen(function* () {
    const { layer, requests, times } = yield* ScriptedHttpClient.make(script)
    const built = yield* Layer.build(
      AuthClientCredentials.layer({ environment: "sandbox", ...credentials, ...options }).pipe(Layer.provide(layer))
    )
    const service = Context.get(built, AuthService)
    return { ...service, requests, times, token: Effect.map(service.accessToken, Redacted.value) }
  })

const isToken = ({ url }: ScriptedRequest) => url.endsWith("/oauth2/token/")

const bearerOf = ({ headers }: ScriptedRequest) => {
  const header = headers["authorization"]
  return Redacted.isRedacted(header) ? Redacted.value(header) : header
}

/** The whole client on two scripts: one of the token endpoint, one of the API. */
const client = (
  token: (index: number) => ScriptedReply | Effect.Effect<ScriptedReply>,
  api: (request: ScriptedRequest, index: number) => Effect.Effect<ScriptedReply>
) =>
  Effect.gen(function* () {
    let [tokens, calls] = [0, 0]
    const { layer, requests } = yield* ScriptedHttpClient.make((request) =>
      Effect.suspend(() => {
        if (!isToken(request)) return api(request, calls++)
        const reply = token(tokens++)
        return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
      })
    )
    const built = yield* Layer.build(
      Ripio.layer({ environment: "sandbox", ...credentials, retry: { times: 0 } }).pipe(Layer.provide(layer))
    )
    return {
      auth: Context.get(built, AuthService),
      tickets: Context.get(built, SupportTickets),
      /** `token` for a request to the token endpoint, and what the others carried. */
      log: Effect.map(requests, (all) => all.map((request) => (isToken(request) ? "token" : bearerOf(request))))
    }
  })

const onSandbox = (
  test: (sandbox: Sandbox["Service"], auth: AuthService["Service"]) => Effect.Effect<void, unknown, SupportTickets>
) =>
  Effect.gen(function* () {
    yield* test(yield* Sandbox, yield* AuthService)
  }).pipe(Effect.provide(Sandbox.layerRipio()))

const many = <A>(count: number, effect: A) => Array.from({ length: count }, () => effect)

describe("one request for all who wait", () => {
  it.effect("ten thousand concurrent callers make one token request and get one token", () =>
    onSandbox((sandbox, auth) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("1 second"), { on: "token" })
        const { after, exit } = yield* within(
          "1 second",
          Effect.all(many(10_000, auth.accessToken), { concurrency: "unbounded" })
        )
        const tokens = yield* exit
        assert.strictEqual(after, 1000)
        assert.strictEqual(tokens.length, 10_000)
        assert.strictEqual(new Set(tokens.map(Redacted.value)).size, 1)
        assert.strictEqual(yield* sandbox.count("token"), 1)
      })
    )
  )

  it.effect("no token is asked for before the first call needs one", () =>
    onSandbox((sandbox) => Effect.map(sandbox.count(), (count) => assert.strictEqual(count, 0)))
  )

  it.effect("the interruption of the first caller fails nobody else", () =>
    onSandbox((sandbox, auth) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("1 second"), { on: "token" })
        const first = yield* Effect.forkChild(auth.accessToken, { startImmediately: true })
        const others = yield* Effect.forEach(many(100, auth.accessToken), (token) =>
          Effect.forkChild(token, { startImmediately: true })
        )
        yield* TestClock.adjust(500)
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust(500)
        const tokens = yield* Fiber.joinAll(others)
        assert.strictEqual(new Set(tokens.map(Redacted.value)).size, 1)
        assert.strictEqual(yield* sandbox.count("token"), 1)
      })
    )
  )

  it.effect("when all who wait are interrupted the request is cancelled, and a later caller gets a new one", () =>
    Effect.gen(function* () {
      let cancelled = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => cancelled++))
      const { times, token } = yield* auth([() => hang, grant(1)])
      const callers = yield* Effect.forEach(many(10, token), (token) =>
        Effect.forkChild(token, { startImmediately: true })
      )
      yield* TestClock.adjust(5)
      yield* Fiber.interruptAll(callers.slice(1))
      assert.strictEqual(cancelled, 0)
      yield* Fiber.interruptAll(callers)
      assert.strictEqual(cancelled, 1)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* times, [0])
      assert.strictEqual(yield* token, "token-1")
      assert.deepStrictEqual(yield* times, [0, 86_400_005])
    })
  )

  it.effect("a failure fails all who wait for it, and the next caller asks again", () =>
    Effect.gen(function* () {
      const slow = () => Effect.delay(Effect.succeed<ScriptedReply>({ status: 501 }), 100)
      const { times, token } = yield* auth([slow, slow, grant(1)])
      const { exit } = yield* within(100, Effect.all(many(100, Effect.exit(token)), { concurrency: "unbounded" }))
      assert.isTrue((yield* exit).every(Exit.isFailure))
      assert.deepStrictEqual(yield* times, [0])
      yield* failsWithin(100, token)
      assert.strictEqual(yield* token, "token-1")
      assert.deepStrictEqual(yield* times, [0, 100, 200])
    })
  )
})

describe("renewal", () => {
  const hours = (count: number) => Duration.toMillis(Duration.hours(count))

  it.effect.each([
    { expiresIn: 36_000, renewedAt: hours(10) - 60_000 },
    { expiresIn: 3600, renewedAt: hours(1) - 60_000 },
    { expiresIn: 300, renewedAt: 240_000 },
    { expiresIn: 121, renewedAt: 61_000 },
    { expiresIn: 120, renewedAt: 60_000 },
    { expiresIn: 119, renewedAt: 59_500 },
    { expiresIn: 60, renewedAt: 30_000 },
    { expiresIn: 1, renewedAt: 500 },
    // No more than ten hours are believed.
    { expiresIn: 36_001, renewedAt: hours(10) - 60_000 },
    { expiresIn: 86_400, renewedAt: hours(10) - 60_000 },
    { expiresIn: 1e12, renewedAt: hours(10) - 60_000 }
  ])(
    "a token that expires in $expiresIn s is renewed at $renewedAt ms and not one before",
    ({ expiresIn, renewedAt }) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_700_000_000_000)
        const { times, token } = yield* auth([grant(1, expiresIn), grant(2, expiresIn)])
        assert.strictEqual(yield* token, "token-1")
        yield* TestClock.adjust(renewedAt - 1)
        assert.strictEqual(yield* token, "token-1")
        assert.strictEqual((yield* times).length, 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* token, "token-2")
        assert.deepStrictEqual(yield* times, [1_700_000_000_000, 1_700_000_000_000 + renewedAt])
      })
  )

  it.effect("the lifetime counts from the request, not from an answer that took its time", () =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([
        () => Effect.delay(Effect.succeed(grant(1, 120)), "8 seconds"),
        grant(2, 120)
      ])
      assert.deepStrictEqual(yield* within("8 seconds", token), { exit: Exit.succeed("token-1"), after: 8000 })
      yield* TestClock.setTime(59_999)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(60_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 60_000])
    })
  )

  it.effect("expiresIn 0: a token serves those who wait for it, and nobody after them", () =>
    Effect.gen(function* () {
      const slow = (number: number) => () => Effect.delay(Effect.succeed(grant(number, 0)), 100)
      const { times, token } = yield* auth([slow(1), slow(2), slow(3)])
      const three = Effect.all([token, token, token], { concurrency: "unbounded" })
      assert.deepStrictEqual((yield* within(100, three)).exit, Exit.succeed(["token-1", "token-1", "token-1"]))
      assert.deepStrictEqual((yield* within(100, token)).exit, Exit.succeed("token-2"))
      assert.deepStrictEqual((yield* within(100, token)).exit, Exit.succeed("token-3"))
      assert.deepStrictEqual(yield* times, [0, 100, 200])
    })
  )

  it.effect("while a renewal fails the old token serves, with one try every five seconds, until it expires", () =>
    Effect.gen(function* () {
      const { requests, times, token } = yield* auth(
        ({ at }, index) => Effect.succeed(index === 0 ? grant(1, 100) : at < 130_000 ? { status: 503 } : grant(2)),
        { retry: { times: 1, base: 1, max: 1 } }
      )
      assert.strictEqual(yield* token, "token-1")
      for (const at of [49_999, 50_000, 54_999, 55_000, 59_999, 63_000, 67_999, 68_000, 95_500, 99_999]) {
        yield* TestClock.setTime(at)
        assert.strictEqual(yield* token, "token-1")
      }
      assert.deepStrictEqual(yield* times, [0, 50_000, 55_000, 63_000, 68_000, 95_500])

      // From now on there is no old token: it is a call like the first, with its retry.
      yield* TestClock.setTime(100_000)
      const { error } = yield* failsWithin(1, token)
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken", attempts: 2 })
      assert.strictEqual((yield* requests).length, 8)

      yield* TestClock.setTime(130_000)
      assert.strictEqual(yield* token, "token-2")
    })
  )

  it.effect.each<readonly [string, ScriptedReply]>([
    ["no connection", "refused"],
    ["credentials that are refused", { status: 401, json: { error: "invalid_client" } }],
    ["a body that is no token", { status: 200, json: {} }],
    ["a wait that is too long", { status: 429, headers: { "retry-after": "3600" } }]
  ])("an early renewal that ends with %s costs nobody the old token", ([, reply]) =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([grant(1, 100), reply, grant(2, 100)])
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(50_000)
      assert.deepStrictEqual(yield* Effect.all([token, token], { concurrency: "unbounded" }), ["token-1", "token-1"])
      yield* TestClock.setTime(55_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 50_000, 55_000])
    })
  )

  it.effect("an early renewal that does not answer is given up after the time limit, for the old token", () =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([grant(1, 100), "hang", grant(2, 100)])
      yield* token
      yield* TestClock.setTime(50_000)
      assert.deepStrictEqual(yield* within("10 seconds", token), { exit: Exit.succeed("token-1"), after: 10_000 })
      yield* TestClock.setTime(64_999)
      assert.strictEqual(yield* token, "token-1")
      yield* TestClock.setTime(65_000)
      assert.strictEqual(yield* token, "token-2")
      assert.deepStrictEqual(yield* times, [0, 50_000, 65_000])
    })
  )

  it.effect("a renewal that outlives the old token is tried again rather than answered with it", () =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([grant(1, 100), "hang", grant(2, 100)])
      yield* token
      yield* TestClock.setTime(95_000)
      assert.deepStrictEqual(yield* within("10 seconds", token), { exit: Exit.succeed("token-2"), after: 10_000 })
      assert.deepStrictEqual(yield* times, [0, 95_000, 105_000])
    })
  )

  it.effect("ten thousand callers at the moment of the renewal make one request", () =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([grant(1, 100), grant(2, 100)])
      yield* token
      yield* TestClock.setTime(50_000)
      const tokens = yield* Effect.all(many(10_000, token), { concurrency: "unbounded" })
      assert.deepStrictEqual([...new Set(tokens)], ["token-2"])
      assert.deepStrictEqual(yield* times, [0, 50_000])
    })
  )
})

describe("the request", () => {
  it.effect("is a form, with the credentials in Basic as RFC 7617 has it, whatever letters they have", () =>
    Effect.gen(function* () {
      const [clientId, clientSecret] = ["pärtner-ñ", Redacted.make("sécret: ✓ 🎫 %41+&=")]
      const { requests, token } = yield* auth([grant(1)], { clientId, clientSecret })
      yield* token
      const [request] = yield* requests
      assert.deepStrictEqual(
        [request?.method, request?.url, request?.body, request?.headers["content-type"], request?.headers["accept"]],
        [
          "POST",
          "https://skala-sandbox.ripio.com/oauth2/token/",
          "grant_type=client_credentials",
          "application/x-www-form-urlencoded",
          "application/json"
        ]
      )
      assert.strictEqual(request && bearerOf(request), "Basic cMOkcnRuZXItw7E6c8OpY3JldDog4pyTIPCfjqsgJTQxKyY9")
    })
  )

  it.effect("is accepted by a server that reads the same letters", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const account = yield* sandbox.addAccount({ clientId: "pärtner", clientSecret: Redacted.make("sécret: ✓") })
      const layer = AuthClientCredentials.layer({ environment: "sandbox", ...account })
      const { accessToken } = Context.get(yield* Layer.build(layer), AuthService)
      yield* accessToken
      assert.deepInclude((yield* sandbox.requests)[0], { status: 200, clientId: "pärtner" })
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )

  it.effect("is repeated by the retry policy although it is a POST, as it changes nothing", () =>
    Effect.gen(function* () {
      const [one = 0, two = 0] = yield* draws("token", 2)
      const first = Math.round(one * 500)
      const { times, token } = yield* auth([{ status: 503 }, "refused", grant(1)])
      const { exit } = yield* within("5 seconds", Random.withSeed(token, "token"))
      assert.deepStrictEqual(exit, Exit.succeed("token-1"))
      assert.deepStrictEqual(yield* times, [0, first, first + Math.round(two * 1000)])
    })
  )

  it.effect.each([
    { clientId: "", option: "clientId" },
    { clientId: " ", option: "clientId" },
    { clientId: "partner:ar", option: "clientId" },
    { clientId: "partner\r\nX-Injected: yes", option: "clientId" },
    { clientSecret: Redacted.make(""), option: "clientSecret" },
    { clientSecret: Redacted.make("secret\n"), option: "clientSecret" },
    { clientSecret: Redacted.make("se\u0000cret"), option: "clientSecret" },
    { clientSecret: Redacted.make("se\u0085cret"), option: "clientSecret" }
  ])("credentials that cannot work fail the layer at start: $option, case %$", ({ option, ...wrong }) =>
    Effect.gen(function* () {
      assert.deepInclude(yield* Effect.flip(auth([], wrong)), { _tag: "InvalidOption", option })
    })
  )
})

describe("the answer", () => {
  it.effect.each<readonly [string, unknown]>([
    ["the API's spelling", { accessToken: "t", expiresIn: 3600, tokenType: "Bearer" }],
    ["RFC 6749's", { access_token: "t", expires_in: 3600, token_type: "Bearer" }],
    ["with a scope", { accessToken: "t", expiresIn: 3600, tokenType: "Bearer", scope: "read write" }],
    ["with fields that nobody knows", { access_token: "t", expires_in: 3600, token_type: "Bearer", x: null, y: [1] }],
    ["bearer in lower case", { access_token: "t", expires_in: 3600, token_type: "bearer" }],
    ["no token type", { accessToken: "t", expiresIn: 3600 }],
    ["a fraction of a second", { accessToken: "t", expiresIn: 3600.5, tokenType: "Bearer" }]
  ])("is read: %s", ([, json]) =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([{ status: 200, json }])
      assert.strictEqual(yield* token, "t")
      yield* TestClock.adjust(3_539_999)
      assert.strictEqual(yield* token, "t")
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  const bearer = { tokenType: "Bearer" }
  const secret = "s3cr3t-t0k3n"
  const visible = "Expected visible ASCII characters and at least one"
  const seconds = "Expected a number of seconds that is not negative"
  it.effect.each<readonly [unknown, string]>([
    [{ expiresIn: 3600, ...bearer }, "accessToken: Missing key"],
    [{ accessToken: secret, ...bearer }, "expiresIn: Missing key"],
    [{ accessToken: secret, expiresIn: -1, ...bearer }, `expiresIn: ${seconds}`],
    [{ accessToken: secret, expiresIn: "3600", ...bearer }, "expiresIn: Expected number"],
    [{ accessToken: secret, expiresIn: null, ...bearer }, "expiresIn: Expected number"],
    [{ accessToken: null, expiresIn: 3600, ...bearer }, "accessToken: Expected string"],
    [{ accessToken: 7, expiresIn: 3600, ...bearer }, "accessToken: Expected string"],
    [{ accessToken: secret, expiresIn: 3600, tokenType: "mac" }, "tokenType: Expected the token type Bearer"],
    [{ accessToken: secret, expiresIn: 3600, tokenType: null }, "tokenType: Expected string"],
    [{ access_token: secret, expires_in: 3600, token_type: "DPoP" }, "token_type: Expected the token type Bearer"],
    [{ access_token: secret, expires_in: -0.5 }, `expires_in: ${seconds}`],
    [{ access_token: secret, expiresIn: 3600 }, "accessToken: Missing key"],
    [{ accessToken: "", expiresIn: 3600 }, `accessToken: ${visible}`],
    [{ accessToken: `${secret} x`, expiresIn: 3600 }, `accessToken: ${visible}`],
    [{ accessToken: `${secret}\r\nX-Injected: yes`, expiresIn: 3600 }, `accessToken: ${visible}`],
    [{ accessToken: `${secret}\n`, expiresIn: 3600 }, `accessToken: ${visible}`],
    [{ accessToken: `\t${secret}`, expiresIn: 3600 }, `accessToken: ${visible}`],
    [{ accessToken: `${secret}\u0000`, expiresIn: 3600 }, `accessToken: ${visible}`],
    [{ accessToken: `${secret}\u007f`, expiresIn: 3600 }, `accessToken: ${visible}`],
    [{ access_token: `${secret}\u2028é`, expires_in: 3600 }, `access_token: ${visible}`],
    [[], "Expected object"],
    [null, "Expected object"]
  ])("that is no token is an unexpected response that names the field and hides the token: %j", ([json, issue]) =>
    Effect.gen(function* () {
      const { log, tickets } = yield* client(
        () => ({ status: 200, json }),
        () => Effect.succeed({ status: 200, json: created })
      )
      const error = yield* Effect.flip(tickets.retrieve(ticketId))
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken", attempts: 1 })
      assert(error._tag === "RipioHttpError" && error.reason._tag === "UnexpectedResponse")
      assert.deepInclude(error.reason, { status: 200, excerpt: "" })
      assert.include(error.reason.issue.split("; "), issue)
      assert.notInclude(JSON.stringify(error) + String(error), secret)
      // Nothing was sent with it.
      assert.deepStrictEqual(yield* log, ["token"])
    })
  )

  const html = "<html><body>Who are you?</body></html>"
  it.effect.each<readonly [string, ScriptedReply, Record<string, unknown>]>([
    ["RFC 6749, 401", { status: 401, json: { error: "invalid_client" } }, { status: 401, type: "invalid_client" }],
    [
      "RFC 6749, 400",
      { status: 400, json: { error: "invalid_client", error_description: "no" }, headers: { "x-request-id": "r-1" } },
      { status: 400, type: "invalid_client", requestId: "r-1" }
    ],
    ["RFC 6749, 403", { status: 403, json: { error: "access_denied" } }, { status: 403, type: "access_denied" }],
    ["the API's body, 401", { status: 401, json: apiErrors.notAuthenticated }, apiErrors.notAuthenticated],
    [
      "the API's body, 403",
      { status: 403, json: { ...apiErrors.notAuthenticated, status: 403 } },
      { ...apiErrors.notAuthenticated, status: 403 }
    ],
    ["HTML, 401", { status: 401, text: html, headers: { "content-type": "text/html" } }, { status: 401 }],
    ["no body, 401", { status: 401 }, { status: 401 }]
  ])("that refuses the credentials is Unauthenticated, once, with its evidence: %s", ([, reply, evidence]) =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([reply])
      const error = yield* Effect.flip(token)
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "Unauthenticated",
        refused: "credentials",
        attempts: 1,
        ...evidence
      })
      assert.include(error.message, "check the client id and secret")
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect.each<readonly [string, ScriptedReply, string]>([
    [
      "invalid_request",
      { status: 400, json: { error: "invalid_request" } },
      "the token endpoint refused the request: invalid_request"
    ],
    [
      "HTML, 403",
      { status: 403, text: html },
      "not an error of the API: is a proxy in the way, or the base URL wrong?"
    ],
    ["404", { status: 404, text: html }, "not an error of the API: is a proxy in the way, or the base URL wrong?"],
    [
      "20061",
      { status: 403, json: apiErrors.notEnabled },
      "code 20061 (SupportTicketsNotEnabledException) is not documented for this operation"
    ]
  ])("that says nothing of the credentials is an unexpected response: %s", ([, reply, issue]) =>
    Effect.gen(function* () {
      const { times, token } = yield* auth([reply])
      const error = yield* Effect.flip(token)
      assert(error._tag === "RipioHttpError" && error.reason._tag === "UnexpectedResponse")
      assert.strictEqual(error.reason.issue, issue)
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("of a sandbox that does not know the secret is Unauthenticated with its request id", () =>
    Effect.gen(function* () {
      const { clientId } = (yield* Sandbox).account
      const layer = Ripio.layer({ environment: "sandbox", clientId, clientSecret: Redacted.make("not the secret") })
      const tickets = Context.get(yield* Layer.build(layer), SupportTickets)
      const error = yield* Effect.flip(tickets.retrieve(ticketId))
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "Unauthenticated",
        refused: "credentials",
        attempts: 1,
        status: 401,
        type: "invalid_client",
        requestId: "sandbox-request-1"
      })
      assert.strictEqual(yield* (yield* Sandbox).count(), 1)
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )
})

describe("a token that the API refuses", () => {
  it.effect.each([401, 403] as const)(
    "is dropped, and the call made once more with a new one: 40001 under %s",
    (status) =>
      onSandbox((sandbox) =>
        Effect.gen(function* () {
          const tickets = yield* SupportTickets
          const id = yield* sandbox.seed({ outcome: "Pending" })
          yield* sandbox.inject(Fault.unauthenticated(status))
          assert.strictEqual((yield* tickets.retrieve(id))._tag, "Pending")
          assert.deepStrictEqual(
            (yield* sandbox.requests).map(({ route, status }) => [route, status]),
            [
              ["token", 200],
              ["retrieve", status],
              ["token", 200],
              ["retrieve", 200]
            ]
          )
          yield* tickets.retrieve(id)
          assert.strictEqual(yield* sandbox.count("token"), 2)
        })
      )
  )

  it.effect.each([401, 403] as const)("and again, is Unauthenticated and not a third call: 40001 under %s", (status) =>
    onSandbox((sandbox) =>
      Effect.gen(function* () {
        const tickets = yield* SupportTickets
        const id = yield* sandbox.seed()
        yield* sandbox.inject(Fault.unauthenticated(status), { times: "forever" })
        const { error } = yield* failsWithin("1 minute", tickets.retrieve(id))
        assert.deepStrictEqual(fieldsOf(error), {
          ...apiErrors.notAuthenticated,
          _tag: "Unauthenticated",
          refused: "token",
          attempts: 2,
          status,
          requestId: "sandbox-request-4"
        })
        assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [2, 2])
        yield* sandbox.clearFaults
        yield* tickets.retrieve(id)
      })
    )
  )

  it.effect("expired in the meantime: the call is none the wiser", () =>
    onSandbox((sandbox) =>
      Effect.gen(function* () {
        const tickets = yield* SupportTickets
        const id = yield* sandbox.seed({ outcome: "Failed", after: 0 })
        yield* tickets.retrieve(id)
        for (const fault of [Fault.tokenExpired, Fault.tokensRevoked]) {
          yield* sandbox.inject(fault)
          assert.strictEqual((yield* tickets.retrieve(id))._tag, "Failed")
        }
        assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [3, 5])
      })
    )
  )

  it.effect.each<readonly [string, ScriptedReply]>([
    ["an empty body", { status: 401 }],
    ["HTML", { status: 401, text: "<html></html>" }],
    ["another code", { status: 401, json: { ...apiErrors.notAuthenticated, code: 1 } }]
  ])("is dropped on a 401 without the code as well: %s", ([, refusal]) =>
    Effect.gen(function* () {
      const { log, tickets } = yield* client(
        (index) => grant(index + 1),
        (_, index) => Effect.succeed(index === 0 ? refusal : { status: 200, json: created })
      )
      assert.strictEqual((yield* tickets.retrieve(ticketId))._tag, "Created")
      assert.deepStrictEqual(yield* log, ["token", "Bearer token-1", "token", "Bearer token-2"])
    })
  )

  it.effect.each([401, 403, 400])("is not what 20061 says: one call, no new token, under status %s", (status) =>
    Effect.gen(function* () {
      const { log, tickets } = yield* client(
        (index) => grant(index + 1),
        () => Effect.succeed({ status, json: { ...apiErrors.notEnabled, status } })
      )
      for (let call = 0; call < 3; call++) {
        assert.strictEqual((yield* Effect.flip(tickets.retrieve(ticketId)))._tag, "NotEnabled")
      }
      assert.deepStrictEqual(yield* log, ["token", "Bearer token-1", "Bearer token-1", "Bearer token-1"])
    })
  )

  it.effect("by fifty concurrent calls makes one renewal", () =>
    onSandbox((sandbox, auth) =>
      Effect.gen(function* () {
        const tickets = yield* SupportTickets
        const id = yield* sandbox.seed()
        yield* auth.accessToken
        yield* sandbox.revokeTokens()
        yield* sandbox.inject(Fault.latency(100), { times: 101 })
        const all = Effect.all(many(50, tickets.retrieve(id)), { concurrency: "unbounded" })
        const { exit } = yield* within("1 second", all)
        assert.isTrue((yield* exit).every(({ _tag }) => _tag === "Pending"))
        assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [2, 100])
      })
    )
  )

  it.effect("late does not drop the newer one", () =>
    Effect.gen(function* () {
      const refusal: ScriptedReply = { status: 401, json: apiErrors.notAuthenticated }
      const { log, tickets } = yield* client(
        (index) => grant(index + 1),
        (request, index) =>
          bearerOf(request) === "Bearer token-1"
            ? Effect.delay(Effect.succeed(refusal), index === 0 ? "5 seconds" : 0)
            : Effect.succeed({ status: 200, json: created })
      )
      const late = yield* Effect.forkChild(tickets.retrieve(ticketId), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* tickets.retrieve(ticketId)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* Fiber.join(late))._tag, "Created")
      assert.deepStrictEqual(yield* log, [
        "token",
        "Bearer token-1",
        "Bearer token-1",
        "token",
        "Bearer token-2",
        "Bearer token-2"
      ])
    })
  )

  it.effect("is dropped by invalidate only if it is still the current one", () =>
    Effect.gen(function* () {
      const { accessToken, invalidate, times, token } = yield* auth([grant(1), grant(2), grant(3)])
      const one = yield* accessToken
      yield* invalidate(Redacted.make("a stranger"))
      assert.strictEqual(yield* token, "token-1")
      yield* invalidate(one)
      yield* invalidate(one)
      assert.strictEqual(yield* token, "token-2")
      yield* invalidate(one)
      assert.strictEqual(yield* token, "token-2")
      yield* invalidate(Redacted.make("token-2"))
      assert.strictEqual(yield* token, "token-3")
      assert.strictEqual((yield* times).length, 3)
    })
  )

  it.effect("is not served on while its renewal fails", () =>
    Effect.gen(function* () {
      const { accessToken, invalidate, token } = yield* auth([grant(1, 100), { status: 501 }, grant(2)])
      yield* invalidate(yield* accessToken)
      yield* TestClock.setTime(60_000)
      assert.strictEqual((yield* Effect.flip(token))._tag, "RipioHttpError")
      assert.strictEqual(yield* token, "token-2")
    })
  )

  it.effect("during its early renewal leaves that under way, for all who ask meanwhile", () =>
    Effect.gen(function* () {
      const slow = (reply: ScriptedReply) => () => Effect.delay(Effect.succeed(reply), "1 second")
      const { accessToken, invalidate, times, token } = yield* auth([grant(1, 100), slow(grant(2)), slow(grant(3))])
      const old = yield* accessToken
      yield* TestClock.setTime(50_000)
      const renewing = yield* Effect.forkChild(token, { startImmediately: true })
      yield* invalidate(old)
      const meanwhile = yield* Effect.forkChild(token, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(renewing), yield* Fiber.join(meanwhile)], ["token-2", "token-2"])
      assert.deepStrictEqual(yield* times, [0, 50_000])
    })
  )

  it.effect("during its early renewal is not served on when that fails", () =>
    Effect.gen(function* () {
      const slow = (reply: ScriptedReply) => () => Effect.delay(Effect.succeed(reply), "1 second")
      const { accessToken, invalidate, times, token } = yield* auth([grant(1, 100), slow({ status: 501 }), grant(2)])
      const old = yield* accessToken
      yield* TestClock.setTime(50_000)
      const renewing = yield* Effect.forkChild(token, { startImmediately: true })
      const dropping = yield* Effect.forkChild(invalidate(old), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(dropping)
      assert.strictEqual(yield* Fiber.join(renewing), "token-2")
      assert.deepStrictEqual(yield* times, [0, 50_000, 51_000])
    })
  )

  it.effect("fails each call that waits for the new one after one request, if there is none to be had", () =>
    Effect.gen(function* () {
      const slow = (reply: ScriptedReply) => Effect.delay(Effect.succeed(reply), 100)
      const { log, tickets } = yield* client(
        (index) => slow(index === 0 ? grant(1) : { status: 501 }),
        () => slow({ status: 401, json: apiErrors.notAuthenticated })
      )
      const three = Effect.all(many(3, Effect.flip(tickets.retrieve(ticketId))), { concurrency: "unbounded" })
      const { exit } = yield* within("1 minute", three)
      for (const error of yield* exit) {
        assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken", attempts: 1 })
      }
      assert.deepStrictEqual(yield* log, ["token", ...many(3, "Bearer token-1"), "token"])
    })
  )
})

describe("a static token", () => {
  it.effect("is sent as it is, and refused makes one call only", () =>
    Effect.gen(function* () {
      const { layer, requests } = yield* scriptedTickets([{ status: 401, json: apiErrors.notAuthenticated }])
      const tickets = Context.get(yield* Layer.build(layer), SupportTickets)
      const { error } = yield* failsWithin("1 hour", tickets.retrieve(ticketId))
      assert.deepStrictEqual(fieldsOf(error), {
        ...apiErrors.notAuthenticated,
        _tag: "Unauthenticated",
        refused: "token",
        attempts: 1
      })
      assert.include(error.message, "check that the token is of this environment and has not expired")
      assert.deepStrictEqual((yield* requests).map(bearerOf), ["Bearer a-token"])
    })
  )

  it.effect.each([
    "",
    "a b",
    " a",
    "a ",
    "a\r\nX-Injected: yes",
    "a\n",
    "\ta",
    "a\u0000",
    "a\u007f",
    "tökén",
    "a\u2028"
  ])("that could not stand in a header fails the layer at start, and is not shown: %j", (text) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(AuthStaticToken.layer({ token: Redacted.make(text) })))
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "InvalidOption",
        option: "token",
        issue: "expected visible ASCII characters"
      })
    })
  )
})

describe("two accounts side by side", () => {
  it.effect("never share a token, and one that loses its own takes nothing from the other", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const accounts = [sandbox.account, yield* sandbox.addAccount()] as const
      const clients = yield* Effect.forEach(accounts, (account) =>
        Effect.map(Layer.build(Ripio.layer({ environment: "sandbox", ...account })), (built) => ({
          auth: Context.get(built, AuthService),
          tickets: Context.get(built, SupportTickets)
        }))
      )
      const tokens = yield* Effect.forEach(clients, ({ auth }) => Effect.map(auth.accessToken, Redacted.value))
      assert.strictEqual(new Set(tokens).size, 2)

      const ids = yield* Effect.forEach(accounts, (account) => sandbox.seed({ account }))
      const seen = yield* Effect.forEach(clients, ({ tickets }) =>
        Effect.forEach(ids, (id) =>
          Effect.match(tickets.retrieve(id), { onSuccess: ({ _tag }) => _tag, onFailure: ({ _tag }) => _tag })
        )
      )
      assert.deepStrictEqual(seen, [
        ["Pending", "NotFound"],
        ["NotFound", "Pending"]
      ])

      yield* sandbox.revokeTokens(accounts[0])
      for (const [index, { tickets }] of clients.entries()) yield* tickets.retrieve(ids[index] ?? ticketId)
      assert.deepStrictEqual(
        (yield* sandbox.requests).filter(({ route }) => route === "token").map(({ clientId }) => clientId),
        [accounts[0].clientId, accounts[1].clientId, accounts[0].clientId]
      )
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )
})
