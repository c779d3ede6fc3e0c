import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as TestClock from "effect/testing/TestClock"
import { Sandbox } from "../../src/testing/index.ts"
import { inProcess, requestToken } from "./transports.ts"

const limit = 10_000

describe("the journal of a sandbox", () => {
  it.effect("keeps the latest 10,000 requests, and counts all", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      yield* requestToken(sandbox.account)
      yield* TestClock.setTime(1)
      const get = HttpClient.get("/elsewhere/")
      yield* Effect.replicateEffect(get, limit - 1, { discard: true })
      assert.strictEqual((yield* sandbox.requests)[0]?.route, "token")
      yield* TestClock.setTime(2)
      const { headers } = yield* get
      yield* requestToken(sandbox.account)
      const requests = yield* sandbox.requests
      assert.strictEqual(requests.length, limit)
      assert.deepInclude(requests[0], { at: 1, path: "/elsewhere/" })
      assert.deepInclude(requests.at(-1), { at: 2, route: "token", status: 200 })
      assert.deepStrictEqual([yield* sandbox.count(), yield* sandbox.count("token")], [limit + 2, 2])
      yield* sandbox.awaitRequests("token", 2)
      assert.strictEqual(headers["x-request-id"], `sandbox-request-${limit + 1}`)
    }).pipe(Effect.provide(inProcess()))
  )

  it.effect("keeps the latest 10,000 deliveries, and waits for any number", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      let calls = 0
      const respond = () => Promise.resolve(new Response(null, { status: calls++ === 0 ? 200 : 204 }))
      yield* sandbox.subscribe(respond, { times: limit + 1 })
      yield* sandbox.emit({ body: "{}" })
      yield* sandbox.awaitDeliveries(limit)
      yield* sandbox.awaitDeliveries(limit + 1)
      const deliveries = yield* sandbox.deliveries
      assert.strictEqual(deliveries.length, limit)
      assert.isTrue(deliveries.every(({ status }) => status === 204))
    }).pipe(Effect.provide(inProcess()))
  )
})
