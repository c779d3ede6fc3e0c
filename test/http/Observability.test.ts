import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import { type AuthService, makePollingSchedule, Ripio, RipioHttp, SupportTickets, TicketId } from "../../src/index.ts"
import { ScriptedHttpClient, type ScriptedReply, type ScriptedStep } from "../../src/testing/index.ts"
import { apiErrors, created, failed, pending, ticketId } from "../support/fixtures.ts"

const grant = { status: 200, json: { accessToken: "a-token", expiresIn: 3600, tokenType: "Bearer" } }
const ok = (json: unknown): ScriptedReply => ({ status: 200, json })

const account = (options: Partial<Ripio.Options> = {}) =>
  Ripio.layer({
    environment: { baseUrl: "https://ripio.test" },
    clientId: "partner",
    clientSecret: Redacted.make("secret"),
    ...options
  })

/** Runs a program on a scripted client, for a day of virtual time. */
const onScript = <A, E>(
  program: Effect.Effect<A, E, SupportTickets | AuthService | RipioHttp>,
  script: ReadonlyArray<ScriptedStep>,
  options: Partial<Ripio.Options> = {}
) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedHttpClient.make(script)
    const fiber = yield* Effect.forkChild(
      Effect.exit(Effect.provide(program, account(options).pipe(Layer.provide(scripted.layer)))),
      { startImmediately: true }
    )
    yield* TestClock.adjust("1 day")
    const exit = yield* Fiber.join(fiber)
    const requests = yield* scripted.requests
    assert.strictEqual(requests.length, script.length, "the script is played to its end")
    return { exit, requests }
  })

const retrieve = SupportTickets.use((tickets) => tickets.retrieve(ticketId))
const plain = { schedule: makePollingSchedule({ jitter: false }) }
const awaitOutcome = SupportTickets.use((tickets) => tickets.awaitOutcome(ticketId, plain))
const changes = SupportTickets.use((tickets) => Stream.runCollect(tickets.changes(ticketId, plain)))
type Call = Effect.Effect<unknown, unknown, SupportTickets>
const waits: ReadonlyArray<Call> = [awaitOutcome, changes]
const calls: Readonly<Record<"retrieve" | "awaitOutcome" | "changes", Call>> = { retrieve, awaitOutcome, changes }

const tracing = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const parentOf = ({ parent }: Tracer.NativeSpan) =>
    Option.isSome(parent) && parent.value._tag === "Span" ? parent.value.name : undefined
  const isFailed = ({ status }: Tracer.NativeSpan) => status._tag === "Ended" && Exit.isFailure(status.exit)
  return {
    tracer,
    spans,
    tree: () => spans.map((span) => [span.name, parentOf(span)]),
    failed: () => spans.filter(isFailed).map(({ name }) => name),
    open: () => spans.filter(({ status }) => status._tag !== "Ended").map(({ name }) => name),
    attributes: (name: string) =>
      spans.filter((span) => span.name === name).map((span) => Object.fromEntries(span.attributes))
  }
}

describe("spans", () => {
  it.effect("retrieve has one, and within it the request; so has the token", () =>
    Effect.gen(function* () {
      const trace = tracing()
      yield* onScript(Effect.withSpan(retrieve, "caller"), [grant, ok(created)]).pipe(Effect.withTracer(trace.tracer))
      assert.deepStrictEqual(trace.tree(), [
        ["caller", undefined],
        ["SupportTickets.retrieve", "caller"],
        ["AuthService.accessToken", "SupportTickets.retrieve"],
        ["POST", "AuthService.accessToken"],
        ["GET", "SupportTickets.retrieve"]
      ])
      assert.deepStrictEqual(trace.failed(), [])
      assert.deepStrictEqual(trace.open(), [])
      assert.deepStrictEqual(trace.attributes("SupportTickets.retrieve"), [{ ticketId }])
      assert.deepStrictEqual(trace.attributes("AuthService.accessToken"), [{}])
      assert.deepStrictEqual(trace.attributes("GET"), [
        {
          "http.request.method": "GET",
          "url.full": `https://ripio.test/api/v1/supportTickets/${ticketId}/`,
          "http.response.status_code": 200
        }
      ])
      assert.deepStrictEqual(
        trace.spans.map(({ kind, name }) => [name, kind]).filter(([, kind]) => kind === "client"),
        [
          ["POST", "client"],
          ["GET", "client"]
        ]
      )
    })
  )

  it.effect("a wait has one for itself, and one for each poll", () =>
    Effect.gen(function* () {
      for (const call of ["awaitOutcome", "changes"] as const) {
        const trace = tracing()
        yield* onScript(calls[call], [grant, ok(pending), ok(pending), ok(failed)]).pipe(
          Effect.withTracer(trace.tracer)
        )
        const name = `SupportTickets.${call}`
        assert.deepStrictEqual(trace.tree(), [
          [name, undefined],
          ["SupportTickets.retrieve", name],
          ["AuthService.accessToken", "SupportTickets.retrieve"],
          ["POST", "AuthService.accessToken"],
          ["GET", "SupportTickets.retrieve"],
          ["SupportTickets.retrieve", name],
          ["GET", "SupportTickets.retrieve"],
          ["SupportTickets.retrieve", name],
          ["GET", "SupportTickets.retrieve"]
        ])
        assert.deepStrictEqual(trace.attributes(name), [{ ticketId }])
        assert.deepStrictEqual([trace.failed(), trace.open()], [[], []])
      }
    })
  )

  it.effect("an attempt that is repeated has one for each, and an error ends the spans around it as failed", () =>
    Effect.gen(function* () {
      const trace = tracing()
      const { exit } = yield* onScript(retrieve, [grant, "refused", { status: 503 }, { status: 502 }]).pipe(
        Effect.withTracer(trace.tracer)
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(
        trace.attributes("GET").map((attributes) => attributes["http.response.status_code"]),
        [undefined, 503, 502]
      )
      assert.deepStrictEqual(
        trace.attributes("GET").map((attributes) => attributes["error.type"]),
        [undefined, "503", "502"]
      )
      assert.deepStrictEqual(trace.failed(), ["SupportTickets.retrieve", "GET"])
      assert.deepStrictEqual(trace.open(), [])
    })
  )

  it.effect("an answer counts as an error from 400 on", () =>
    Effect.gen(function* () {
      for (const [status, type] of [
        [399, undefined],
        [400, "400"]
      ] as const) {
        const trace = tracing()
        yield* onScript(retrieve, [grant, { status }]).pipe(Effect.withTracer(trace.tracer))
        assert.deepStrictEqual(
          trace.attributes("GET").map((attributes) => attributes["error.type"]),
          [type]
        )
      }
    })
  )

  it.effect("every way to fail ends them as failed, with the error that the caller sees", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [keyof typeof calls, ReadonlyArray<ScriptedStep>, ReadonlyArray<string>]> = [
        ["retrieve", [{ status: 401 }], ["SupportTickets.retrieve", "AuthService.accessToken"]],
        ["retrieve", [grant, { status: 404, json: apiErrors.notFound }], ["SupportTickets.retrieve"]],
        ["retrieve", [grant, { status: 200, text: "{" }], ["SupportTickets.retrieve"]],
        [
          "awaitOutcome",
          [grant, { status: 403, json: apiErrors.notEnabled }],
          ["SupportTickets.awaitOutcome", "SupportTickets.retrieve"]
        ],
        [
          "changes",
          [grant, { status: 404, json: apiErrors.notFound }],
          ["SupportTickets.changes", "SupportTickets.retrieve"]
        ]
      ]
      for (const [call, script, names] of cases) {
        const trace = tracing()
        const { exit } = yield* onScript(calls[call], script).pipe(Effect.withTracer(trace.tracer))
        assert(Exit.isFailure(exit))
        assert.deepStrictEqual(trace.failed(), names)
        const outermost = trace.spans[0]?.status
        assert(outermost?._tag === "Ended" && Exit.isFailure(outermost.exit))
        assert.deepStrictEqual(
          outermost.exit.cause.reasons.map((reason) => reason._tag === "Fail" && reason.error),
          exit.cause.reasons.map((reason) => reason._tag === "Fail" && reason.error)
        )
      }
    })
  )

  it.effect("none is made where no tracer is installed", () =>
    Effect.gen(function* () {
      for (const call of ["retrieve", "awaitOutcome", "changes"] as const) {
        const parents: Array<string> = []
        const step =
          (reply: ScriptedReply): ScriptedStep =>
          () =>
            Effect.map(Effect.serviceOption(Tracer.ParentSpan), (parent) => {
              parents.push(Option.isSome(parent) && parent.value._tag === "Span" ? parent.value.name : "none")
              return reply
            })
        const script = [step(grant), step(ok(created))]
        yield* onScript(calls[call], script)
        assert.deepStrictEqual(parents, ["none", "none"], call)
        parents.length = 0
        yield* onScript(Effect.withSpan(calls[call], "caller"), script)
        assert.deepStrictEqual(parents, ["caller", "caller"], call)
      }
    })
  )
})

type Wrap = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

describe("trace headers", () => {
  const isOfTracing = (name: string) => /trace|b3|span|baggage|sentry|uber/iu.test(name)
  const script = [grant, { status: 503 }, ok(pending), ok(created)]
  const { tracer } = tracing()
  const within: Readonly<Record<string, Wrap>> = {
    "without a tracer": (effect) => effect,
    "within a span of the caller": (effect) => Effect.withSpan(effect, "caller"),
    "with a tracer": (effect) => Effect.withTracer(effect, tracer),
    "with a tracer, within a span of the caller": (effect) =>
      Effect.withTracer(Effect.withSpan(effect, "caller"), tracer),
    "within a span of another process": (effect) =>
      Effect.withParentSpan(effect, Tracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16) }))
  }

  for (const [where, wrap] of Object.entries(within)) {
    it.effect(`are on no request ${where}`, () =>
      Effect.gen(function* () {
        for (const call of waits) {
          const { requests } = yield* wrap(onScript(call, script))
          for (const { headers } of requests) assert.deepStrictEqual(Object.keys(headers).filter(isOfTracing), [])
        }
      })
    )

    it.effect(`are on no request ${where}, by fetch`, () =>
      Effect.gen(function* () {
        const sent: Array<ReadonlyArray<string>> = []
        const fetch: typeof globalThis.fetch = (_, init) => {
          sent.push([...new Headers(init?.headers).keys()])
          return Promise.resolve(Response.json(sent.length === 1 ? grant.json : created))
        }
        const layer = account().pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch))
        )
        yield* wrap(Effect.provide(retrieve, layer))
        assert.strictEqual(sent.length, 2)
        assert.include(sent[1] ?? [], "authorization")
        for (const names of sent) assert.deepStrictEqual(names.filter(isOfTracing), [])
      })
    )
  }

  it.effect("are on no request of a client whose owner has spans of its own for it", () =>
    Effect.gen(function* () {
      const sent: Array<ReadonlyArray<string>> = []
      const { spans, tracer } = tracing()
      const client = HttpClient.make((request) =>
        Effect.sync(() => {
          sent.push(Object.keys(request.headers))
          return HttpClientResponse.fromWeb(request, Response.json(sent.length === 1 ? grant.json : created))
        })
      ).pipe(HttpClient.transformResponse(Effect.provideService(HttpClient.TracerDisabledWhen, () => false)))
      const layer = account().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
      yield* Effect.provide(retrieve, layer).pipe(Effect.withTracer(tracer))
      assert.strictEqual(spans.filter(({ kind }) => kind === "client").length, 4)
      for (const names of sent) assert.deepStrictEqual(names.filter(isOfTracing), [])
    })
  )
})

describe("metrics", () => {
  /** What a program counts: `name{labels} value`, without what it does not. */
  const counted = <A, E, R>(program: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const result = yield* program
      const metrics = (yield* Metric.snapshot).map(({ attributes, id, state }) => {
        const labels = Object.entries(attributes ?? {}).map(([key, value]) => `${key}=${value}`)
        const value = "count" in state ? state.count : "value" in state ? state.value : undefined
        return `${id}{${labels.toSorted().join(",")}} ${value}`
      })
      return { result, metrics: metrics.toSorted() }
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

  it.effect("count the attempts, the retries, the failures and the tokens of a call, by operation", () =>
    Effect.gen(function* () {
      const script = [
        { status: 500 },
        grant,
        "refused",
        { status: 503 },
        { status: 404, json: apiErrors.notFound }
      ] as const
      const { metrics } = yield* counted(onScript(retrieve, script))
      assert.deepStrictEqual(
        metrics.filter((line) => !line.includes("age")),
        [
          "ripio_client_attempts{operation=accessToken} 2",
          "ripio_client_attempts{operation=retrieve} 3",
          "ripio_client_failures{error=ApiError,operation=retrieve} 1",
          "ripio_client_retries{operation=accessToken} 1",
          "ripio_client_retries{operation=retrieve} 2",
          "ripio_client_token_renewals{} 1"
        ]
      )
    })
  )

  it.effect("a call that succeeds at once counts no retry and no failure", () =>
    Effect.gen(function* () {
      const { metrics } = yield* counted(onScript(retrieve, [grant, ok(created)]))
      assert.deepStrictEqual(metrics, [
        "ripio_client_attempts{operation=accessToken} 1",
        "ripio_client_attempts{operation=retrieve} 1",
        "ripio_client_token_age_seconds{} 0",
        "ripio_client_token_renewals{} 1"
      ])
    })
  )

  it.effect("the polls of a wait are counted, each attempt too", () =>
    Effect.gen(function* () {
      for (const call of waits) {
        const { metrics } = yield* counted(
          onScript(call, [grant, ok(pending), { status: 503 }, ok(pending), { status: 418 }, ok(created)])
        )
        assert.deepStrictEqual(
          metrics.filter((line) => !line.includes("token")),
          [
            "ripio_client_attempts{operation=accessToken} 1",
            "ripio_client_attempts{operation=retrieve} 5",
            "ripio_client_failures{error=UnexpectedResponse,operation=retrieve} 1",
            "ripio_client_polls{} 4",
            "ripio_client_retries{operation=retrieve} 1"
          ]
        )
      }
    })
  )

  it.effect("a failure is counted under the reason that it has", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [reply: ScriptedReply, error: string]> = [
        ["refused", "TransportFailed"],
        ["hang", "TimedOut"],
        [{ status: 429 }, "RateLimited"],
        [{ status: 501 }, "ServerFailed"],
        [{ status: 200, text: "{" }, "UnexpectedResponse"],
        [{ status: 403, json: apiErrors.notEnabled }, "ApiError"]
      ]
      for (const [reply, error] of cases) {
        const { metrics } = yield* counted(onScript(retrieve, [grant, reply], { retry: { times: 0 } }))
        assert.deepStrictEqual(
          metrics.filter((line) => line.includes("failures")),
          [`ripio_client_failures{error=${error},operation=retrieve} 1`]
        )
      }
      const { metrics } = yield* counted(onScript(retrieve, [{ status: 401 }]))
      assert.deepStrictEqual(metrics, [
        "ripio_client_attempts{operation=accessToken} 1",
        "ripio_client_failures{error=Unauthenticated,operation=accessToken} 1",
        "ripio_client_failures{error=Unauthenticated,operation=retrieve} 1"
      ])
    })
  )

  it.effect("the age of a token is that of its last use, and a renewal is one more", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* retrieve
        yield* Effect.sleep("30 minutes")
        yield* retrieve
        const { metrics } = yield* counted(Effect.void)
        assert.deepStrictEqual(metrics, [])
        const used = yield* Metric.snapshot
        yield* Effect.sleep("29 minutes")
        yield* retrieve
        return used
      })
      const { metrics, result } = yield* counted(
        onScript(program, [grant, ok(pending), ok(pending), grant, ok(pending)])
      )
      assert(Exit.isSuccess(result.exit))
      const age = result.exit.value.find(({ id }) => id === "ripio_client_token_age_seconds")
      assert.deepNestedInclude(age, { "state.value": 1800 })
      assert.include(metrics, "ripio_client_token_age_seconds{} 0")
      assert.include(metrics, "ripio_client_token_renewals{} 2")
    })
  )

  it.effect("no label tells a ticket, an account, a URL or a token, however many tickets there are", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 50 }, (_, index) =>
        TicketId.make(`00000000-0000-4000-8000-${`${index}`.padStart(12, "0")}`)
      )
      const all = SupportTickets.use((tickets) => Effect.forEach(ids, (id) => Effect.result(tickets.retrieve(id))))
      const { metrics, result } = yield* counted(
        onScript(all, [grant, ...ids.map((_, index) => ok({ ...pending, ticketId: ids[index] }))])
      )
      assert(Exit.isSuccess(result.exit) && result.exit.value.every(Result.isSuccess))
      assert.strictEqual(metrics.length, 4)
      assert.notMatch(metrics.join("\n"), /0000|partner|secret|a-token|ripio\.test|http/u)
    })
  )

  it.effect("an operation of the caller's own has its own series", () =>
    Effect.gen(function* () {
      const call = RipioHttp.use((http) =>
        http.execute(HttpClientRequest.get("/api/v1/x/"), { operation: "x", decode: Result.succeed })
      )
      const { metrics } = yield* counted(onScript(call, [grant, ok({})]))
      assert.include(metrics, "ripio_client_attempts{operation=x} 1")
    })
  )
})

describe("an error", () => {
  it.effect("carries no stack, and errors made after it still do", () =>
    Effect.gen(function* () {
      const limit = Error.stackTraceLimit
      const { exit } = yield* onScript(Effect.flip(retrieve), [grant, { status: 404, json: apiErrors.notFound }])
      const error = Exit.isSuccess(exit) ? exit.value : assert.fail("expected the error")
      assert.strictEqual(error._tag, "NotFound")
      assert.notInclude(error.stack ?? "", "\n    at ")
      assert.strictEqual(Error.stackTraceLimit, limit)
      assert.include(new Error("after it").stack ?? "", "\n    at ")
    })
  )
})

describe("logs", () => {
  const logged = <A, E, R>(program: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel}: ${String(message)}`)
      })
      yield* program.pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All")
      )
      return lines
    })

  it.effect("a ticket that is not ready yet logs nothing", () =>
    Effect.gen(function* () {
      for (const call of waits) {
        const script = [grant, ...Array.from({ length: 20 }, () => ok(pending)), ok(created)]
        assert.deepStrictEqual(yield* logged(onScript(call, script)), [])
      }
    })
  )

  it.effect("a call that succeeds, and one that fails without being repeated, log nothing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* logged(onScript(retrieve, [grant, ok(created)])), [])
      const notFound = { status: 404, json: apiErrors.notFound }
      assert.deepStrictEqual(yield* logged(onScript(retrieve, [grant, notFound])), [])
    })
  )

  it.effect("a retry is told at the level of debug, with its reason", () =>
    Effect.gen(function* () {
      const script = [{ status: 500 }, grant, { status: 503 }, "refused", ok(created)] as const
      assert.deepStrictEqual(yield* logged(onScript(retrieve, script)), [
        "Debug: Trying again: accessToken: the server failed with status 500 (1 attempt)",
        "Debug: Trying again: retrieve: the server failed with status 503 (1 attempt)",
        "Debug: Trying again: retrieve: the connection failed: ECONNREFUSED: simulated connection failure (2 attempts)"
      ])
    })
  )

  it.effect("a token that could not be renewed in time is a warning, with the reason", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* retrieve
        yield* Effect.sleep("59 minutes")
        yield* retrieve
      })
      const [line, ...others] = yield* logged(onScript(program, [grant, ok(pending), { status: 503 }, ok(pending)]))
      assert.match(
        line ?? "",
        /^Warn: The access token is not renewed yet, the old one still serves: accessToken: .*503/u
      )
      assert.deepStrictEqual(others, [])
    })
  )

  it.effect("polls that bring no news are not told above debug, nor is the deadline", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        onScript(
          SupportTickets.use((tickets) =>
            Effect.exit(tickets.awaitOutcome(ticketId, { ...plain, deadline: "3 seconds" }))
          ),
          [grant, { status: 418 }, { status: 503 }, { status: 503 }, { status: 418 }],
          { retry: { times: 1, base: "1 milli" } }
        )
      )
      assert.deepStrictEqual(
        lines.filter((line) => !line.startsWith("Debug: ")),
        []
      )
    })
  )
})
