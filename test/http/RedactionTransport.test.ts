import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { retrieve } from "../support/playScript.ts"
import { assertNoSecrets, canaryAccount, canaryToken, watchSecrets } from "../support/secretWatch.ts"

const requests = [
  { method: "POST", name: "token request" },
  { method: "GET", name: "request to the API" }
]

describe("secrets in a failure of the transport", () => {
  const failures: ReadonlyArray<{ readonly name: string; readonly failure: (secret: string) => unknown }> = [
    { name: "an error", failure: (secret) => new Error(secret) },
    {
      name: "an error of fetch",
      failure: (secret) => new TypeError(`Headers.append: "${secret}" is an invalid header value.`)
    },
    {
      name: "a nested error",
      failure: (secret) => new TypeError("fetch failed", { cause: new Error("other", { cause: new Error(secret) }) })
    },
    { name: "an error code", failure: (secret) => Object.assign(new Error("x"), { code: secret }) },
    { name: "a string", failure: (secret) => secret },
    {
      name: "an object",
      failure: (secret) => ({ message: `${JSON.stringify(secret)} ${encodeURIComponent(secret)}`, secret })
    },
    {
      name: "an error nine causes deep",
      failure: (secret) =>
        Array.from({ length: 9 }).reduce<Error>(
          (cause, _, index) => new Error(`${index}`, { cause }),
          new Error(secret)
        )
    }
  ]

  for (const { failure, name } of failures) {
    for (const { method, name: requestName } of requests) {
      it.effect(`do not appear in any output if the ${requestName} fails with ${name}`, () =>
        Effect.gen(function* () {
          const client = HttpClient.make((request) =>
            request.method === method
              ? Effect.fail(
                  new HttpClientError({
                    reason: new TransportError({ request, cause: failure(request.headers["authorization"] ?? "") })
                  })
                )
              : Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(canaryToken().json)))
          )
          const layer = canaryAccount({ retry: { times: 1, base: 1 } }).pipe(
            Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
          )
          const watch = watchSecrets()
          const exit = yield* watch.run(
            retrieve.pipe(
              Effect.provide(layer),
              Effect.forkChild({ startImmediately: true }),
              Effect.tap(() => TestClock.adjust("1 minute")),
              Effect.flatMap(Fiber.join)
            )
          )
          assert.isTrue(Exit.isFailure(exit))
          assert.include(watch.text(), "TransportFailed")
          assertNoSecrets(watch.text())
        })
      )
    }
  }

  it.effect("do not appear in any output if the transport dies", () =>
    Effect.gen(function* () {
      for (const { method } of requests) {
        const client = HttpClient.make((request) =>
          request.method === method
            ? Effect.die(new Error("a bug of the transport"))
            : Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(canaryToken().json)))
        )
        const watch = watchSecrets()
        const exit = yield* watch.run(
          Effect.provide(retrieve, canaryAccount().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client))))
        )
        assert(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assertNoSecrets(watch.text())
      }
    })
  )
})
