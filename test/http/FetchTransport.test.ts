import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { FetchTransport } from "../../src/index.ts"

type Call = readonly [url: string, init: RequestInit]

/** The transport on a `fetch` that answers at once, or as it is told, and what that was called with. */
const onFetch = (answer: () => Promise<Response> = () => Promise.resolve(new Response("{}"))) => {
  const calls: Array<Call> = []
  const fetch: typeof globalThis.fetch = (input, init = {}) => {
    calls.push([input instanceof Request ? input.url : input.toString(), init])
    return answer()
  }
  const layer = FetchTransport.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)))
  const execute = (request: HttpClientRequest.HttpClientRequest) => Effect.provide(HttpClient.execute(request), layer)
  return { calls, execute, layer }
}

const url = "https://ripio.test/path/"
const bytesOf = async (body: BodyInit | null | undefined) => [...new Uint8Array(await new Response(body).arrayBuffer())]

describe("a request", () => {
  it.effect("is what fetch is called with, and no redirect is followed", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const response = yield* execute(HttpClientRequest.get(url, { headers: { "x-own": "mine" } }))
      assert.deepStrictEqual([response.status, yield* response.text], [200, "{}"])
      const [[called, init] = ["", {}]] = calls
      assert.strictEqual(called, url)
      assert.deepInclude(init, { method: "GET", redirect: "manual", body: null })
      assert.strictEqual(new Headers(init.headers).get("x-own"), "mine")
    })
  )

  it.effect("with bytes has them in a Blob, whatever they lie in", () =>
    Effect.gen(function* () {
      const shared = new Uint8Array(new SharedArrayBuffer(3))
      shared.set([1, 2, 3])
      for (const bytes of [Uint8Array.of(1, 2, 3), Uint8Array.of(0, 1, 2, 3, 4).subarray(1, 4), shared]) {
        const { calls, execute } = onFetch()
        yield* execute(HttpClientRequest.post(url).pipe(HttpClientRequest.bodyUint8Array(bytes, "x/y")))
        const { body, headers, method } = calls[0]?.[1] ?? {}
        assert.instanceOf(body, Blob)
        assert.deepStrictEqual(yield* Effect.promise(() => bytesOf(body)), [1, 2, 3])
        // The length is the runtime's to tell.
        assert.deepStrictEqual([method, [...new Headers(headers)]], ["POST", [["content-type", "x/y"]]])
      }
    })
  )

  it.effect("with more to its URL, or a body that is streamed, goes out as well", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      yield* execute(HttpClientRequest.get(url, { urlParams: { page: "2" } }))
      yield* execute(HttpClientRequest.get(url, { hash: "end" }))
      assert.deepStrictEqual(
        calls.map(([called]) => called),
        [`${url}?page=2`, `${url}#end`]
      )
      const stream = Stream.make(Uint8Array.of(1), Uint8Array.of(2))
      yield* execute(HttpClientRequest.post(url).pipe(HttpClientRequest.bodyStream(stream)))
      assert.deepInclude(calls[2]?.[1], { method: "POST", redirect: "manual" })
      assert.deepStrictEqual(yield* Effect.promise(() => bytesOf(calls[2]?.[1].body)), [1, 2])
    })
  )

  it.effect("takes the RequestInit of the layer and of the call, the call's over the layer's", () =>
    Effect.gen(function* () {
      const { calls, layer } = onFetch()
      const client = layer.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { credentials: "omit", cache: "reload" }))
      )
      for (const body of [undefined, Stream.make(Uint8Array.of(1))]) {
        const request = HttpClientRequest.post(url)
        yield* HttpClient.execute(body === undefined ? request : HttpClientRequest.bodyStream(request, body)).pipe(
          Effect.provideService(FetchHttpClient.RequestInit, { cache: "no-store", redirect: "follow" }),
          Effect.provide(client)
        )
        assert.deepInclude(calls.at(-1)?.[1], { credentials: "omit", cache: "no-store", redirect: "manual" })
      }
    })
  )

  it.effect("keeps the headers of a RequestInit beneath its own, and its body a Blob", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const request = HttpClientRequest.post(url, { headers: { "x-own": "mine" } }).pipe(
        HttpClientRequest.bodyUint8Array(Uint8Array.of(1, 2, 3))
      )
      const ofInit = { "X-Init": "too", "X-Own": "yours" }
      for (const headers of [ofInit, Object.entries(ofInit), new Headers(ofInit)]) {
        yield* Effect.provideService(execute(request), FetchHttpClient.RequestInit, { headers })
        const { body, headers: sent } = calls.at(-1)?.[1] ?? {}
        assert.deepStrictEqual(
          [...new Headers(sent)],
          [
            ["content-type", "application/octet-stream"],
            ["x-init", "too"],
            ["x-own", "mine"]
          ]
        )
        assert.instanceOf(body, Blob)
      }
    })
  )

  it.effect("goes to the Fetch of the call, if there is one", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const other = onFetch()
      const response = yield* execute(HttpClientRequest.get(url)).pipe(
        Effect.provideService(FetchHttpClient.Fetch, (input, init) => {
          other.calls.push([`${input instanceof Request ? input.url : input}`, init ?? {}])
          return Promise.resolve(new Response("other"))
        })
      )
      assert.strictEqual(yield* response.text, "other")
      assert.deepStrictEqual([calls.length, other.calls.length], [0, 1])
    })
  )

  it.effect("is aborted when its fiber is interrupted", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch(() => new Promise(() => {}))
      const fiber = yield* Effect.forkChild(execute(HttpClientRequest.get(url)), { startImmediately: true })
      const { signal } = calls[0]?.[1] ?? {}
      assert.strictEqual(signal?.aborted, false)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(signal?.aborted, true)
    })
  )
})

describe("an error", () => {
  const failing = Effect.fnUntraced(function* (request: HttpClientRequest.HttpClientRequest, cause: Error) {
    const { execute } = onFetch(() => Promise.reject(cause))
    return (yield* Effect.flip(execute(request))).reason
  })

  it.effect("of fetch is a TransportError with its cause", () =>
    Effect.gen(function* () {
      const cause = new TypeError("fetch failed")
      const reason = yield* failing(HttpClientRequest.get(url), cause)
      assert.strictEqual(reason._tag, "TransportError")
      assert.strictEqual(reason.cause, cause)
    })
  )

  it.effect("that fetch throws is one too", () =>
    Effect.gen(function* () {
      const { execute } = onFetch(() => {
        throw new RangeError("thrown")
      })
      const { reason } = yield* Effect.flip(execute(HttpClientRequest.get(url)))
      assert.deepStrictEqual([reason._tag, reason.cause], ["TransportError", new RangeError("thrown")])
    })
  )

  it.effect("of a URL that is none is an InvalidUrlError", () =>
    Effect.gen(function* () {
      const cause = new TypeError("Failed to parse URL")
      const reason = yield* failing(HttpClientRequest.get("no url"), cause)
      assert.deepInclude(reason, { _tag: "InvalidUrlError", cause })
      assert.strictEqual(reason.request.url, "no url")
    })
  )

  it.effect("of a request to upgrade comes before anything is sent", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const { reason } = yield* Effect.flip(execute(HttpClientRequest.get(url, { headers: { upgrade: "websocket" } })))
      assert.strictEqual(reason._tag, "TransportError")
      assert.strictEqual(calls.length, 0)
    })
  )
})
