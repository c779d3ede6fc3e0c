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
import { answerOf, arrived, inProcess, retrieve, token, transports, type Transport } from "./transports.ts"

const id = "00000000-0000-4000-8000-000000000001"
const ticket = `{"ticketId":"${id}","status":"CREATED","issueKey":"SUP-1001"}`

const read = (bearer: Redacted.Redacted) =>
  Effect.flatMap(retrieve(id, bearer), ({ headers, status, text }) =>
    Effect.map(text, (body) => ({ status, body, type: headers["content-type"], headers }))
  )

const statusOf = (bearer: Redacted.Redacted) => Effect.map(read(bearer), (answer) => answer.status)

const statusesOf = (sandbox: Sandbox["Service"], requests: number) =>
  Effect.gen(function* () {
    const bearer = yield* token(sandbox.account)
    return yield* Effect.forEach(Array.from({ length: requests }), () => statusOf(bearer))
  })

const readAs = (sandbox: Sandbox["Service"]) => Effect.flatMap(token(sandbox.account), read)

const on =
  (layer: Transport) =>
  (says: string, test: (sandbox: Sandbox["Service"]) => Effect.Effect<void, unknown, HttpClient.HttpClient>) =>
    it.effect(says, () =>
      Sandbox.use((sandbox) => Effect.andThen(sandbox.seed({ after: 0 }), test(sandbox))).pipe(Effect.provide(layer()))
    )

for (const [name, layer] of transports) {
  describe(`faults ${name}`, () => {
    const fault = on(layer)

    fault("rateLimited: seconds, a date, raw text, or no Retry-After", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        for (const retryAfter of [7, new Date(90_000), "soon"]) yield* sandbox.inject(Fault.rateLimited({ retryAfter }))
        yield* sandbox.inject(Fault.rateLimited())
        for (const value of ["7", "Thu, 01 Jan 1970 00:01:30 GMT", "soon", undefined]) {
          const { headers, status } = yield* retrieve(id, bearer)
          assert.deepStrictEqual([status, headers["retry-after"]], [429, value])
        }
        assert.strictEqual((yield* retrieve(id, bearer)).status, 200)
      })
    )

    fault("status, gatewayHtml and body: whatever a test wants to be answered", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const html = "text/html; charset=utf-8"
        const expected = [
          [Fault.status(503), 503, html, "<h1>503</h1>"],
          [Fault.status(500, { body: "boom" }), 500, html, "boom"],
          [Fault.status(418, { body: { code: 1 } }), 418, "application/json", '{"code":1}'],
          [Fault.gatewayHtml(502), 502, html, "502 Bad Gateway"],
          [Fault.gatewayHtml(504), 504, html, "504 Gateway Timeout"],
          [Fault.body([]), 200, "application/json", "[]"],
          [Fault.body('{"status":'), 200, "application/json", '{"status":'],
          [Fault.body("hi", { status: 202, contentType: "text/plain" }), 202, "text/plain", "hi"]
        ] as const
        for (const [injected] of expected) yield* sandbox.inject(injected)
        for (const [injected, status, type, text] of expected) {
          const answer = yield* read(bearer)
          assert.deepStrictEqual([answer.status, answer.type], [status, type])
          assert.include(answer.body, text)
          assert.strictEqual((yield* sandbox.requests).at(-1)?.fault, injected)
        }
        yield* sandbox.inject(Fault.status(503, { retryAfter: 1 }))
        assert.strictEqual((yield* read(bearer)).headers["retry-after"], "1")
      })
    )

    fault("cutJson: half of the JSON, as if it were all", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.cutJson, { on: "retrieve" })
        const { body, headers, status } = yield* readAs(sandbox)
        assert.deepStrictEqual([status, body], [200, ticket.slice(0, ticket.length / 2)])
        assert.strictEqual(headers["content-length"], `${body.length}`)
      })
    )

    fault("oversized: to the byte, and still JSON", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.oversized(70_000), { on: "retrieve" })
        const { body, headers } = yield* readAs(sandbox)
        assert.strictEqual(headers["content-length"], "70000")
        assert.deepStrictEqual([body.length, body.trimEnd()], [70_000, ticket])
      })
    )

    fault("unauthenticated: once, with either status, and the token stays good", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.unauthenticated())
        yield* sandbox.inject(Fault.unauthenticated(403))
        const bearer = yield* token(sandbox.account)
        const answers = yield* Effect.forEach([1, 2, 3], () => answerOf(id, bearer))
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          [401, 403, 200]
        )
        assert.propertyVal(answers[1]?.body, "code", 40001)
        yield* sandbox.inject(Fault.unauthenticated(), { on: "token" })
        assert.strictEqual((yield* Effect.exit(token(sandbox.account)))._tag, "Failure")
      })
    )

    fault("tokenExpired: that token is dead; tokensRevoked: all of the account's are", (sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.tokenExpired)
        const one = yield* token(sandbox.account)
        const two = yield* token(sandbox.account)
        const three = yield* token(sandbox.account)
        assert.deepStrictEqual([yield* statusOf(one), yield* statusOf(one), yield* statusOf(two)], [401, 401, 200])
        yield* sandbox.inject(Fault.tokensRevoked)
        assert.deepStrictEqual([yield* statusOf(two), yield* statusOf(three)], [401, 401])
        assert.strictEqual((yield* readAs(sandbox)).status, 200)
      })
    )

    fault("latency: the answer leaves on the millisecond, and says what was true when it was asked", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const late = yield* sandbox.seed({ outcome: "Failed", after: "1 second" })
        yield* sandbox.inject(Fault.latency("2 seconds"))
        const fiber = yield* Effect.forkChild(answerOf(late, bearer), { startImmediately: true })
        yield* arrived(sandbox, 2)
        yield* TestClock.adjust(1999)
        assert.isUndefined((yield* sandbox.requests)[1]?.status)
        yield* sandbox.setEnabled(false)
        yield* TestClock.adjust(1)
        assert.propertyVal((yield* Fiber.join(fiber)).body, "status", "PENDING")
        assert.strictEqual((yield* sandbox.requests)[1]?.status, 200)
      })
    )

    fault("refused: no answer, and the request is counted", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        yield* sandbox.inject(Fault.refused)
        const error = yield* Effect.flip(retrieve(id, bearer))
        assert.deepInclude(error, { _tag: "HttpClientError" })
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.deepInclude((yield* sandbox.requests)[1], { route: "retrieve", status: undefined, fault: Fault.refused })
        assert.strictEqual((yield* retrieve(id, bearer)).status, 200)
      })
    )

    fault("reset: the body breaks after so many bytes, and its whole length was announced", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        for (const afterBytes of [0, 1, 30]) {
          yield* sandbox.inject(Fault.reset({ afterBytes }))
          const response = yield* retrieve(id, bearer)
          assert.deepStrictEqual([response.status, response.headers["content-length"]], [200, `${ticket.length}`])
          const seen: Array<number> = []
          const error = yield* response.stream.pipe(
            Stream.runForEach((bytes) => Effect.sync(() => seen.push(...bytes))),
            Effect.flip
          )
          assert.strictEqual(error._tag, "HttpClientError")
          assert.strictEqual(String.fromCharCode(...seen), ticket.slice(0, afterBytes))
        }
        assert.strictEqual((yield* read(bearer)).body, ticket)
      })
    )

    it.effect("hang: no answer ever leaves, and the client's interruption reaches the handler", () =>
      Effect.gen(function* () {
        const interrupted = yield* Deferred.make<void>()
        const watched = Layer.effect(
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
          const fiber = yield* Effect.forkChild(HttpClient.get(`/api/v1/supportTickets/${id}/`), {
            startImmediately: true
          })
          yield* arrived(sandbox, 1)
          yield* TestClock.adjust("1 day")
          assert.isUndefined(fiber.pollUnsafe())
          assert.isTrue(Option.isNone(yield* Deferred.poll(interrupted)))
          yield* Fiber.interrupt(fiber)
          yield* Deferred.await(interrupted)
          assert.isUndefined((yield* sandbox.requests)[0]?.status)
        }).pipe(Effect.provide(layer(watched)))
      })
    )
  })
}

describe("the queue of faults", () => {
  const queue = on(inProcess)
  queue("is met in order, each as often as it says", (sandbox) =>
    Effect.gen(function* () {
      yield* sandbox.inject(Fault.status(599), { on: "retrieve", times: 0 })
      yield* sandbox.inject(Fault.status(500), { on: "retrieve", times: 2 })
      yield* sandbox.inject(Fault.status(501), { on: "retrieve" })
      assert.deepStrictEqual(yield* statusesOf(sandbox, 4), [500, 500, 501, 200])
    })
  )

  queue("lets pass what is meant for another endpoint or another account", (sandbox) =>
    Effect.gen(function* () {
      const other = yield* sandbox.addAccount()
      yield* sandbox.inject(Fault.status(500), { account: other, on: "retrieve" })
      yield* sandbox.inject(Fault.status(501), { on: "token", account: other })
      yield* sandbox.inject(Fault.status(502), { account: sandbox.account, on: "retrieve" })
      assert.deepStrictEqual(yield* statusesOf(sandbox, 2), [502, 200])
      assert.strictEqual((yield* Effect.exit(token(other)))._tag, "Failure")
      assert.strictEqual((yield* retrieve(id, yield* token(other))).status, 500)
    })
  )

  queue("lasts for ever if it is told so, until it is healed", (sandbox) =>
    Effect.gen(function* () {
      yield* sandbox.inject(Fault.gatewayHtml(503), { on: "retrieve", times: "forever" })
      assert.deepStrictEqual(
        yield* statusesOf(sandbox, 50),
        Array.from({ length: 50 }, () => 503)
      )
      yield* sandbox.clearFaults
      assert.deepStrictEqual(yield* statusesOf(sandbox, 1), [200])
    })
  )
})

describe("lost connections", () => {
  it.effect("in process their causes have the codes of the operating system", () =>
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
