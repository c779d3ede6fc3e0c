import { brotliCompressSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, InvalidUrlError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import {
  AuthStaticToken,
  FetchTransport,
  type Environment,
  type RequestOptions,
  Ripio,
  RipioHttp,
  RipioHttpError,
  RipioHttpLive,
  SupportTickets
} from "../../src/index.ts"
import { Fault, Sandbox, ScriptedHttpClient, type ScriptedReply, type ScriptedStep } from "../../src/testing/index.ts"
import { draws, failsWithin, fieldsOf, gaps, within } from "../support/virtualTime.ts"
import { apiErrors, ticketId } from "../support/fixtures.ts"
import { isFetch, serve, sockets } from "../support/server.ts"

const Ok = Schema.Struct({ ok: Schema.Boolean })
const decode = Schema.decodeUnknownResult(Ok)
const ok: ScriptedReply = { status: 200, json: { ok: true } }
const operation = "test"

interface Options extends RequestOptions {
  readonly environment?: Environment
}

/** `RipioHttp` with a static token on some client. */
const httpOn = (client: Layer.Layer<HttpClient.HttpClient>, { environment = "sandbox", ...options }: Options = {}) =>
  Effect.map(
    Layer.build(
      RipioHttpLive.layer({ environment, ...options }).pipe(
        Layer.provide(AuthStaticToken.layer({ token: Redacted.make("static-token") })),
        Layer.provide(client)
      )
    ),
    (context) => {
      const { execute } = Context.get(context, RipioHttp)
      const send = (request: HttpClientRequest.HttpClientRequest) => execute(request, { operation, decode })
      return { execute, send, get: send(HttpClientRequest.get("/path/")) }
    }
  )

/** The same on a client that answers from a script. */
const http = (script: Parameters<typeof ScriptedHttpClient.make>[0], options?: Options) =>
  Effect.flatMap(ScriptedHttpClient.make(script), ({ layer, requests, times }) =>
    Effect.map(httpOn(layer, options), (built) => ({ ...built, requests, times }))
  )

const always = (reply: ScriptedReply) => () => Effect.succeed(reply)

/** The reason of a `RipioHttpError`. */
const reasonOf = (error: object) => {
  assert.instanceOf(error, RipioHttpError)
  return error.reason
}

describe("the retry", () => {
  const passing: ReadonlyArray<readonly [name: string, reply: ScriptedReply, reason: string]> = [
    ["no connection", "refused", "TransportFailed"],
    ["408", { status: 408 }, "ServerFailed"],
    ["429", { status: 429 }, "RateLimited"],
    ["500", { status: 500 }, "ServerFailed"],
    ["502", { status: 502, text: "<html>Bad Gateway</html>" }, "ServerFailed"],
    ["503", { status: 503 }, "ServerFailed"],
    ["504", { status: 504 }, "ServerFailed"],
    [
      "500 with an error of the API",
      { status: 500, json: { code: 1, type: "T", detail: {}, status: 500 } },
      "ServerFailed"
    ]
  ]

  it.effect.each(passing)("repeats twice, after full jitter within 0.5 s and 1 s: %s", ([, reply, reason]) =>
    Effect.gen(function* () {
      const [one = 0, two = 0] = yield* draws("retry", 2)
      const first = Math.round(one * 500)
      const second = first + Math.round(two * 1000)
      const { get, times } = yield* http(always(reply))
      const { after, error } = yield* failsWithin("1 minute", Random.withSeed(get, "retry"))
      assert.deepInclude(error, { _tag: "RipioHttpError", operation, attempts: 3 })
      assert.strictEqual(reasonOf(error)._tag, reason)
      assert.strictEqual(reasonOf(error).isRetryable, true)
      assert.deepStrictEqual(yield* times, [0, first, second])
      assert.strictEqual(after, second)
    })
  )

  it.effect("is pinned for one seed", () =>
    Effect.gen(function* () {
      const { get, times } = yield* http(["refused", { status: 503 }, ok])
      const { exit } = yield* within("1 minute", Random.withSeed(get, "ripio"))
      assert.deepStrictEqual(exit, Exit.succeed({ ok: true }))
      assert.deepStrictEqual(yield* times, [0, 156, 744])
    })
  )

  it.effect("draws its waits between zero and their bound, and uses the whole of it", () =>
    Effect.gen(function* () {
      const waits = yield* Effect.forEach(
        Array.from({ length: 300 }, (_, seed) => seed),
        (seed) =>
          Effect.gen(function* () {
            const { get, times } = yield* http(always({ status: 503 }), { retry: { times: 6 } })
            yield* failsWithin("1 minute", Random.withSeed(get, seed))
            return gaps(yield* times)
          })
      )
      for (const [index, bound] of [500, 1000, 2000, 4000, 8000, 8000].entries()) {
        const drawn = waits.map((waits) => waits[index] ?? -1)
        assert.isAtLeast(Math.min(...drawn), 0)
        assert.isBelow(Math.min(...drawn), bound * 0.05)
        assert.isAtMost(Math.max(...drawn), bound)
        assert.isAbove(Math.max(...drawn), bound * 0.95)
      }
    })
  )

  it.effect("ends with the first answer that is good", () =>
    Effect.gen(function* () {
      const { get, times } = yield* http(["refused", ok])
      assert.deepStrictEqual((yield* within("1 minute", get)).exit, Exit.succeed({ ok: true }))
      assert.strictEqual((yield* times).length, 2)
    })
  )

  const lasting: ReadonlyArray<readonly [name: string, reply: ScriptedReply, tag: string]> = [
    ["400", { status: 400 }, "UnexpectedResponse"],
    ["404 that is no error of the API", { status: 404, text: "<html></html>" }, "UnexpectedResponse"],
    ["403 that is no error of the API", { status: 403 }, "UnexpectedResponse"],
    ["301", { status: 301, headers: { location: "https://elsewhere.test/" } }, "UnexpectedResponse"],
    ["501", { status: 501 }, "ServerFailed"],
    ["505", { status: 505 }, "ServerFailed"],
    ["599", { status: 599 }, "ServerFailed"],
    ["another shape", { status: 200, json: { ok: "yes" } }, "UnexpectedResponse"],
    ["no JSON", { status: 200, text: "<html></html>" }, "UnexpectedResponse"],
    ["an empty body", { status: 200 }, "UnexpectedResponse"],
    ["an error of the API", { status: 404, json: apiErrors.notFound }, "ApiError"]
  ]

  it.effect.each(lasting)("is not made of what does not pass: %s", ([, reply, tag]) =>
    Effect.gen(function* () {
      const { get, times } = yield* http(always(reply))
      const { after, error } = yield* failsWithin("1 hour", get)
      assert.strictEqual(error._tag === "RipioHttpError" ? error.reason._tag : error._tag, tag)
      assert.deepInclude(error, { attempts: 1 })
      assert.deepStrictEqual([yield* times, after], [[0], 0])
    })
  )

  it.effect("times: 0 turns it off", () =>
    Effect.gen(function* () {
      const { get, times } = yield* http(always({ status: 503 }), { retry: { times: 0 } })
      assert.deepInclude((yield* failsWithin("1 hour", get)).error, { attempts: 1 })
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("follows a schedule of the user, without jitter of its own", () =>
    Effect.gen(function* () {
      const retry = Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(4)])
      const { get, times } = yield* http(always({ status: 503 }), { retry })
      const { after, error } = yield* failsWithin("1 minute", get)
      assert.deepInclude(error, { attempts: 5 })
      assert.deepStrictEqual(yield* times, [0, 100, 300, 700, 1500])
      assert.strictEqual(after, 1500)
    })
  )

  it.effect("feeds the schedule with the failure, and begins it anew with each call", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const retry = Schedule.spaced("1 second").pipe(
        Schedule.setInputType<RipioHttpError>(),
        Schedule.tap(({ attempt, input }) => Effect.sync(() => seen.push(`${attempt} ${input.reason._tag}`))),
        Schedule.upTo({ times: 2 })
      )
      const { get } = yield* http(["refused", { status: 503 }, ok, { status: 429 }, ok], { retry })
      yield* within("1 minute", Effect.andThen(get, get))
      assert.deepStrictEqual(seen, ["1 TransportFailed", "2 ServerFailed", "1 RateLimited"])
    })
  )

  it.effect("does not outlive a user's schedule on what does not pass", () =>
    Effect.gen(function* () {
      const { get, times } = yield* http(always({ status: 400 }), { retry: Schedule.spaced(1) })
      yield* failsWithin("1 minute", get)
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect.each(["POST", "PUT", "PATCH", "DELETE"] as const)("is never made of a %s that may have left", (method) =>
    Effect.gen(function* () {
      const faults: ReadonlyArray<ScriptedReply> = [
        "hang",
        { status: 503 },
        { status: 429, headers: { "retry-after": "1" } },
        { status: 408 },
        { status: 200, text: '{"ok":' }
      ]
      const request = HttpClientRequest.make(method)("/path/")
      for (const retry of [{ times: 9 }, Schedule.spaced(1)]) {
        for (const fault of faults) {
          const { send, times } = yield* http(always(fault), { retry })
          const { error } = yield* failsWithin("1 day", send(request))
          assert.deepInclude(error, { _tag: "RipioHttpError", attempts: 1 })
          assert.strictEqual((yield* times).length, 1)
        }
        let resets = 0
        const client = HttpClient.make((request) => {
          resets++
          const cause = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
          return Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause }) }))
        })
        const { send } = yield* httpOn(Layer.succeed(HttpClient.HttpClient, client), { retry })
        const { error } = yield* failsWithin("1 day", send(request))
        assert.deepInclude(reasonOf(error), { _tag: "TransportFailed", code: "ECONNRESET" })
        assert.strictEqual(resets, 1)
      }
    })
  )

  it.effect("is made of a HEAD", () =>
    Effect.gen(function* () {
      const { send, times } = yield* http(always({ status: 503 }))
      yield* failsWithin("1 minute", send(HttpClientRequest.head("/path/")))
      assert.strictEqual((yield* times).length, 3)
    })
  )

  it.effect("does not multiply with that of the token", () =>
    Effect.gen(function* () {
      const program = (options: RequestOptions) =>
        Effect.gen(function* () {
          const sandbox = yield* Sandbox
          yield* sandbox.inject(Fault.status(503), { on: "token", times: "forever" })
          const { error } = yield* failsWithin("1 hour", (yield* SupportTickets).retrieve(ticketId))
          assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken" })
          assert.deepInclude(error, { attempts: yield* sandbox.count("token") })
          assert.strictEqual(yield* sandbox.count("retrieve"), 0)
          return yield* sandbox.count("token")
        }).pipe(Effect.provide(Sandbox.layerRipio(options)))
      assert.strictEqual(yield* program({}), 3)
      assert.strictEqual(yield* program({ retry: { times: 0 } }), 1)
      assert.strictEqual(yield* program({ retry: Schedule.recurs(4) }), 5)
    })
  )

  it.effect("does not multiply with that of the token for an operation of the same name", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      yield* sandbox.inject(Fault.status(503), { on: "token", times: "forever" })
      const { execute } = yield* RipioHttp
      const call = execute(HttpClientRequest.get("/path/"), { operation: "accessToken", decode: Result.succeed })
      yield* failsWithin("1 hour", call)
      assert.strictEqual(yield* sandbox.count("token"), 3)
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  it.effect("does not multiply with that of the new token after a refusal", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const id = yield* sandbox.seed()
      const tickets = yield* SupportTickets
      yield* tickets.retrieve(id)
      yield* sandbox.revokeTokens()
      yield* sandbox.inject(Fault.refused, { on: "token", times: "forever" })
      const { error } = yield* failsWithin("1 hour", tickets.retrieve(id))
      assert.deepInclude(error, { operation: "accessToken", attempts: 3 })
      assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [4, 2])
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )
})

describe("Retry-After", () => {
  const limited = (retryAfter: string, status = 429): ScriptedReply => ({
    status,
    headers: { "retry-after": retryAfter }
  })
  // Without it, the call would be repeated a millisecond later.
  const retry = Schedule.max([Schedule.spaced(1), Schedule.recurs(1)])
  const start = Date.UTC(2026, 5, 26, 14, 30)

  it.effect.each<readonly [string, number]>([
    ["0", 1],
    ["1", 1000],
    ["7", 7000],
    [" 7 ", 7000],
    ["007", 7000],
    ["60", 60_000],
    ["Fri, 26 Jun 2026 14:30:20 GMT", 20_000],
    ["Fri, 26 Jun 2026 14:31:00 GMT", 60_000],
    // A date that is past asks for nothing.
    ["Fri, 26 Jun 2026 14:30:00 GMT", 1],
    ["Fri, 26 Jun 2026 14:29:00 GMT", 1],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 1],
    // Neither does what is no number and no date.
    ["-5", 1],
    ["1.5", 1],
    ["3e6", 1],
    ["0x10", 1],
    ["soon", 1],
    ["", 1],
    ["7, 9", 1]
  ])("%j is waited for: %s ms", ([retryAfter, wait]) =>
    Effect.gen(function* () {
      for (const status of [429, 503]) {
        yield* TestClock.setTime(start)
        const { get, times } = yield* http([limited(retryAfter, status), ok], { retry })
        const { after, exit } = yield* within("1 hour", get)
        assert.deepStrictEqual(exit, Exit.succeed({ ok: true }))
        assert.deepStrictEqual([gaps(yield* times), after], [[wait], wait])
      }
    })
  )

  it.effect("is a lower bound: a schedule that waits longer is not shortened", () =>
    Effect.gen(function* () {
      const retry = Schedule.max([Schedule.spaced("30 seconds"), Schedule.recurs(1)])
      const { get, times } = yield* http([limited("7"), ok], { retry })
      yield* within("1 hour", get)
      assert.deepStrictEqual(yield* times, [0, 30_000])
    })
  )

  it.effect("is obeyed by the default policy too, for its own wait alone", () =>
    Effect.gen(function* () {
      const { get, times } = yield* http([limited("20"), { status: 503 }, ok])
      yield* within("1 hour", get)
      const [first = 0, second = 0] = gaps(yield* times)
      assert.strictEqual(first, 20_000)
      assert.isAtMost(second, 1000)
    })
  )

  it.effect.each<readonly [string, Duration.Duration]>([
    ["61", Duration.seconds(61)],
    ["3600", Duration.hours(1)],
    ["86400", Duration.days(1)],
    ["3000000", Duration.seconds(3_000_000)],
    ["99999999999999999999", Duration.nanos(99_999_999_999_999_999_999_000_000_000n)],
    ["Fri, 26 Jun 2026 14:31:01 GMT", Duration.seconds(61)],
    ["Tue, 26 Jun 2029 14:30:00 GMT", Duration.days(1096)]
  ])("%j is more than the cap of 60 s: the call fails at once and says how long", ([retryAfter, expected]) =>
    Effect.gen(function* () {
      for (const status of [429, 408, 500, 503]) {
        yield* TestClock.setTime(start)
        const { get, times } = yield* http(always(limited(retryAfter, status)), { retry: { times: 5 } })
        const { after, error } = yield* failsWithin("1 minute", get)
        assert.deepInclude(error, { _tag: "RipioHttpError", attempts: 1 })
        const reason = reasonOf(error)
        assert(reason._tag === "RateLimited")
        assert.strictEqual(reason.status, status)
        assert.isTrue(Duration.equals(reason.retryAfter ?? Duration.zero, expected))
        assert.deepStrictEqual([yield* times, after], [[start], 0])
      }
    })
  )

  it.effect("within the cap is told by the error when the attempts are used up", () =>
    Effect.gen(function* () {
      const { get } = yield* http(always(limited("7")), { retry: { times: 0 } })
      const reason = reasonOf(yield* Effect.flip(get))
      assert.deepStrictEqual(fieldsOf(reason), { _tag: "RateLimited", status: 429, retryAfter: Duration.seconds(7) })
    })
  )

  it.effect("of the token endpoint holds for the token: waited for, or failed at once", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const id = yield* sandbox.seed()
      const { retrieve } = yield* SupportTickets
      yield* sandbox.inject(Fault.rateLimited({ retryAfter: 61 }), { on: "token" })
      const { after, error } = yield* failsWithin("1 minute", retrieve(id))
      assert.deepStrictEqual([after, reasonOf(error)._tag], [0, "RateLimited"])
      yield* sandbox.inject(Fault.rateLimited({ retryAfter: 30 }), { on: "token" })
      assert.strictEqual((yield* within("1 minute", retrieve(id))).after, 30_000)
      assert.strictEqual(yield* sandbox.count("token"), 3)
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )
})

describe("what a transport says", () => {
  const nested = (depth: number, innermost: object): object =>
    depth === 0 ? innermost : { message: `${depth}`, cause: nested(depth - 1, innermost) }

  it.effect.each<readonly [what: string, cause: unknown, isSent: boolean, code?: string]>([
    ["a connection that is refused", { code: "ECONNREFUSED" }, false, "ECONNREFUSED"],
    ["that Bun was refused", { code: "ConnectionRefused" }, false, "ConnectionRefused"],
    ["a name that is not known", { code: "ENOTFOUND" }, false, "ENOTFOUND"],
    ["a name that cannot be asked for now", { code: "EAI_AGAIN" }, false, "EAI_AGAIN"],
    ["a connection that takes too long", { code: "UND_ERR_CONNECT_TIMEOUT" }, false, "UND_ERR_CONNECT_TIMEOUT"],
    ["a certificate that is past", { code: "CERT_HAS_EXPIRED" }, false, "CERT_HAS_EXPIRED"],
    ["a certificate of one's own", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, false, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["a chain of one's own", { code: "SELF_SIGNED_CERT_IN_CHAIN" }, false, "SELF_SIGNED_CERT_IN_CHAIN"],
    ["an issuer unknown", { code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" }, false, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
    ["no issuer", { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["a certificate of another", { code: "ERR_TLS_CERT_ALTNAME_INVALID" }, false, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["no route while connecting", { code: "EHOSTUNREACH", syscall: "connect" }, false, "EHOSTUNREACH"],
    ["the same within others", nested(4, { code: "ECONNREFUSED" }), false, "ECONNREFUSED"],
    ["the same too deep to be looked for", nested(5, { code: "ECONNREFUSED" }), true],
    ["no route later", { code: "EHOSTUNREACH", syscall: "write" }, true, "EHOSTUNREACH"],
    ["a reset", { code: "ECONNRESET", syscall: "read" }, true, "ECONNRESET"],
    ["a code that is no text", { code: 7 }, true],
    ["nothing", undefined, true],
    ["null", null, true],
    ["a text", "ECONNREFUSED", true]
  ])("tells whether it may have been sent: %s", ([, cause, mayHaveBeenSent, code]) =>
    Effect.gen(function* () {
      let sent = 0
      const client = HttpClient.make((request) => {
        sent++
        return Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause }) }))
      })
      const { send } = yield* httpOn(Layer.succeed(HttpClient.HttpClient, client), { retry: Schedule.recurs(2) })
      const reason = reasonOf(yield* Effect.flip(send(HttpClientRequest.post("/path/"))))
      assert.deepInclude(reason, { _tag: "TransportFailed", mayHaveBeenSent })
      assert.strictEqual("code" in reason ? reason.code : undefined, code)
      // What may have been sent is not sent again.
      assert.strictEqual(sent, mayHaveBeenSent ? 1 : 3)
    })
  )
})

describe("the words of a transport", () => {
  const failing = (fail: (request: HttpClientRequest.HttpClientRequest) => HttpClientError) =>
    Effect.gen(function* () {
      const client = HttpClient.make((request) => Effect.fail(fail(request)))
      const { get } = yield* httpOn(Layer.succeed(HttpClient.HttpClient, client), { retry: { times: 0 } })
      return reasonOf(yield* Effect.flip(get))
    })

  it.effect.each<readonly [what: string, cause: unknown, description: string]>([
    ["one", new Error("socket hang up"), "socket hang up"],
    ["one within the other", new TypeError("fetch failed", { cause: new Error("reset") }), "fetch failed: reset"],
    ["those that say something", { message: "", cause: { message: 7, cause: { message: "reset" } } }, "reset"],
    ["a secret that it repeats", new Error("Bearer static-token refused"), "Bearer <redacted> refused"]
  ])("are in the description: %s", ([, cause, description]) =>
    Effect.gen(function* () {
      const reason = yield* failing(
        (request) => new HttpClientError({ reason: new TransportError({ request, cause }) })
      )
      assert.deepInclude(reason, { _tag: "TransportFailed", description })
    })
  )

  it.effect("are those of Effect where there is no cause", () =>
    Effect.gen(function* () {
      const reason = yield* failing((request) => new HttpClientError({ reason: new TransportError({ request }) }))
      assert.deepInclude(reason, {
        _tag: "TransportFailed",
        description: "Transport error (GET https://skala-sandbox.ripio.com/path/)"
      })
    })
  )

  it.effect("of a URL that is none are an InvalidRequest", () =>
    Effect.gen(function* () {
      const cause = new TypeError("Invalid URL")
      const reason = yield* failing(
        (request) => new HttpClientError({ reason: new InvalidUrlError({ request, cause }) })
      )
      assert.deepStrictEqual(fieldsOf(reason), { _tag: "InvalidRequest", issue: "Invalid URL" })
    })
  )

  it.effect("that come after an answer began do not show that nothing was sent", () =>
    Effect.gen(function* () {
      let sent = 0
      const client = HttpClient.make((request) => {
        sent++
        const body = new ReadableStream({
          pull: (controller) => controller.error(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }))
        })
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body)))
      })
      const { send } = yield* httpOn(Layer.succeed(HttpClient.HttpClient, client), { retry: Schedule.recurs(2) })
      const reason = reasonOf(yield* Effect.flip(send(HttpClientRequest.post("/path/"))))
      assert.deepInclude(reason, { _tag: "TransportFailed", mayHaveBeenSent: true, code: "ECONNREFUSED" })
      assert.strictEqual(sent, 1)
    })
  )
})

describe("the body of an answer", () => {
  const empty = { _tag: "UnexpectedResponse", status: 200, issue: "the body is empty", excerpt: "" }
  const fetching = (body: () => BodyInit | null) =>
    FetchTransport.layer.pipe(
      Layer.provide(Layer.succeed(FetchHttpClient.Fetch, () => Promise.resolve(new Response(body()))))
    )

  it.effect("that is none, or has no byte, is empty", () =>
    Effect.gen(function* () {
      for (const body of [null, "", new Blob([])]) {
        const { get } = yield* httpOn(fetching(() => body))
        assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(get))), empty)
      }
      const { get } = yield* httpOn(streaming(Stream.empty).layer)
      assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(get))), empty)
    })
  )

  it.effect("that comes in pieces is put together, also where a character is cut", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode('{"ok":true,"text":"ñ💸"}')
      for (const size of [1, 5, bytes.length]) {
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.slice(index * size, (index + 1) * size)
        )
        const { execute } = yield* httpOn(fetching(() => Stream.toReadableStream(Stream.fromIterable(pieces))))
        const got = yield* execute(HttpClientRequest.get("/path/"), {
          operation,
          decode: (json) => Result.succeed(json)
        })
        assert.deepStrictEqual(got, { ok: true, text: "ñ💸" })
      }
    })
  )

  it.effect("that the owner of the client has read before us counts as well", () =>
    Effect.gen(function* () {
      const reading = (layer: Layer.Layer<HttpClient.HttpClient>) =>
        Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.tap((response) => response.text)
          )
        ).pipe(Layer.provide(layer))
      for (const [length, isRead] of [
        [64 * 1024, true],
        [64 * 1024 + 1, false]
      ] as const) {
        const text = '{"ok":true}'.padEnd(length)
        const { get } = yield* httpOn(reading(fetching(() => text)))
        assert.strictEqual(Exit.isSuccess(yield* Effect.exit(get)), isRead)
      }
    })
  )
})

/** A client whose answers come as streams. */
const streaming = (
  body: Stream.Stream<Uint8Array>,
  options: { readonly contentLength?: number; readonly status?: number } = {}
) => {
  const sent: Array<number> = []
  const client = HttpClient.make((request) =>
    Effect.clockWith((clock) =>
      Effect.sync(() => {
        sent.push(clock.currentTimeMillisUnsafe())
        const response = HttpServerResponse.stream(body, { contentType: "application/json", ...options })
        return HttpServerResponse.toClientResponse(response, { request })
      })
    )
  )
  return { layer: Layer.succeed(HttpClient.HttpClient, client), sent }
}

describe("the time limit", () => {
  const retry = Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(2)])
  const timedOut = { _tag: "TimedOut", after: Duration.seconds(10) }

  it.effect("is ten seconds, fresh for each attempt", () =>
    Effect.gen(function* () {
      const { get, times } = yield* http(always("hang"), { retry })
      const { after, error } = yield* failsWithin("1 hour", get)
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), timedOut)
      assert.deepInclude(error, { operation, attempts: 3 })
      assert.deepStrictEqual([yield* times, after], [[0, 11_000, 22_000], 32_000])
    })
  )

  it.effect("is met on the millisecond", () =>
    Effect.gen(function* () {
      const late =
        (millis: number): ScriptedStep =>
        () =>
          Effect.delay(Effect.succeed(ok), millis)
      const { get } = yield* http([late(9999), late(10_001)], { retry: { times: 0 } })
      assert.deepStrictEqual(yield* within("1 minute", get), { exit: Exit.succeed({ ok: true }), after: 9999 })
      assert.strictEqual((yield* failsWithin("1 minute", get)).after, 10_000)
    })
  )

  it.effect("is the user's", () =>
    Effect.gen(function* () {
      const { get, times } = yield* http(["hang", ok], { retry, timeout: "250 millis" })
      assert.strictEqual((yield* within("1 minute", get)).after, 1250)
      assert.deepStrictEqual(yield* times, [0, 1250])
    })
  )

  it.effect("grows with what is sent: by a second for every 128 KiB", () =>
    Effect.gen(function* () {
      const { send } = yield* http(always("hang"), { retry: { times: 0 } })
      for (const [bytes, millis] of [
        [128 * 1024 - 1, 10_000],
        [128 * 1024, 11_000],
        [1024 * 1024, 18_000]
      ] as const) {
        const request = HttpClientRequest.post("/path/").pipe(HttpClientRequest.bodyUint8Array(new Uint8Array(bytes)))
        const { after, error } = yield* failsWithin("1 hour", send(request))
        assert.deepStrictEqual(fieldsOf(reasonOf(error)), { _tag: "TimedOut", after: Duration.millis(millis) })
        assert.strictEqual(after, millis)
      }
    })
  )

  it.live("is kept by the clock on the wall, and what it stops has ended by then", () =>
    Effect.gen(function* () {
      let ended = false
      const { get } = yield* http(
        () =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.delay(
              Effect.sync(() => {
                ended = true
              }),
              "20 millis"
            )
          ),
        { retry: { times: 0 }, timeout: "20 millis" }
      )
      assert.strictEqual(reasonOf(yield* Effect.flip(get))._tag, "TimedOut")
      assert.isTrue(ended)
    })
  )

  it.live("leaves no timer behind, and no fiber", () =>
    Effect.gen(function* () {
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const { get } = yield* http(() => Effect.as(Effect.yieldNow, ok))
      const before = timers()
      for (let call = 0; call < 20; call++) yield* get
      assert.isBelow(timers() - before, 10)
      // One that is left takes its timer with it.
      for (let call = 0; call < 20; call++) {
        const hanging = yield* http(always("hang"))
        const fiber = yield* Effect.forkChild(hanging.get, { startImmediately: true })
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      assert.isBelow(timers() - before, 10)
    })
  )

  it.effect("leaves no fiber behind by a clock that is not the runtime's", () =>
    Effect.gen(function* () {
      const { get } = yield* http(() => Effect.as(Effect.yieldNow, ok))
      const fibers = { started: 0, active: 0 }
      yield* Effect.provideService(Effect.repeat(get, { times: 9 }), Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => {
          fibers.started++
          fibers.active++
        },
        recordFiberEnd: () => void fibers.active--
      })
      assert.strictEqual(fibers.active, 0)
      assert.isAtLeast(fibers.started, 20)
    })
  )

  it.live.each<Duration.Input>(["60 days", Duration.infinity])(
    "may be longer than a timer of the runtime: %s",
    (timeout) =>
      Effect.gen(function* () {
        const { get } = yield* http(() => Effect.delay(Effect.succeed(ok), "20 millis"), {
          retry: { times: 0 },
          timeout
        })
        assert.deepStrictEqual(yield* get, { ok: true })
      })
  )

  const bytes = new TextEncoder().encode('{"ok":')
  it.effect.each<readonly [string, Stream.Stream<Uint8Array>, number?]>([
    ["after its beginning", Stream.concat(Stream.succeed(bytes), Stream.never)],
    ["after its beginning, of a length that is known", Stream.concat(Stream.succeed(bytes), Stream.never), 11],
    ["before its first byte", Stream.never],
    ["drop by drop", Stream.repeat(Stream.succeed(new Uint8Array([32])), Schedule.spaced("1 second"))]
  ])("includes a body that stalls: %s", ([, body, contentLength]) =>
    Effect.gen(function* () {
      const { layer, sent } = streaming(body, contentLength === undefined ? {} : { contentLength })
      const { get } = yield* httpOn(layer, { retry })
      const { after, error } = yield* failsWithin("1 hour", get)
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), timedOut)
      assert.deepInclude(error, { attempts: 3 })
      assert.deepStrictEqual([sent, after], [[0, 11_000, 22_000], 32_000])
    })
  )

  it.effect("holds for the token by itself, and not for the retry as a whole", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const id = yield* sandbox.seed({ outcome: "Pending" })
      yield* sandbox.inject(Fault.latency("9 seconds"), { on: "token" })
      yield* sandbox.inject(Fault.latency("9 seconds"), { on: "retrieve" })
      const { after, exit } = yield* within("1 minute", (yield* SupportTickets).retrieve(id))
      assert.deepStrictEqual([after, Exit.isSuccess(exit)], [18_000, true])
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )
})

describe("interruption", () => {
  it.effect("of a call that is under way: no request after it", () =>
    Effect.gen(function* () {
      let aborted = 0
      const { get, times } = yield* http(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => aborted++)))
      const fiber = yield* Effect.forkChild(get, { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(aborted, 1)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("of a call that waits for its next attempt: no request after it", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const id = yield* sandbox.seed()
      yield* sandbox.inject(Fault.status(503, { retryAfter: 30 }), { on: "retrieve", times: "forever" })
      const fiber = yield* Effect.forkChild((yield* SupportTickets).retrieve(id), { startImmediately: true })
      yield* TestClock.adjust("29999 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* sandbox.count("retrieve"), 1)
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  it.effect("of a call that waits for its token: the API is not called", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      yield* sandbox.inject(Fault.latency("5 seconds"), { on: "token" })
      const fiber = yield* Effect.forkChild((yield* SupportTickets).retrieve(ticketId), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [1, 0])
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  for (const [name, client] of sockets) {
    for (const [when, begin] of [
      ["before the answer", false],
      ["within the body", true]
    ] as const) {
      it.live(`closes the connection on a real socket, ${when}: ${name}`, () =>
        Effect.gen(function* () {
          const arrived = yield* Deferred.make<void>()
          const closed = yield* Deferred.make<void>()
          const baseUrl = yield* serve((_, response) => {
            response.on("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
            if (begin) response.writeHead(200, { "content-type": "application/json" }).write('{"ok":')
            else Effect.runSync(Deferred.succeed(arrived, undefined))
          })
          const watched = Layer.effect(
            HttpClient.HttpClient,
            Effect.map(
              HttpClient.HttpClient,
              HttpClient.tap(() => Deferred.succeed(arrived, undefined))
            )
          ).pipe(Layer.provide(client))
          const { get } = yield* httpOn(watched, { environment: { baseUrl } })
          const fiber = yield* Effect.forkChild(get, { startImmediately: true })
          yield* Deferred.await(arrived)
          // Let it go on to the body.
          yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          yield* Deferred.await(closed)
        })
      )
    }
  }

  it.effect("the time limit closes the connection on a real socket too", () =>
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

describe("redirects", () => {
  for (const [name, client] of sockets) {
    it.live.each([301, 302, 303, 307, 308])(
      `are not followed, to another origin or the same, by ${name}: %s`,
      (status) =>
        Effect.gen(function* () {
          let [elsewhere, here] = [0, 0]
          const other = yield* serve((_, response) => {
            elsewhere++
            response.end('{"ok":true}')
          })
          const baseUrl = yield* serve((request, response) => {
            here++
            const target = request.url === "/elsewhere/" ? `${other}/path/` : "/path"
            response.writeHead(status, { location: target }).end()
          })
          const { send } = yield* httpOn(client, { environment: { baseUrl } })
          for (const path of ["/elsewhere/", "/here/"]) {
            for (const request of [HttpClientRequest.get(path), HttpClientRequest.post(path)]) {
              assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(send(request)))), {
                _tag: "UnexpectedResponse",
                status,
                issue: "a redirect, which is not followed: is the base URL the right one?",
                excerpt: ""
              })
            }
          }
          assert.deepStrictEqual([elsewhere, here], [0, 4])
        })
    )
  }

  it.live("are not followed with the client credentials either", () =>
    Effect.gen(function* () {
      let elsewhere = 0
      const other = yield* serve((_, response) => {
        elsewhere++
        response.end(JSON.stringify({ accessToken: "t", expiresIn: 60 }))
      })
      const baseUrl = yield* serve((_, response) => {
        response.writeHead(307, { location: `${other}/oauth2/token/` }).end()
      })
      const layer = Ripio.layer({ environment: { baseUrl }, clientId: "id", clientSecret: Redacted.make("secret") })
      const error = yield* Effect.flip(SupportTickets.use(({ retrieve }) => retrieve(ticketId))).pipe(
        Effect.provide(layer.pipe(Layer.provide(FetchHttpClient.layer)))
      )
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken" })
      assert.strictEqual(elsewhere, 0)
    })
  )
})

describe("the limit of 64 KiB", () => {
  const limit = 64 * 1024
  const json = (bytes: number) => Buffer.from('{"ok":true}'.padEnd(bytes))
  const tooLarge = {
    _tag: "UnexpectedResponse",
    status: 200,
    issue: "the body is larger than 64 KiB",
    excerpt: ""
  }

  const byFetch = sockets.filter(([name]) => isFetch(name))
  const bodies: ReadonlyArray<
    readonly [name: string, headers: Record<string, string>, body: Buffer, clients: typeof sockets]
  > = [
    ["with its length", { "content-length": `${limit + 1}` }, json(limit + 1), sockets],
    ["in chunks", {}, json(limit + 1), sockets],
    ["of 64 MiB", {}, json(limit * 1024), sockets],
    ["unzipped", { "content-encoding": "gzip" }, gzipSync(json(limit + 1)), byFetch],
    ["unzipped, 64 MiB of it", { "content-encoding": "gzip" }, gzipSync(json(limit * 1024)), byFetch],
    [
      "unzipped, with a small length",
      { "content-encoding": "gzip", "content-length": `${gzipSync(json(limit * 64)).length}` },
      gzipSync(json(limit * 64)),
      byFetch
    ],
    ["out of brotli", { "content-encoding": "br" }, brotliCompressSync(json(limit * 64)), byFetch]
  ]

  for (const [how, headers, body, clients] of bodies) {
    for (const [name, client] of clients) {
      it.live(`a larger body is an error and not memory: ${how}, by ${name}`, () =>
        Effect.gen(function* () {
          const baseUrl = yield* serve((_, response) => {
            response.writeHead(200, headers)
            // Without a length, more than one write makes chunks of it.
            response.write(body.subarray(0, 10))
            response.end(body.subarray(10))
          })
          const { get } = yield* httpOn(client, { environment: { baseUrl } })
          const error = yield* Effect.flip(get)
          assert.deepStrictEqual(fieldsOf(reasonOf(error)), tooLarge)
          assert.deepInclude(error, { attempts: 1 })
        })
      )
    }
  }

  for (const [name, client] of sockets) {
    it.live(`a body without an end is left, and its connection closed, by ${name}`, () =>
      Effect.gen(function* () {
        const closed = yield* Deferred.make<number>()
        const baseUrl = yield* serve((_, response) => {
          let written = 0
          const chunk = Buffer.alloc(limit, " ")
          const pour = () => {
            do written += chunk.length
            while (response.write(chunk))
          }
          response.on("drain", pour)
          response.on("close", () => Effect.runSync(Deferred.succeed(closed, written)))
          pour()
        })
        const { get } = yield* httpOn(client, { environment: { baseUrl } })
        assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(get))), tooLarge)
        assert.isBelow(yield* Deferred.await(closed), 64 * 1024 * 1024)
      })
    )

    for (const [how, headers] of [
      ["with its length", { "content-length": `${limit}` }],
      ["in chunks", {}]
    ] as const) {
      it.live(`a body of exactly 64 KiB passes: ${how}, by ${name}`, () =>
        Effect.gen(function* () {
          const baseUrl = yield* serve((_, response) => {
            response.writeHead(200, headers)
            response.write(json(limit).subarray(0, 10))
            response.end(json(limit).subarray(10))
          })
          const { get } = yield* httpOn(client, { environment: { baseUrl } })
          assert.deepStrictEqual(yield* get, { ok: true })
        })
      )
    }
  }

  for (const [name, client] of byFetch) {
    it.live(`a body of exactly 64 KiB passes: unzipped, by ${name}`, () =>
      Effect.gen(function* () {
        const baseUrl = yield* serve((_, response) => {
          response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(json(limit)))
        })
        const { get } = yield* httpOn(client, { environment: { baseUrl } })
        assert.deepStrictEqual(yield* get, { ok: true })
      })
    )
  }

  it.effect("holds in process, with a length and without", () =>
    Effect.gen(function* () {
      for (const bytes of [limit, limit + 1]) {
        for (const options of [{ contentLength: bytes }, {}]) {
          const { get } = yield* httpOn(streaming(Stream.succeed(json(bytes)), options).layer)
          const exit = yield* Effect.exit(get)
          assert.strictEqual(Exit.isSuccess(exit), bytes === limit)
        }
      }
    })
  )

  it.effect("leaves the status of an error its meaning, and its retry", () =>
    Effect.gen(function* () {
      const text = "<html>".padEnd(limit * 2)
      const down = yield* http(always({ status: 502, text }))
      const { error } = yield* failsWithin("1 minute", down.get)
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), { _tag: "ServerFailed", status: 502 })
      assert.strictEqual((yield* down.times).length, 3)
      const { get } = yield* http([{ status: 404, text }])
      assert.deepInclude(reasonOf(yield* Effect.flip(get)), { _tag: "UnexpectedResponse", status: 404, excerpt: "" })
    })
  )

  it.effect("holds for the token as well", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      yield* sandbox.inject(Fault.oversized(limit + 1), { on: "token" })
      const error = yield* Effect.flip((yield* SupportTickets).retrieve(ticketId))
      assert.deepInclude(error, { operation: "accessToken", attempts: 1 })
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), tooLarge)
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )
})

describe("a connection that is lost", () => {
  for (const [name, client] of sockets) {
    for (const [how, headers] of [
      ["of a length that is known", { "content-length": "1000" }],
      ["in chunks", {}]
    ] as const) {
      it.live(`within a body ${how} is TransportFailed, by ${name}`, () =>
        Effect.gen(function* () {
          let requests = 0
          const baseUrl = yield* serve((_, response) => {
            requests++
            response.writeHead(200, headers)
            response.write('{"ok":', () => response.destroy())
          })
          const { get } = yield* httpOn(client, { environment: { baseUrl }, retry: Schedule.recurs(2) })
          const error = yield* Effect.flip(get)
          assert.strictEqual(reasonOf(error)._tag, "TransportFailed")
          assert.deepInclude(error, { attempts: 3 })
          assert.strictEqual(requests, 3)
        })
      )
    }

    it.live(`before any answer is TransportFailed with the code of the system, by ${name}`, () =>
      Effect.gen(function* () {
        const baseUrl = yield* Effect.scoped(serve(() => undefined))
        const { get } = yield* httpOn(client, { environment: { baseUrl }, retry: { times: 0 } })
        const reason = reasonOf(yield* Effect.flip(get))
        assert.deepInclude(reason, { _tag: "TransportFailed", code: "ECONNREFUSED" })
      })
    )
  }
})

describe("the user's own client", () => {
  /** A server that says what it got of one header. */
  const echo = serve((request, response) => {
    response.setHeader("x-request-id", String(request.headers["x-own"]))
    response.end('{"ok":')
  })
  const own = { headers: { "x-own": "mine" }, redirect: "follow" } as const
  const init = Layer.succeed(FetchHttpClient.RequestInit, own)
  const layer = (baseUrl: string) =>
    RipioHttpLive.layer({ environment: { baseUrl } }).pipe(
      Layer.provide(AuthStaticToken.layer({ token: Redacted.make("static-token") }))
    )
  const get = Effect.flip(RipioHttp.use(({ execute }) => execute(HttpClientRequest.get("/"), { operation, decode })))

  for (const [name, fetchLayer] of sockets.filter(([name]) => isFetch(name))) {
    it.live(`with a RequestInit around the whole layer keeps it, by ${name}`, () =>
      Effect.gen(function* () {
        const whole = layer(yield* echo).pipe(Layer.provide(fetchLayer), Layer.provide(init))
        assert.deepInclude(yield* Effect.provide(get, whole), { requestId: "mine" })
      })
    )

    it.live(`with a RequestInit of the fetch layer alone keeps it, by ${name}`, () =>
      Effect.gen(function* () {
        const whole = layer(yield* echo).pipe(Layer.provide(fetchLayer.pipe(Layer.provide(init))))
        assert.deepInclude(yield* Effect.provide(get, whole), { requestId: "mine" })
      })
    )

    it.live(`with a RequestInit around our layer alone keeps it, by ${name}`, () =>
      Effect.gen(function* () {
        const whole = layer(yield* echo).pipe(Layer.provide(init), Layer.provide(fetchLayer))
        assert.deepInclude(yield* Effect.provide(get, whole), { requestId: "mine" })
      })
    )

    it.live(`with a RequestInit around one call keeps it, by ${name}`, () =>
      Effect.gen(function* () {
        const whole = layer(yield* echo).pipe(Layer.provide(fetchLayer))
        const call = Effect.provideService(get, FetchHttpClient.RequestInit, own)
        assert.deepInclude(yield* Effect.provide(call, whole), { requestId: "mine" })
      })
    )

    it.live(`with a RequestInit that follows redirects does not follow them, by ${name}`, () =>
      Effect.gen(function* () {
        let elsewhere = 0
        const other = yield* serve((_, response) => {
          elsewhere++
          response.end('{"ok":true}')
        })
        const baseUrl = yield* serve((_, response) => response.writeHead(302, { location: other }).end())
        for (const whole of [
          layer(baseUrl).pipe(Layer.provide(fetchLayer), Layer.provide(init)),
          layer(baseUrl).pipe(Layer.provide(fetchLayer.pipe(Layer.provide(init))))
        ]) {
          assert.deepInclude(reasonOf(yield* Effect.provide(get, whole)), { _tag: "UnexpectedResponse", status: 302 })
        }
        assert.strictEqual(elsewhere, 0)
      })
    )
  }

  it.live("with a fetch of its own is the one that is called", () =>
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

  it.live("that reads each body for its log leaves it to be read", () =>
    Effect.gen(function* () {
      const baseUrl = yield* serve((_, response) => response.end('{"ok":true}'))
      const logged: Array<string> = []
      for (const [, client] of sockets) {
        const curious = Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.tap((response) => Effect.map(response.text, (text) => logged.push(text)))
          )
        ).pipe(Layer.provide(client))
        const { get } = yield* httpOn(curious, { environment: { baseUrl } })
        assert.deepStrictEqual(yield* get, { ok: true })
      }
      assert.deepStrictEqual(
        logged,
        sockets.map(() => '{"ok":true}')
      )
    })
  )

  const strict = Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk))

  it.effect("wrapped in filterStatusOk still gives the typed errors, the retry and the new token", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const options = { environment: "sandbox", ...sandbox.account, retry: Schedule.recurs(2) } as const
      const built = yield* Layer.build(Ripio.layer(options).pipe(Layer.provide(strict)))
      const { retrieve } = Context.get(built, SupportTickets)
      const id = yield* sandbox.seed()
      assert.deepInclude(yield* Effect.flip(retrieve(ticketId)), { _tag: "NotFound", status: 404, code: 40017 })
      yield* sandbox.inject(Fault.status(503), { times: 2 })
      assert.strictEqual((yield* retrieve(id))._tag, "Pending")
      yield* sandbox.inject(Fault.tokenExpired)
      assert.strictEqual((yield* retrieve(id))._tag, "Pending")
      yield* sandbox.inject(Fault.rateLimited({ retryAfter: 3600 }))
      assert.deepInclude(reasonOf(yield* Effect.flip(retrieve(id))), { _tag: "RateLimited", status: 429 })
      yield* sandbox.setEnabled(false)
      assert.deepInclude(yield* Effect.flip(retrieve(id)), { _tag: "NotEnabled", status: 403, code: 20061 })
    }).pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
  )

  for (const [name, client] of sockets) {
    it.live(`wrapped in filterStatusOk gives the error of the API over a real socket, by ${name}`, () =>
      Effect.gen(function* () {
        const baseUrl = yield* serve((_, response) => {
          response.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify(apiErrors.notFound))
        })
        const { get } = yield* httpOn(strict.pipe(Layer.provide(client)), { environment: { baseUrl } })
        assert.deepStrictEqual(fieldsOf(yield* Effect.flip(get)), {
          _tag: "ApiError",
          ...apiErrors.notFound,
          attempts: 1
        })
      })
    )
  }
})

describe("any endpoint of the API", () => {
  it.effect("is reached under the base URL, with the token, and asked for JSON", () =>
    Effect.gen(function* () {
      const { requests, send } = yield* http([ok, ok], { environment: { baseUrl: "https://proxy.test/ripio/" } })
      yield* send(HttpClientRequest.get("/api/v1/depositNetworks/", { urlParams: { page: "2" } }))
      yield* send(HttpClientRequest.post("/api/v1/customers/").pipe(HttpClientRequest.bodyJsonUnsafe({ a: "ñ" })))
      const [get, post] = yield* requests
      assert.deepInclude(get, {
        method: "GET",
        url: "https://proxy.test/ripio/api/v1/depositNetworks/?page=2",
        body: ""
      })
      assert.deepInclude(post, { method: "POST", url: "https://proxy.test/ripio/api/v1/customers/", body: '{"a":"ñ"}' })
      for (const request of [get, post]) {
        assert.strictEqual(request?.headers["accept"], "application/json")
        const authorization = request?.headers["authorization"]
        assert(Redacted.isRedacted(authorization))
        assert.strictEqual(Redacted.value(authorization), "Bearer static-token")
      }
      assert.strictEqual(post?.headers["content-type"], "application/json")
    })
  )

  it.effect("that refuses a request with an error body of its own is an ApiError with all that it said", () =>
    Effect.gen(function* () {
      const body = {
        code: 20000,
        type: "ValidationError",
        detail: { message: "Wrong.", fields: { amount: ["too small", null, 1.5] } },
        status: 400
      }
      const headers = { "x-request-id": "request-7" }
      const { get, times } = yield* http([{ status: 400, json: body, headers }])
      const error = yield* Effect.flip(get)
      assert.deepStrictEqual(fieldsOf(error), { _tag: "ApiError", ...body, requestId: "request-7", attempts: 1 })
      assert.strictEqual(
        error.message,
        "The API refused the request: Wrong. (400, code 20000 ValidationError, request request-7)"
      )
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("counts the attempts before the refusal", () =>
    Effect.gen(function* () {
      const { get } = yield* http(["refused", { status: 503 }, { status: 404, json: apiErrors.notFound }])
      const { error } = yield* failsWithin("1 minute", get)
      assert.deepInclude(error, { _tag: "ApiError", attempts: 3 })
    })
  )

  it.effect("is read by a decoder whose words become the issue", () =>
    Effect.gen(function* () {
      const { execute } = yield* http([ok, ok])
      const request = HttpClientRequest.get("/")
      const by = (decode: () => Result.Result<never, string>) => Effect.flip(execute(request, { operation, decode }))
      assert.deepStrictEqual(fieldsOf(reasonOf(yield* by(() => Result.fail("amount: is above the limit")))), {
        _tag: "UnexpectedResponse",
        status: 200,
        issue: "amount: is above the limit",
        excerpt: '{"ok":true}'
      })
      assert.strictEqual(yield* execute(request, { operation, decode: () => Result.succeed(7) }), 7)
    })
  )

  it.effect("sees no trace header, whatever tracer there is", () =>
    Effect.gen(function* () {
      const spans: Array<string> = []
      const tracer = Tracer.make({
        span(options) {
          spans.push(options.name)
          return new Tracer.NativeSpan(options)
        }
      })
      const { get, requests } = yield* http([ok, ok, ok])
      yield* get
      yield* Effect.withSpan(get, "outer")
      yield* get.pipe(Effect.withSpan("traced"), Effect.withTracer(tracer))
      assert.include(spans, "traced")
      for (const { headers } of yield* requests) {
        assert.deepStrictEqual(Object.keys(headers).toSorted(), ["accept", "authorization"])
      }
    })
  )
})
