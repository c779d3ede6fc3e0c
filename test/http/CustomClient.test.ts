import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { AuthStaticToken, Ripio, RipioHttp, RipioHttpLive, SupportTickets } from "../../src/index.ts"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { apiErrors, ticketId } from "../support/fixtures.ts"
import { httpOn, Ok, operation } from "../support/harness.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { isFetch, serve, sockets } from "../support/server.ts"
import { fieldsOf } from "../support/virtualTime.ts"

describe("a custom RequestInit", () => {
  /** A server whose response carries the header `x-own` of the request as its request id. */
  const echo = serve((request, response) => {
    response.setHeader("x-request-id", String(request.headers["x-own"]))
    response.end('{"ok":')
  })
  const custom = { headers: { "x-own": "mine" }, redirect: "follow" } as const
  const init = Layer.succeed(FetchHttpClient.RequestInit, custom)
  const ripioHttp = (baseUrl: string) =>
    RipioHttpLive.layer({ environment: { baseUrl } }).pipe(
      Layer.provide(AuthStaticToken.layer({ token: Redacted.make("static-token") }))
    )
  const decode = Schema.decodeUnknownResult(Ok)
  const get = Effect.flip(RipioHttp.use(({ execute }) => execute(HttpClientRequest.get("/"), { operation, decode })))

  for (const [name, fetchLayer] of sockets.filter(([name]) => isFetch(name))) {
    it.live(`around all layers is used, with ${name}`, () =>
      Effect.gen(function* () {
        const layer = ripioHttp(yield* echo).pipe(Layer.provide(fetchLayer), Layer.provide(init))
        assert.deepInclude(yield* Effect.provide(get, layer), { requestId: "mine" })
      })
    )

    it.live(`around the fetch layer is used, with ${name}`, () =>
      Effect.gen(function* () {
        const layer = ripioHttp(yield* echo).pipe(Layer.provide(fetchLayer.pipe(Layer.provide(init))))
        assert.deepInclude(yield* Effect.provide(get, layer), { requestId: "mine" })
      })
    )

    it.live(`around the layer of RipioHttp is used, with ${name}`, () =>
      Effect.gen(function* () {
        const layer = ripioHttp(yield* echo).pipe(Layer.provide(init), Layer.provide(fetchLayer))
        assert.deepInclude(yield* Effect.provide(get, layer), { requestId: "mine" })
      })
    )

    it.live(`around one call is used, with ${name}`, () =>
      Effect.gen(function* () {
        const layer = ripioHttp(yield* echo).pipe(Layer.provide(fetchLayer))
        const call = Effect.provideService(get, FetchHttpClient.RequestInit, custom)
        assert.deepInclude(yield* Effect.provide(call, layer), { requestId: "mine" })
      })
    )

    it.live(`cannot make the client follow redirects, with ${name}`, () =>
      Effect.gen(function* () {
        let elsewhere = 0
        const other = yield* serve((_, response) => {
          elsewhere++
          response.end('{"ok":true}')
        })
        const baseUrl = yield* serve((_, response) => response.writeHead(302, { location: other }).end())
        for (const layer of [
          ripioHttp(baseUrl).pipe(Layer.provide(fetchLayer), Layer.provide(init)),
          ripioHttp(baseUrl).pipe(Layer.provide(fetchLayer.pipe(Layer.provide(init))))
        ]) {
          assert.deepInclude(reasonOf(yield* Effect.provide(get, layer)), { _tag: "UnexpectedResponse", status: 302 })
        }
        assert.strictEqual(elsewhere, 0)
      })
    )
  }
})

describe("a custom fetch", () => {
  it.live("is called, with redirects disabled", () =>
    Effect.gen(function* () {
      const urls: Array<string> = []
      const fetch = Layer.succeed(FetchHttpClient.Fetch, (input, init) => {
        urls.push(input instanceof Request ? input.url : input.toString())
        assert.strictEqual(init?.redirect, "manual")
        return Promise.resolve(new Response('{"ok":true}'))
      })
      const { get } = yield* httpOn(FetchHttpClient.layer.pipe(Layer.provide(fetch)))
      assert.deepStrictEqual(yield* get, { ok: true })
      assert.deepStrictEqual(urls, ["https://skala-sandbox.ripio.com/path/"])
    })
  )
})

describe("a client that reads each body, for example to log it", () => {
  it.live("leaves the body for RipioHttp", () =>
    Effect.gen(function* () {
      const baseUrl = yield* serve((_, response) => response.end('{"ok":true}'))
      const logged: Array<string> = []
      for (const [, client] of sockets) {
        const logging = Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.tap((response) => Effect.map(response.text, (text) => logged.push(text)))
          )
        ).pipe(Layer.provide(client))
        const { get } = yield* httpOn(logging, { environment: { baseUrl } })
        assert.deepStrictEqual(yield* get, { ok: true })
      }
      assert.deepStrictEqual(
        logged,
        sockets.map(() => '{"ok":true}')
      )
    })
  )
})

describe("a client with filterStatusOk", () => {
  const statusOk = Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk))

  it.effect("has the same typed errors, retries and token renewals", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const options = { environment: "sandbox", ...sandbox.account, retry: Schedule.recurs(2) } as const
      const built = yield* Layer.build(Ripio.layer(options).pipe(Layer.provide(statusOk)))
      const { retrieve } = Context.get(built, SupportTickets)
      const id = yield* sandbox.seed()
      assert.deepInclude(yield* Effect.flip(retrieve(ticketId)), { _tag: "NotFound", status: 404, code: 40017 })
      yield* sandbox.inject(Fault.status(503), { times: 2 })
      assert.strictEqual((yield* retrieve(id))._tag, "Pending")
      yield* sandbox.inject(Fault.tokenExpired)
      assert.strictEqual((yield* retrieve(id))._tag, "Pending")
      yield* sandbox.setEnabled(false)
      assert.deepInclude(yield* Effect.flip(retrieve(id)), { _tag: "NotEnabled", status: 403, code: 20061 })
      yield* sandbox.inject(Fault.rateLimited({ retryAfter: 3600 }))
      assert.deepInclude(reasonOf(yield* Effect.flip(retrieve(id))), { _tag: "RateLimited", status: 429 })
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )

  for (const [name, client] of sockets) {
    it.live(`has the same ApiError on a socket, with ${name}`, () =>
      Effect.gen(function* () {
        const baseUrl = yield* serve((_, response) => {
          response.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify(apiErrors.notFound))
        })
        const { get } = yield* httpOn(statusOk.pipe(Layer.provide(client)), { environment: { baseUrl } })
        assert.deepStrictEqual(fieldsOf(yield* Effect.flip(get)), {
          _tag: "ApiError",
          ...apiErrors.notFound,
          attempts: 1
        })
      })
    )
  }
})
