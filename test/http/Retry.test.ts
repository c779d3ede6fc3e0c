import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import type { RequestOptions, RipioHttpError } from "../../src/index.ts"
import { Fault, type ScriptedReply } from "../../src/testing/index.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { apiErrors, ticketId } from "../support/fixtures.ts"
import { httpOn, onSandbox, operation, scriptedHttp } from "../support/harness.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { always, ok } from "../support/replies.ts"
import { shiftedClock } from "../support/shiftedClock.ts"
import { untyped } from "../support/untyped.ts"
import { draws, failsWithin, gaps, within } from "../support/virtualTime.ts"

describe("the retry policy", () => {
  const transientFailures: ReadonlyArray<{
    readonly name: string
    readonly reply: ScriptedReply
    readonly reason: string
  }> = [
    { name: "no connection", reply: "refused", reason: "TransportFailed" },
    { name: "408", reply: { status: 408 }, reason: "ServerFailed" },
    { name: "429", reply: { status: 429 }, reason: "RateLimited" },
    { name: "500", reply: { status: 500 }, reason: "ServerFailed" },
    { name: "502", reply: { status: 502, text: "<html>Bad Gateway</html>" }, reason: "ServerFailed" },
    { name: "503", reply: { status: 503 }, reason: "ServerFailed" },
    { name: "504", reply: { status: 504 }, reason: "ServerFailed" },
    ...[520, 521, 522, 523, 524].map((status) => ({
      name: `${status} of Cloudflare`,
      reply: { status, text: "error code: " + status },
      reason: "ServerFailed"
    })),
    {
      name: "500 with an error body of the API",
      reply: { status: 500, json: { code: 1, type: "T", detail: {}, status: 500 } },
      reason: "ServerFailed"
    }
  ]

  it.effect.each(transientFailures)(
    "retries a transient failure twice, with full jitter up to 0.5 s and 1 s: $name",
    ({ reason, reply }) =>
      Effect.gen(function* () {
        const [one = 0, two = 0] = yield* draws("retry", 2)
        const first = Math.round(one * 500)
        const second = first + Math.round(two * 1000)
        const { get, times } = yield* scriptedHttp(always(reply))
        const { after, error } = yield* failsWithin("1 minute", Random.withSeed(get, "retry"))
        assert.deepInclude(error, { _tag: "RipioHttpError", operation, attempts: 3 })
        assert.strictEqual(reasonOf(error)._tag, reason)
        assert.strictEqual(reasonOf(error).isRetryable, true)
        assert.deepStrictEqual(yield* times, [0, first, second])
        assert.strictEqual(after, second)
      })
  )

  it.effect("uses the same delays for the same seed", () =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(["refused", { status: 503 }, ok])
      const { exit } = yield* within("1 minute", Random.withSeed(get, "ripio"))
      assert.deepStrictEqual(exit, Exit.succeed({ ok: true }))
      assert.deepStrictEqual(yield* times, [0, 156, 744])
    })
  )

  it.effect("draws each delay from the whole range between zero and its limit", () =>
    Effect.gen(function* () {
      const delays = yield* Effect.forEach(
        Array.from({ length: 300 }, (_, seed) => seed),
        (seed) =>
          Effect.gen(function* () {
            const { get, times } = yield* scriptedHttp(always({ status: 503 }), { retry: { times: 6 } })
            yield* failsWithin("1 minute", Random.withSeed(get, seed))
            return gaps(yield* times)
          })
      )
      for (const [index, limit] of [500, 1000, 2000, 4000, 8000, 8000].entries()) {
        const drawn = delays.map((ofOneCall) => ofOneCall[index] ?? -1)
        assert.isAtLeast(Math.min(...drawn), 0)
        assert.isBelow(Math.min(...drawn), limit * 0.05)
        assert.isAtMost(Math.max(...drawn), limit)
        assert.isAbove(Math.max(...drawn), limit * 0.95)
      }
    })
  )

  it.effect("stops at the first successful response", () =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(["refused", ok])
      assert.deepStrictEqual((yield* within("1 minute", get)).exit, Exit.succeed({ ok: true }))
      assert.strictEqual((yield* times).length, 2)
    })
  )

  const permanentFailures: ReadonlyArray<{
    readonly name: string
    readonly reply: ScriptedReply
    readonly tag: string
  }> = [
    { name: "400", reply: { status: 400 }, tag: "UnexpectedResponse" },
    {
      name: "404 without an error body of the API",
      reply: { status: 404, text: "<html></html>" },
      tag: "UnexpectedResponse"
    },
    { name: "403 without an error body of the API", reply: { status: 403 }, tag: "UnexpectedResponse" },
    {
      name: "301",
      reply: { status: 301, headers: { location: "https://elsewhere.test/" } },
      tag: "UnexpectedResponse"
    },
    { name: "501", reply: { status: 501 }, tag: "ServerFailed" },
    { name: "505", reply: { status: 505 }, tag: "ServerFailed" },
    { name: "519", reply: { status: 519 }, tag: "ServerFailed" },
    { name: "525", reply: { status: 525 }, tag: "ServerFailed" },
    { name: "599", reply: { status: 599 }, tag: "ServerFailed" },
    { name: "JSON of another shape", reply: { status: 200, json: { ok: "yes" } }, tag: "UnexpectedResponse" },
    { name: "a body that is not JSON", reply: { status: 200, text: "<html></html>" }, tag: "UnexpectedResponse" },
    { name: "an empty body", reply: { status: 200 }, tag: "UnexpectedResponse" },
    { name: "an error of the API", reply: { status: 404, json: apiErrors.notFound }, tag: "ApiError" }
  ]

  it.effect.each(permanentFailures)("does not retry a permanent failure: $name", ({ reply, tag }) =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(always(reply))
      const { after, error } = yield* failsWithin("1 hour", get)
      assert.strictEqual(error._tag === "RipioHttpError" ? error.reason._tag : error._tag, tag)
      assert.deepInclude(error, { attempts: 1 })
      assert.deepStrictEqual({ times: yield* times, after }, { times: [0], after: 0 })
    })
  )

  it.effect("sends one request if times is 0", () =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(always({ status: 503 }), { retry: { times: 0 } })
      assert.deepInclude((yield* failsWithin("1 hour", get)).error, { attempts: 1 })
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect.each(["POST", "PUT", "PATCH", "DELETE"] as const)("never retries a %s that may have been sent", (method) =>
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
          const { send, times } = yield* scriptedHttp(always(fault), { retry })
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

  it.effect("retries a HEAD", () =>
    Effect.gen(function* () {
      const { send, times } = yield* scriptedHttp(always({ status: 503 }))
      yield* failsWithin("1 minute", send(HttpClientRequest.head("/path/")))
      assert.strictEqual((yield* times).length, 3)
    })
  )
})

describe("a custom retry schedule", () => {
  it.effect("that dies, or whose delay is not one, ends the retries with the failure, and is logged", () =>
    Effect.gen(function* () {
      const bug = () => {
        throw new Error("a bug of the schedule")
      }
      const schedules: ReadonlyArray<unknown> = [
        Schedule.fromStep(Effect.die(new Error("a bug of the schedule"))),
        Schedule.fromStep(Effect.succeed(bug)),
        Schedule.fromStep(Effect.succeed(() => Effect.succeed([0, "soon"] as never)))
      ]
      for (const retry of schedules) {
        const { get, requests } = yield* scriptedHttp([{ status: 503 }], { retry: untyped(retry) })
        const lines = yield* collectLogs(
          Effect.gen(function* () {
            const error = yield* Effect.flip(get)
            assert.deepInclude(reasonOf(error), { _tag: "ServerFailed", status: 503 })
            assert.lengthOf(yield* requests, 1)
          })
        )
        assert.include(lines, "Error: The schedule of retries failed")
      }
    })
  )

  it.effect("sets the delays, without jitter", () =>
    Effect.gen(function* () {
      const retry = Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(4)])
      const { get, times } = yield* scriptedHttp(always({ status: 503 }), { retry })
      const { after, error } = yield* failsWithin("1 minute", get)
      assert.deepInclude(error, { attempts: 5 })
      assert.deepStrictEqual(yield* times, [0, 100, 300, 700, 1500])
      assert.strictEqual(after, 1500)
    })
  )

  const loops: ReadonlyArray<{ readonly title: string; readonly delay: Duration.Duration }> = [
    { title: "zero", delay: Duration.zero },
    { title: "below the floor", delay: Duration.millis(1) },
    { title: "negative", delay: Duration.seconds(-1) },
    { title: "minus infinity", delay: Duration.negativeInfinity },
    { title: "NaN", delay: Duration.millis(NaN) },
    { title: "NaN, as a plain number", delay: untyped(NaN) }
  ]

  it.effect.each(loops)("whose delays are $title retries twice at once, and then every 100 ms", ({ delay }) =>
    Effect.gen(function* () {
      const step = Effect.succeed<[number, Duration.Duration]>([0, delay])
      const { get, times } = yield* scriptedHttp(always("refused"), {
        retry: Schedule.fromStep(Effect.succeed(() => step))
      })
      const fiber = yield* Effect.forkChild(get, { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(fiber)
      assert.isAtMost((yield* times).length, 103)
      assert.deepStrictEqual(gaps(yield* times).slice(2, 5), [100, 100, 100])
      yield* TestClock.adjust("1 minute")
      assert.isAtMost((yield* times).length, 103)
    })
  )

  it.effect.each(["-2 days", "2 days"] as const)("does not notice that the wall clock is set by %s", (offset) =>
    Effect.gen(function* () {
      const { clock, shift } = yield* shiftedClock
      const retry = Schedule.fixed("1 second").pipe(Schedule.upTo({ duration: "4500 millis" }))
      const { get, times } = yield* scriptedHttp(always({ status: 503 }), { retry })
      const fiber = yield* Effect.flip(get).pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1500 millis")
      const before = yield* times
      shift(Duration.toMillis(offset))
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(fiber), { attempts: 6 })
      assert.deepStrictEqual(before, [0, 1000])
      assert.deepStrictEqual(
        (yield* times).slice(2).map((at) => at - Duration.toMillis(offset)),
        [2000, 3000, 4000, 5000]
      )
    })
  )

  it.effect("receives each failure, and starts anew with each call", () =>
    Effect.gen(function* () {
      const inputs: Array<string> = []
      const retry = Schedule.spaced("1 second").pipe(
        Schedule.setInputType<RipioHttpError>(),
        Schedule.tap(({ attempt, input }) => Effect.sync(() => inputs.push(`${attempt} ${input.reason._tag}`))),
        Schedule.upTo({ times: 2 })
      )
      const { get } = yield* scriptedHttp(["refused", { status: 503 }, ok, { status: 429 }, ok], { retry })
      yield* within("1 minute", Effect.andThen(get, get))
      assert.deepStrictEqual(inputs, ["1 TransportFailed", "2 ServerFailed", "1 RateLimited"])
    })
  )

  it.effect("does not retry a permanent failure", () =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(always({ status: 400 }), { retry: Schedule.spaced(1) })
      yield* failsWithin("1 minute", get)
      assert.deepStrictEqual(yield* times, [0])
    })
  )
})

describe("the retries of a call and of its token request", () => {
  it.effect("do not multiply", () =>
    Effect.gen(function* () {
      const tokenRequests = (options: RequestOptions) =>
        onSandbox(
          ({ sandbox, tickets }) =>
            Effect.gen(function* () {
              yield* sandbox.inject(Fault.status(503), { on: "token", times: "forever" })
              const { error } = yield* failsWithin("1 hour", tickets.retrieve(ticketId))
              assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken" })
              assert.deepInclude(error, { attempts: yield* sandbox.count("token") })
              assert.strictEqual(yield* sandbox.count("retrieve"), 0)
              return yield* sandbox.count("token")
            }),
          options
        )
      assert.strictEqual(yield* tokenRequests({}), 3)
      assert.strictEqual(yield* tokenRequests({ retry: { times: 0 } }), 1)
      assert.strictEqual(yield* tokenRequests({ retry: Schedule.recurs(4) }), 5)
    })
  )

  it.effect("do not multiply for an operation with the name of the token request", () =>
    onSandbox(({ http, sandbox }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.status(503), { on: "token", times: "forever" })
        const call = http.execute(HttpClientRequest.get("/path/"), { operation: "accessToken", decode: Result.succeed })
        yield* failsWithin("1 hour", call)
        assert.strictEqual(yield* sandbox.count("token"), 3)
      })
    )
  )

  it.effect("do not multiply when the API has refused a token", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed()
        yield* tickets.retrieve(id)
        yield* sandbox.revokeTokens()
        yield* sandbox.inject(Fault.refused, { on: "token", times: "forever" })
        const { error } = yield* failsWithin("1 hour", tickets.retrieve(id))
        assert.deepInclude(error, { operation: "accessToken", attempts: 3 })
        assert.strictEqual(yield* sandbox.count("token"), 4)
        assert.strictEqual(yield* sandbox.count("retrieve"), 2)
      })
    )
  )
})
