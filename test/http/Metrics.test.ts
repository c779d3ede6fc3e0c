import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { RipioHttp, SupportTickets, TicketId } from "../../src/index.ts"
import type { ScriptedReply, ScriptedStep } from "../../src/testing/index.ts"
import { apiErrors, created, failed, pending, ticketId } from "../support/fixtures.ts"
import { newTicket } from "../support/newTicket.ts"
import { playScript, retrieve, waits } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"

/** The result of a program, and its metrics as `name{labels} value`: those of the library, and those of HTTP. */
const withMetrics = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const result = yield* program
    const snapshot = yield* Metric.snapshot
    const lines = snapshot.map(({ attributes = {}, id, state }) => {
      const labels = Object.entries(attributes).flatMap(([key, value]) => (key === "unit" ? [] : [`${key}=${value}`]))
      const value = "count" in state ? state.count : "value" in state ? state.value : undefined
      return `${id}{${labels.toSorted().join(",")}} ${value}`
    })
    const isOurs = (line: string) => line.startsWith("ripio.")
    // Each client has this series, so that an alert sees it change.
    const isUnchanged = (line: string) =>
      /^ripio\.(client\.creates\.ambiguous|ticket\.contradictions)\{.*\} 0$/u.test(line)
    return {
      result,
      snapshot,
      metrics: lines.filter((line) => isOurs(line) && !isUnchanged(line)).toSorted(),
      durations: lines.filter((line) => !isOurs(line)).toSorted()
    }
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

/** Waits that poll once, and once more after a second. */
const options = { deadline: "2 seconds", schedule: Schedule.spaced("1 second") } as const
const shortWaits = [
  SupportTickets.use((tickets) => tickets.awaitOutcome(ticketId, options)),
  SupportTickets.use((tickets) => Stream.runDrain(tickets.changes(ticketId, options)))
]

const sortLabels = (line: string) =>
  line.replace(/\{(.*)\}/u, (_, labels: string) => `{${labels.split(",").toSorted().join(",")}}`)

describe("the metrics", () => {
  it.effect("count attempts, retries and failures by operation, and token renewals", () =>
    Effect.gen(function* () {
      const script = [
        { status: 500 },
        tokenResponse(),
        "refused",
        { status: 503 },
        { status: 404, json: apiErrors.notFound }
      ] as const
      const { metrics } = yield* withMetrics(playScript(retrieve, script))
      assert.deepStrictEqual(
        metrics.filter((line) => !line.includes("age")),
        [
          "ripio.client.attempts{operation=accessToken} 2",
          "ripio.client.attempts{operation=retrieve} 3",
          "ripio.client.failures{error.type=ApiError,operation=retrieve} 1",
          "ripio.client.retries{operation=accessToken} 1",
          "ripio.client.retries{operation=retrieve} 2",
          "ripio.client.token.renewals{} 1"
        ]
      )
    })
  )

  it.effect("count no retry and no failure for a call that succeeds at once", () =>
    Effect.gen(function* () {
      const { metrics } = yield* withMetrics(playScript(retrieve, [tokenResponse(), json(created)]))
      assert.deepStrictEqual(metrics, [
        "ripio.client.attempts{operation=accessToken} 1",
        "ripio.client.attempts{operation=retrieve} 1",
        "ripio.client.token.age{} 0",
        "ripio.client.token.renewals{} 1"
      ])
    })
  )

  it.effect("count the polls of a wait, of which each is one attempt", () =>
    Effect.gen(function* () {
      const script = [
        tokenResponse(),
        json(pending),
        { status: 503 },
        json(pending),
        { status: 418 },
        json(created)
      ] as const
      for (const call of waits) {
        const { metrics } = yield* withMetrics(playScript(call, script))
        assert.deepStrictEqual(
          metrics.filter((line) => !line.includes("token")),
          [
            "ripio.client.attempts{operation=accessToken} 1",
            "ripio.client.attempts{operation=retrieve} 5",
            "ripio.client.failures{error.type=ServerFailed,operation=retrieve} 1",
            "ripio.client.failures{error.type=UnexpectedResponse,operation=retrieve} 1",
            "ripio.client.outcomes{outcome=Created} 1",
            "ripio.client.polls{} 5",
            "ripio.client.waiters{} 0"
          ]
        )
      }
    })
  )

  it.effect("label a failure with its reason", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<{ readonly reply: ScriptedReply; readonly error: string }> = [
        { reply: "refused", error: "TransportFailed" },
        { reply: "hang", error: "TimedOut" },
        { reply: { status: 429 }, error: "RateLimited" },
        { reply: { status: 501 }, error: "ServerFailed" },
        { reply: { status: 200, text: "{" }, error: "UnexpectedResponse" },
        { reply: { status: 403, json: apiErrors.notEnabled }, error: "ApiError" }
      ]
      for (const { error, reply } of cases) {
        const { metrics } = yield* withMetrics(playScript(retrieve, [tokenResponse(), reply], { retry: { times: 0 } }))
        assert.deepStrictEqual(
          metrics.filter((line) => line.includes("failures")),
          [`ripio.client.failures{error.type=${error},operation=retrieve} 1`]
        )
      }
      const { metrics } = yield* withMetrics(playScript(retrieve, [{ status: 401 }]))
      assert.deepStrictEqual(metrics, [
        "ripio.client.attempts{operation=accessToken} 1",
        "ripio.client.failures{error.type=Unauthenticated,operation=accessToken} 1",
        "ripio.client.failures{error.type=Unauthenticated,operation=retrieve} 1"
      ])
    })
  )

  it.effect("report the age of a token at its last use, and count each renewal", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* retrieve
        yield* Effect.sleep("30 minutes")
        yield* retrieve
        const { metrics } = yield* withMetrics(Effect.void)
        assert.deepStrictEqual(metrics, [])
        const afterSecondUse = yield* Metric.snapshot
        yield* Effect.sleep("29 minutes")
        yield* retrieve
        return afterSecondUse
      })
      const { metrics, result } = yield* withMetrics(
        playScript(program, [tokenResponse(), json(pending), json(pending), tokenResponse(), json(pending)])
      )
      assert(Exit.isSuccess(result.exit))
      const age = result.exit.value.find(({ id }) => id === "ripio.client.token.age")
      assert.deepNestedInclude(age, { "state.value": 1800 })
      assert.include(metrics, "ripio.client.token.age{} 0")
      assert.include(metrics, "ripio.client.token.renewals{} 2")
    })
  )

  it.effect("have no label that contains a ticket, an account, a URL or a token", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 50 }, (_, index) =>
        TicketId.make(`00000000-0000-4000-8000-${`${index}`.padStart(12, "0")}`)
      )
      const retrieveAll = SupportTickets.use((tickets) =>
        Effect.forEach(ids, (id) => Effect.result(tickets.retrieve(id)))
      )
      const { durations, metrics, result } = yield* withMetrics(
        playScript(retrieveAll, [tokenResponse(), ...ids.map((id) => json({ ...pending, ticketId: id }))])
      )
      assert(Exit.isSuccess(result.exit) && result.exit.value.every(Result.isSuccess))
      assert.strictEqual(metrics.length, 4)
      assert.notMatch(metrics.join("\n"), /0000|partner|secret|a-token|ripio\.test|http/u)
      assert.strictEqual(durations.length, 2)
      assert.notMatch(durations.join("\n"), /0000|partner|secret|a-token|https/u)
    })
  )

  it.effect("have a series for each custom operation", () =>
    Effect.gen(function* () {
      const call = RipioHttp.use((http) =>
        http.execute(HttpClientRequest.get("/api/v1/x/"), { operation: "x", decode: Result.succeed })
      )
      const { metrics } = yield* withMetrics(playScript(call, [tokenResponse(), json({})]))
      assert.include(metrics, "ripio.client.attempts{operation=x} 1")
    })
  )

  it.effect("measure each attempt by the conventions of OpenTelemetry", () =>
    Effect.gen(function* () {
      const slowly =
        (reply: ScriptedReply): ScriptedStep =>
        () =>
          Effect.delay(Effect.succeed(reply), "80 millis")
      const script = [tokenResponse(), slowly({ status: 503 }), "refused", slowly(json(created))] as const
      const { durations, snapshot } = yield* withMetrics(playScript(retrieve, script, { gate: { account: "AR" } }))
      const server = "server.address=ripio.test,server.port=443"
      const get = "account=AR,http.request.method=GET"
      assert.deepStrictEqual(
        durations,
        [
          `http.client.request.duration{${get},error.type=503,http.response.status_code=503,operation=retrieve,${server}} 1`,
          `http.client.request.duration{${get},error.type=TransportFailed,operation=retrieve,${server}} 1`,
          `http.client.request.duration{${get},http.response.status_code=200,operation=retrieve,${server}} 1`,
          `http.client.request.duration{account=AR,http.request.method=POST,http.response.status_code=200,operation=accessToken,${server}} 1`
        ]
          .map((line) => sortLabels(line))
          .toSorted()
      )
      const slow = snapshot.find(({ attributes }) => attributes?.["http.response.status_code"] === "503")
      assert(slow?.type === "Histogram")
      assert.strictEqual(slow.attributes?.["unit"], "s")
      assert.deepStrictEqual(slow.state.sum, 0.08)
      assert.deepStrictEqual(
        slow.state.buckets.map(([boundary]) => boundary),
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
      )
      assert.deepStrictEqual(
        slow.state.buckets.filter(([, count]) => count === 0).map(([boundary]) => boundary),
        [0.005, 0.01, 0.025, 0.05, 0.075]
      )
    })
  )

  it.effect("measure an attempt that is interrupted, and one that ends with a defect", () =>
    Effect.gen(function* () {
      const interrupted = yield* withMetrics(
        playScript(Effect.timeoutOption(retrieve, "1 second"), [tokenResponse(), "hang"])
      )
      assert.match(interrupted.durations.join("\n"), /error\.type=Interrupted,http\.request\.method=GET/u)
      const died = yield* withMetrics(playScript(retrieve, [tokenResponse(), () => Effect.die("a defect")]))
      assert.match(died.durations.join("\n"), /error\.type=(?:_OTHER|TransportFailed),http\.request\.method=GET/u)
    })
  )

  it.effect("do not hide how a request ended if their registry fails", () =>
    Effect.gen(function* () {
      class BrokenRegistry<K, V> extends Map<K, V> {
        override get(key: K): V | undefined {
          if (String(key).includes("http.client.request.duration")) throw new Error("a broken registry")
          return super.get(key)
        }
      }
      const { exit } = yield* playScript(retrieve, [tokenResponse(), json(created)]).pipe(
        Effect.provideService(Metric.MetricRegistry, new BrokenRegistry())
      )
      assert.isTrue(Exit.isSuccess(exit))
    })
  )

  it.effect("count the ends of waits by outcome, or by the error that ended them", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [ReadonlyArray<ScriptedStep>, string]> = [
        [[json(created)], "Created"],
        [[json(pending), json(failed)], "Failed"],
        [[{ status: 404, json: apiErrors.notFound }], "NotFound"],
        [[json(pending), json(pending)], "OutcomePending"]
      ]
      for (const call of shortWaits) {
        for (const [script, outcome] of cases) {
          const { metrics } = yield* withMetrics(
            playScript(call, [tokenResponse(), ...script], { gate: { account: "AR" } })
          )
          assert.deepStrictEqual(
            metrics.filter((line) => /outcomes|waiters/u.test(line)),
            [`ripio.client.outcomes{account=AR,outcome=${outcome}} 1`, "ripio.client.waiters{account=AR} 0"]
          )
        }
      }
    })
  )

  it.effect("do not count the outcome of a wait that is interrupted, and count it as a waiter until then", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const fibers = yield* Effect.forEach(waits, (wait) =>
          Effect.forkChild(Effect.exit(wait), { startImmediately: true })
        )
        yield* Effect.yieldNow
        const during = yield* Metric.snapshot
        yield* Fiber.interruptAll(fibers)
        return during.flatMap(({ id, state }) => (id === "ripio.client.waiters" ? [state] : []))
      })
      const { metrics, result } = yield* withMetrics(playScript(program, [tokenResponse(), "hang", "hang"]))
      assert.deepStrictEqual(result.exit, Exit.succeed([{ value: waits.length }]))
      assert.include(metrics, "ripio.client.waiters{} 0")
      assert.notMatch(metrics.join("\n"), /outcomes/u)
    })
  )

  it.effect("count each CreateAmbiguous", () =>
    Effect.gen(function* () {
      const create = SupportTickets.use((tickets) => tickets.create(newTicket()))
      for (const { count, status } of [
        { status: 502, count: 1 },
        { status: 429, count: 0 }
      ]) {
        const { snapshot } = yield* withMetrics(
          playScript(create, [tokenResponse(), { status }], { gate: { account: "AR" } })
        )
        const ambiguous = snapshot.filter(({ id }) => id === "ripio.client.creates.ambiguous")
        assert.deepStrictEqual(
          ambiguous.map(({ attributes, state }) => ({ attributes, state })),
          [{ attributes: { unit: "{ticket}", account: "AR" }, state: { count, incremental: true } }]
        )
      }
    })
  )

  it.effect("have the label of the account in each series, if it has a name", () =>
    Effect.gen(function* () {
      const script = [{ status: 500 }, tokenResponse(), json(pending), { status: 503 }, json(created)] as const
      for (const wait of waits) {
        const { snapshot } = yield* withMetrics(playScript(wait, script, { gate: { account: "AR" } }))
        assert.isAbove(snapshot.length, 9)
        for (const { attributes, id } of snapshot) assert.strictEqual(attributes?.["account"], "AR", id)
      }
    })
  )
})
