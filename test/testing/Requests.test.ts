import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as TestClock from "effect/testing/TestClock"
import { Fault } from "../../src/testing/index.ts"
import { withSandbox } from "./sandbox.ts"
import { firstTicketId, requestToken, retrieve } from "./transports.ts"

describe("the requests of the sandbox", () => {
  it.effect("have the time, the route and the status of their response", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        yield* TestClock.adjust("5 seconds")
        yield* Effect.forkChild(retrieve(firstTicketId, token), { startImmediately: true })
        yield* HttpClient.get("/elsewhere/?secret=1")
        const [tokenRequest, retrieveRequest, otherRequest] = yield* sandbox.requests
        assert.deepInclude(tokenRequest, {
          at: 0,
          route: "token",
          method: "POST",
          path: "/oauth2/token/",
          ticketId: undefined,
          status: 200,
          fault: undefined
        })
        assert.deepInclude(retrieveRequest, {
          at: 5000,
          route: "retrieve",
          method: "GET",
          ticketId: firstTicketId,
          status: 404
        })
        assert.deepInclude(otherRequest, {
          at: 5000,
          route: undefined,
          path: "/elsewhere/",
          clientId: undefined,
          status: 404
        })
        assert.strictEqual(yield* sandbox.count(), 3)
        assert.strictEqual(yield* sandbox.count("token"), 1)
        assert.strictEqual(yield* sandbox.count("retrieve"), 1)
      })
    )
  )

  it.effect("are a snapshot that later responses do not change", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("1 second"))
        const fiber = yield* Effect.forkChild(requestToken(sandbox.account), { startImmediately: true })
        const before = yield* sandbox.requests
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        const statusesOf = (requests: typeof before) => requests.map(({ status }) => status)
        assert.deepStrictEqual(statusesOf(before), [undefined])
        assert.deepStrictEqual(statusesOf(yield* sandbox.requests), [200])
      })
    )
  )
})
