import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import {
  awaitRequests,
  firstTicketId,
  inProcess,
  itOn,
  requestToken,
  retrieve,
  retrieveJson,
  type Transport,
  transports
} from "./transports.ts"

const ticketJson = `{"ticketId":"${firstTicketId}","status":"CREATED","issueKey":"SUP-1001"}`

/** The response to retrieving the first ticket. */
const read = (token: Redacted.Redacted) =>
  Effect.flatMap(retrieve(firstTicketId, token), ({ headers, status, text }) =>
    Effect.map(text, (body) => ({ status, body, contentType: headers["content-type"], headers }))
  )

const readWithNewToken = (sandbox: Sandbox["Service"]) => Effect.flatMap(requestToken(sandbox.account), read)

const statusOf = (token: Redacted.Redacted) => Effect.map(read(token), ({ status }) => status)

const statusesOf = (sandbox: Sandbox["Service"], requests: number) =>
  Effect.gen(function* () {
    const token = yield* requestToken(sandbox.account)
    return yield* Effect.replicateEffect(statusOf(token), requests)
  })

/** Defines tests on a sandbox whose first ticket is created. */
const itWithTicketOn =
  (transport: Transport) =>
  (title: string, test: (sandbox: Sandbox["Service"]) => Effect.Effect<void, unknown, HttpClient.HttpClient>) =>
    itOn(transport)(title, (sandbox) => Effect.andThen(sandbox.seed({ after: 0 }), test(sandbox)))

const html = "text/html; charset=utf-8"
const json = "application/json"

const responses = [
  { fault: Fault.status(503), status: 503, contentType: html, body: "<h1>503</h1>" },
  { fault: Fault.status(500, { body: "boom" }), status: 500, contentType: html, body: "boom" },
  { fault: Fault.status(418, { body: { code: 1 } }), status: 418, contentType: json, body: '{"code":1}' },
  { fault: Fault.gatewayHtml(502), status: 502, contentType: html, body: "502 Bad Gateway" },
  { fault: Fault.gatewayHtml(504), status: 504, contentType: html, body: "504 Gateway Timeout" },
  { fault: Fault.body([]), status: 200, contentType: json, body: "[]" },
  { fault: Fault.body('{"status":'), status: 200, contentType: json, body: '{"status":' },
  {
    fault: Fault.body("hi", { status: 202, contentType: "text/plain" }),
    status: 202,
    contentType: "text/plain",
    body: "hi"
  }
]

for (const { title, transport } of transports) {
  describe(`a fault (${title})`, () => {
    const it = itWithTicketOn(transport)

    it("rateLimited sends 429 with Retry-After in seconds, as a date, as raw text, or without it", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        for (const { expected, options } of [
          { options: { retryAfter: 7 }, expected: "7" },
          { options: { retryAfter: new Date(90_000) }, expected: "Thu, 01 Jan 1970 00:01:30 GMT" },
          { options: { retryAfter: "soon" }, expected: "soon" },
          { options: undefined, expected: undefined }
        ]) {
          yield* sandbox.inject(Fault.rateLimited(options))
          const { headers, status } = yield* retrieve(firstTicketId, token)
          assert.strictEqual(status, 429)
          assert.strictEqual(headers["retry-after"], expected)
        }
        assert.strictEqual((yield* retrieve(firstTicketId, token)).status, 200)
      }))

    it("status, gatewayHtml or body sends the given response", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        for (const { fault } of responses) yield* sandbox.inject(fault)
        for (const { body, contentType, fault, status } of responses) {
          const response = yield* read(token)
          assert.strictEqual(response.status, status)
          assert.strictEqual(response.contentType, contentType)
          assert.include(response.body, body)
          assert.strictEqual((yield* sandbox.requests).at(-1)?.fault, fault)
        }
        yield* sandbox.inject(Fault.status(503, { retryAfter: 1 }))
        assert.strictEqual((yield* read(token)).headers["retry-after"], "1")
      }))

    it("cutJson sends the first half of the JSON with a matching Content-Length", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.cutJson, { on: "retrieve" })
        const { body, headers, status } = yield* readWithNewToken(sandbox)
        assert.strictEqual(status, 200)
        assert.strictEqual(body, ticketJson.slice(0, ticketJson.length / 2))
        assert.strictEqual(headers["content-length"], `${body.length}`)
      }))

    it("oversized pads the JSON to the given number of bytes", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.oversized(70_000), { on: "retrieve" })
        const { body, headers } = yield* readWithNewToken(sandbox)
        assert.strictEqual(headers["content-length"], "70000")
        assert.strictEqual(body.length, 70_000)
        assert.strictEqual(body.trimEnd(), ticketJson)
      }))

    it("unauthenticated rejects one request with 401 or 403, and the token stays valid", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.unauthenticated())
        yield* sandbox.inject(Fault.unauthenticated(403))
        const token = yield* requestToken(sandbox.account)
        const responses = yield* Effect.replicateEffect(retrieveJson(firstTicketId, token), 3)
        assert.deepStrictEqual(
          responses.map(({ status }) => status),
          [401, 403, 200]
        )
        assert.propertyVal(responses[1]?.body, "code", 40001)
        yield* sandbox.inject(Fault.unauthenticated(), { on: "token" })
        assert.strictEqual((yield* Effect.exit(requestToken(sandbox.account)))._tag, "Failure")
      }))

    it("tokenExpired invalidates one token, and tokensRevoked all tokens of the account", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.tokenExpired)
        const first = yield* requestToken(sandbox.account)
        const second = yield* requestToken(sandbox.account)
        const third = yield* requestToken(sandbox.account)
        assert.deepStrictEqual(
          [yield* statusOf(first), yield* statusOf(first), yield* statusOf(second)],
          [401, 401, 200]
        )
        yield* sandbox.inject(Fault.tokensRevoked)
        assert.deepStrictEqual([yield* statusOf(second), yield* statusOf(third)], [401, 401])
        assert.strictEqual((yield* readWithNewToken(sandbox)).status, 200)
      }))

    it("latency delays the response to the millisecond, with the state from before the delay", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        const ending = yield* sandbox.seed({ outcome: "Failed", after: "1 second" })
        yield* sandbox.inject(Fault.latency("2 seconds"))
        const fiber = yield* Effect.forkChild(retrieveJson(ending, token), { startImmediately: true })
        yield* awaitRequests(sandbox, 2)
        yield* TestClock.adjust(1999)
        assert.isUndefined((yield* sandbox.requests)[1]?.status)
        yield* sandbox.setEnabled(false)
        yield* TestClock.adjust(1)
        assert.propertyVal((yield* Fiber.join(fiber)).body, "status", "PENDING")
        assert.strictEqual((yield* sandbox.requests)[1]?.status, 200)
      }))

    it("refused sends no response, and the request is recorded", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        yield* sandbox.inject(Fault.refused)
        const error = yield* Effect.flip(retrieve(firstTicketId, token))
        assert.deepInclude(error, { _tag: "HttpClientError" })
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.deepInclude((yield* sandbox.requests)[1], { route: "retrieve", status: undefined, fault: Fault.refused })
        assert.strictEqual((yield* retrieve(firstTicketId, token)).status, 200)
      }))

    it("reset breaks the body after the given bytes, with the Content-Length of the whole body", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        for (const afterBytes of [0, 1, 30]) {
          yield* sandbox.inject(Fault.reset({ afterBytes }))
          const response = yield* retrieve(firstTicketId, token)
          assert.strictEqual(response.status, 200)
          assert.strictEqual(response.headers["content-length"], `${ticketJson.length}`)
          const received: Array<number> = []
          const error = yield* response.stream.pipe(
            Stream.runForEach((bytes) => Effect.sync(() => received.push(...bytes))),
            Effect.flip
          )
          assert.strictEqual(error._tag, "HttpClientError")
          assert.strictEqual(String.fromCharCode(...received), ticketJson.slice(0, afterBytes))
        }
        assert.strictEqual((yield* read(token)).body, ticketJson)
      }))
  })

  describe(`Fault.hang (${title})`, () => {
    it.effect("sends no response, and the client's interruption reaches the handler", () =>
      Effect.gen(function* () {
        const interrupted = yield* Deferred.make<void>()
        const observed = Layer.effect(
          Sandbox,
          Sandbox.useSync((sandbox) =>
            Sandbox.of({
              ...sandbox,
              handle: (request) =>
                Effect.onInterrupt(sandbox.handle(request), () => Deferred.succeed(interrupted, undefined))
            })
          )
        ).pipe(Layer.provide(Sandbox.layer()))
        yield* Effect.gen(function* () {
          const sandbox = yield* Sandbox
          yield* sandbox.inject(Fault.hang)
          const fiber = yield* Effect.forkChild(HttpClient.get(`/api/v1/supportTickets/${firstTicketId}/`), {
            startImmediately: true
          })
          yield* awaitRequests(sandbox, 1)
          yield* TestClock.adjust("1 day")
          assert.isUndefined(fiber.pollUnsafe())
          assert.isTrue(Option.isNone(yield* Deferred.poll(interrupted)))
          yield* Fiber.interrupt(fiber)
          yield* Deferred.await(interrupted)
          assert.isUndefined((yield* sandbox.requests)[0]?.status)
        }).pipe(Effect.provide(transport(observed)))
      })
    )
  })
}

describe("injected faults", () => {
  const it = itWithTicketOn(inProcess)

  it("apply in the order of injection, each `times` times", (sandbox) =>
    Effect.gen(function* () {
      yield* sandbox.inject(Fault.status(599), { on: "retrieve", times: 0 })
      yield* sandbox.inject(Fault.status(500), { on: "retrieve", times: 2 })
      yield* sandbox.inject(Fault.status(501), { on: "retrieve" })
      assert.deepStrictEqual(yield* statusesOf(sandbox, 4), [500, 500, 501, 200])
    }))

  it("apply only to their route and their account", (sandbox) =>
    Effect.gen(function* () {
      const otherAccount = yield* sandbox.addAccount()
      yield* sandbox.inject(Fault.status(500), { account: otherAccount, on: "retrieve" })
      yield* sandbox.inject(Fault.status(501), { on: "token", account: otherAccount })
      yield* sandbox.inject(Fault.status(502), { account: sandbox.account, on: "retrieve" })
      assert.deepStrictEqual(yield* statusesOf(sandbox, 2), [502, 200])
      assert.strictEqual((yield* Effect.exit(requestToken(otherAccount)))._tag, "Failure")
      assert.strictEqual((yield* retrieve(firstTicketId, yield* requestToken(otherAccount))).status, 500)
    }))

  it('apply with times: "forever" until clearFaults', (sandbox) =>
    Effect.gen(function* () {
      yield* sandbox.inject(Fault.gatewayHtml(503), { on: "retrieve", times: "forever" })
      assert.deepStrictEqual(yield* statusesOf(sandbox, 50), Array<number>(50).fill(503))
      yield* sandbox.clearFaults
      assert.deepStrictEqual(yield* statusesOf(sandbox, 1), [200])
    }))
})

describe("a lost connection in process", () => {
  it.effect("has a cause with the error code of the operating system", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const get = Effect.flatMap(HttpClient.get("/"), (response) => response.text)
      yield* sandbox.inject(Fault.refused)
      const refused = yield* Effect.flip(get)
      assert.propertyVal(refused.cause, "code", "ECONNREFUSED")
      assert.propertyVal(refused.cause, "message", "ECONNREFUSED: simulated connection failure")
      yield* sandbox.inject(Fault.reset({ afterBytes: 3 }))
      assert.propertyVal((yield* Effect.flip(get)).cause, "code", "ECONNRESET")
    }).pipe(Effect.provide(inProcess()))
  )
})
