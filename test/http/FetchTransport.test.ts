import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { FetchTransport } from "../../src/index.ts"

interface Call {
  readonly url: string
  readonly init: RequestInit
}

/** The transport on a `fetch` that responds with an empty object by default, and the calls of that `fetch`. */
const onFetch = (respond: () => Promise<Response> = () => Promise.resolve(new Response("{}"))) => {
  const calls: Array<Call> = []
  const fetch: typeof globalThis.fetch = (input, init = {}) => {
    calls.push({ url: input instanceof Request ? input.url : input.toString(), init })
    return respond()
  }
  const layer = FetchTransport.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)))
  const execute = (request: HttpClientRequest.HttpClientRequest) => Effect.provide(HttpClient.execute(request), layer)
  return { calls, execute, layer }
}

const url = "https://ripio.test/path/"
const bytesOf = async (body: BodyInit | null | undefined) => [...new Uint8Array(await new Response(body).arrayBuffer())]

describe("FetchTransport", () => {
  it.effect("calls fetch with the request and without following redirects", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const response = yield* execute(HttpClientRequest.get(url, { headers: { "x-own": "mine" } }))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, "{}")
      const [call] = calls
      assert.strictEqual(call?.url, url)
      assert.deepInclude(call?.init, { method: "GET", redirect: "manual", body: null })
      assert.strictEqual(new Headers(call?.init.headers).get("x-own"), "mine")
    })
  )

  it.effect("sends bytes as a Blob, also from a view and from shared memory", () =>
    Effect.gen(function* () {
      const shared = new Uint8Array(new SharedArrayBuffer(3))
      shared.set([1, 2, 3])
      for (const bytes of [Uint8Array.of(1, 2, 3), Uint8Array.of(0, 1, 2, 3, 4).subarray(1, 4), shared]) {
        const { calls, execute } = onFetch()
        yield* execute(HttpClientRequest.post(url).pipe(HttpClientRequest.bodyUint8Array(bytes, "x/y")))
        const { body, headers, method } = calls[0]?.init ?? {}
        assert.instanceOf(body, Blob)
        assert.deepStrictEqual(yield* Effect.promise(() => bytesOf(body)), [1, 2, 3])
        assert.strictEqual(method, "POST")
        // The runtime adds the content-length.
        assert.deepStrictEqual([...new Headers(headers)], [["content-type", "x/y"]])
      }
    })
  )

  it.effect("sends URL parameters, a hash, and a streamed body", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      yield* execute(HttpClientRequest.get(url, { urlParams: { page: "2" } }))
      yield* execute(HttpClientRequest.get(url, { hash: "end" }))
      assert.deepStrictEqual(
        calls.map((call) => call.url),
        [`${url}?page=2`, `${url}#end`]
      )
      const stream = Stream.make(Uint8Array.of(1), Uint8Array.of(2))
      yield* execute(HttpClientRequest.post(url).pipe(HttpClientRequest.bodyStream(stream)))
      assert.deepInclude(calls[2]?.init, { method: "POST", redirect: "manual" })
      assert.deepStrictEqual(yield* Effect.promise(() => bytesOf(calls[2]?.init.body)), [1, 2])
    })
  )

  it.effect("merges the RequestInit of the layer with that of the call, which has priority", () =>
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
        assert.deepInclude(calls.at(-1)?.init, { credentials: "omit", cache: "no-store", redirect: "manual" })
      }
    })
  )

  it.effect("gives the headers of the request priority over those of a RequestInit", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const request = HttpClientRequest.post(url, { headers: { "x-own": "mine" } }).pipe(
        HttpClientRequest.bodyUint8Array(Uint8Array.of(1, 2, 3))
      )
      const initHeaders = { "X-Init": "too", "X-Own": "yours" }
      for (const headers of [initHeaders, Object.entries(initHeaders), new Headers(initHeaders)]) {
        yield* Effect.provideService(execute(request), FetchHttpClient.RequestInit, { headers })
        const { body, headers: sent } = calls.at(-1)?.init ?? {}
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

  it.effect("calls the Fetch that is provided to the call, not that of the layer", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const other = onFetch()
      const response = yield* execute(HttpClientRequest.get(url)).pipe(
        Effect.provideService(FetchHttpClient.Fetch, (input, init) => {
          other.calls.push({ url: `${input instanceof Request ? input.url : input}`, init: init ?? {} })
          return Promise.resolve(new Response("other"))
        })
      )
      assert.strictEqual(yield* response.text, "other")
      assert.strictEqual(calls.length, 0)
      assert.strictEqual(other.calls.length, 1)
    })
  )

  it.effect("aborts fetch when the fiber is interrupted", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch(() => new Promise(() => {}))
      const fiber = yield* Effect.forkChild(execute(HttpClientRequest.get(url)), { startImmediately: true })
      const { signal } = calls[0]?.init ?? {}
      assert.strictEqual(signal?.aborted, false)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(signal?.aborted, true)
    })
  )
})

describe("the error of FetchTransport", () => {
  const reasonOfRejection = Effect.fnUntraced(function* (request: HttpClientRequest.HttpClientRequest, cause: Error) {
    const { execute } = onFetch(() => Promise.reject(cause))
    return (yield* Effect.flip(execute(request))).reason
  })

  it.effect("for a fetch that rejects is a TransportError with the cause", () =>
    Effect.gen(function* () {
      const cause = new TypeError("fetch failed")
      const reason = yield* reasonOfRejection(HttpClientRequest.get(url), cause)
      assert.strictEqual(reason._tag, "TransportError")
      assert.strictEqual(reason.cause, cause)
    })
  )

  it.effect("for a fetch that throws is a TransportError with the cause", () =>
    Effect.gen(function* () {
      const { execute } = onFetch(() => {
        throw new RangeError("thrown")
      })
      const { reason } = yield* Effect.flip(execute(HttpClientRequest.get(url)))
      assert.strictEqual(reason._tag, "TransportError")
      assert.deepStrictEqual(reason.cause, new RangeError("thrown"))
    })
  )

  it.effect("for an invalid URL is an InvalidUrlError", () =>
    Effect.gen(function* () {
      const cause = new TypeError("Failed to parse URL")
      const reason = yield* reasonOfRejection(HttpClientRequest.get("no url"), cause)
      assert.deepInclude(reason, { _tag: "InvalidUrlError", cause })
      assert.strictEqual(reason.request.url, "no url")
    })
  )

  it.effect("for an upgrade request is a TransportError, and fetch is not called", () =>
    Effect.gen(function* () {
      const { calls, execute } = onFetch()
      const { reason } = yield* Effect.flip(execute(HttpClientRequest.get(url, { headers: { upgrade: "websocket" } })))
      assert.strictEqual(reason._tag, "TransportError")
      assert.strictEqual(calls.length, 0)
    })
  )
})
