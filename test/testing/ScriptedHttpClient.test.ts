import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { scriptedHttp } from "../support/harness.ts"

const url = "https://api.test/a/?b=1"

describe("ScriptedHttpClient", () => {
  it.effect("replies with one step for each request: data, a Response, a function, or a refused connection", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([
        { status: 503, headers: { "retry-after": "2" } },
        { status: 200, json: { ok: true } },
        { status: 200, text: '{"cut' },
        new Response("web", { status: 201 }),
        ({ method }, index) => Effect.succeed({ status: 200, text: `${method} ${index}` }),
        "refused"
      ])
      const get = Effect.flatMap(HttpClient.get(url), ({ headers, status, text }) =>
        Effect.map(text, (body) => ({
          status,
          body,
          type: headers["content-type"],
          retryAfter: headers["retry-after"]
        }))
      )
      yield* Effect.gen(function* () {
        assert.deepInclude(yield* get, { status: 503, body: "", retryAfter: "2" })
        assert.deepInclude(yield* get, { status: 200, body: '{"ok":true}', type: "application/json" })
        assert.deepInclude(yield* get, { status: 200, body: '{"cut' })
        assert.deepInclude(yield* get, { status: 201, body: "web" })
        assert.deepInclude(yield* get, { status: 200, body: "GET 4" })
        const error = yield* Effect.flip(get)
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.propertyVal(error.cause, "code", "ECONNREFUSED")
      }).pipe(Effect.provide(scripted.layer))
    })
  )

  it.effect("dies with a message on a request after the last step", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([{ status: 200 }])
      yield* HttpClient.get(url).pipe(Effect.provide(scripted.layer))
      const cause = yield* HttpClient.get(url).pipe(Effect.provide(scripted.layer), Effect.sandbox, Effect.flip)
      assert.include(Cause.pretty(cause), `GET ${url} is request 2, after the script's end`)
      assert.strictEqual((yield* scripted.requests).length, 2)
    })
  )

  it.effect("replies with a function that may suspend, and records the times of the requests", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make((_, index) =>
        Effect.as(Effect.sleep("1 second"), { status: index < 2 ? 500 : 200 })
      )
      const fiber = yield* HttpClient.get(url).pipe(
        Effect.repeat({ until: ({ status }) => status === 200 }),
        Effect.provide(scripted.layer),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* scripted.times, [0, 1000, 2000])
    })
  )

  it.effect("never replies to a request with a hanging step, which can be interrupted", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make(["hang"])
      const fiber = yield* HttpClient.get(url).pipe(
        Effect.timeoutOption("10 seconds"),
        Effect.provide(scripted.layer),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust(9999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
    })
  )

  it.effect("records the requests, with a token that can be compared and is not printed", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([{ status: 204 }, { status: 204 }])
      yield* TestClock.adjust(42)
      yield* HttpClientRequest.post(url).pipe(
        HttpClientRequest.bearerToken("token-in-clear"),
        HttpClientRequest.bodyUrlParams({ grant_type: "client_credentials" }),
        HttpClient.execute,
        Effect.andThen(HttpClient.get(url)),
        Effect.provide(scripted.layer)
      )
      const [post, get] = yield* scripted.requests
      assert.deepInclude(post, { at: 42, method: "POST", url, body: "grant_type=client_credentials" })
      assert.deepInclude(get, { at: 42, method: "GET", url, body: "" })
      const sent = post?.headers["authorization"]
      assert.isTrue(Redacted.isRedacted(sent) && Redacted.value(sent) === "Bearer token-in-clear")
      const recorded = yield* scripted.requests
      assert.notInclude(JSON.stringify(recorded) + inspect(recorded), "token-in-clear")
    })
  )

  const texts = Effect.flatMap(HttpClient.get(url), ({ status, text }) =>
    Effect.map(text, (body) => `${status} ${body}`)
  )
  const shared = () => new Response("the same", { status: 203 })

  it.effect("a Response may serve several requests, in a list and from a function", () =>
    Effect.gen(function* () {
      const response = shared()
      for (const script of [[response, response, response], () => Effect.succeed(response)]) {
        const scripted = yield* ScriptedHttpClient.make(script)
        const bodies = yield* Effect.replicateEffect(texts, 3).pipe(Effect.provide(scripted.layer))
        assert.deepStrictEqual(bodies, ["203 the same", "203 the same", "203 the same"])
      }
    })
  )

  for (const [name, use] of [
    ["was read", (response: Response): Promise<unknown> => response.text()],
    ["is being read", (response: Response) => Promise.resolve(response.body?.getReader())]
  ] as const) {
    it.effect(`a Response whose body ${name} by the test is a TransportError that says so`, () =>
      Effect.gen(function* () {
        const response = shared()
        yield* Effect.promise(() => use(response))
        const scripted = yield* ScriptedHttpClient.make([response, { status: 200, text: "next" }])
        const error = yield* Effect.flip(texts).pipe(Effect.provide(scripted.layer))
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.include(error.message, "the body of the scripted Response has been read")
        assert.strictEqual(yield* texts.pipe(Effect.provide(scripted.layer)), "200 next")
      })
    )
  }

  it.effect("a Response that serves several requests of the client, with typed results only", () =>
    Effect.gen(function* () {
      const response = Response.json({ ok: true })
      const { get } = yield* scriptedHttp([response, response])
      assert.deepStrictEqual([yield* get, yield* get], [{ ok: true }, { ok: true }])
      yield* Effect.promise(() => response.text())
      const used = yield* scriptedHttp(() => Effect.succeed(response), { retry: { times: 0 } })
      const error = yield* Effect.flip(used.get)
      assert.strictEqual(error._tag, "RipioHttpError")
      assert.include(error.message, "the body of the scripted Response has been read")
    }).pipe(Effect.scoped)
  )
})
