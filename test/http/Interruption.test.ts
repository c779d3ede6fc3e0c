import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { Fault } from "../../src/testing/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { httpOn, onSandbox, scriptedHttp } from "../support/harness.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { serve, sockets } from "../support/server.ts"

describe("the interruption of a call", () => {
  it.effect("cancels the request in flight and sends no other", () =>
    Effect.gen(function* () {
      let aborted = 0
      const { get, times } = yield* scriptedHttp(() =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => aborted++))
      )
      const fiber = yield* Effect.forkChild(get, { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(aborted, 1)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("cancels the next attempt", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed()
        yield* sandbox.inject(Fault.status(503, { retryAfter: 30 }), { on: "retrieve", times: "forever" })
        const fiber = yield* Effect.forkChild(tickets.retrieve(id), { startImmediately: true })
        yield* TestClock.adjust("29999 millis")
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 day")
        assert.strictEqual(yield* sandbox.count("retrieve"), 1)
      })
    )
  )

  it.effect("during the token request sends nothing to the API", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.latency("5 seconds"), { on: "token" })
        const fiber = yield* Effect.forkChild(tickets.retrieve(ticketId), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 day")
        assert.strictEqual(yield* sandbox.count("token"), 1)
        assert.strictEqual(yield* sandbox.count("retrieve"), 0)
      })
    )
  )
})

/** A response, and whether its body is being read: its web stream is locked then, or its stream was requested. */
const watchBody = (response: HttpClientResponse.HttpClientResponse) => {
  let isStreamRequested = false
  return {
    response: new Proxy(response, {
      get: (target, key) => {
        if (key === "stream") isStreamRequested = true
        return Reflect.get(target, key, target) as unknown
      }
    }),
    isBeingRead: () =>
      isStreamRequested || Option.exists(HttpClientResponse.toWeb(response), ({ body }) => body?.locked === true)
  }
}

describe("the interruption of a call on a socket", () => {
  for (const [name, client] of sockets) {
    it.live(`closes the connection before the response, with ${name}`, () =>
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        const closed = yield* Deferred.make<void>()
        const baseUrl = yield* serve((_, response) => {
          response.on("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
          Effect.runSync(Deferred.succeed(arrived, undefined))
        })
        const { get } = yield* httpOn(client, { environment: { baseUrl } })
        const fiber = yield* Effect.forkChild(get, { startImmediately: true })
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(closed)
      })
    )

    it.live(`closes the connection within the response body, with ${name}`, () =>
      Effect.gen(function* () {
        const isBeingRead = yield* Deferred.make<() => boolean>()
        const closed = yield* Deferred.make<void>()
        const baseUrl = yield* serve((_, response) => {
          response.on("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
          response.writeHead(200, { "content-type": "application/json" }).write('{"ok":')
        })
        const watched = Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.transformResponse(
              Effect.flatMap((original) => {
                const body = watchBody(original)
                return Effect.as(Deferred.succeed(isBeingRead, body.isBeingRead), body.response)
              })
            )
          )
        ).pipe(Layer.provide(client))
        const { get } = yield* httpOn(watched, { environment: { baseUrl } })
        const fiber = yield* Effect.forkChild(get, { startImmediately: true })
        yield* Effect.repeat(Effect.yieldNow, { until: yield* Deferred.await(isBeingRead) })
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(closed)
      })
    )
  }

  it.effect("by its timeout closes the connection", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const baseUrl = yield* serve((_, response) => {
        response.on("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
        Effect.runSync(Deferred.succeed(arrived, undefined))
      })
      const { get } = yield* httpOn(FetchHttpClient.layer, { environment: { baseUrl }, retry: { times: 0 } })
      const fiber = yield* Effect.forkChild(Effect.flip(get), { startImmediately: true })
      yield* Deferred.await(arrived)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(reasonOf(yield* Fiber.join(fiber))._tag, "TimedOut")
      yield* Deferred.await(closed)
    })
  )
})
