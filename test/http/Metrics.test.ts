import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import { RipioHttp, SupportTickets, TicketId } from "../../src/index.ts"
import type { ScriptedReply } from "../../src/testing/index.ts"
import { apiErrors, created, pending } from "../support/fixtures.ts"
import { playScript, retrieve, waits } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"

/** The result of a program, and its metrics as `name{labels} value`. */
const withMetrics = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const result = yield* program
    const metrics = (yield* Metric.snapshot).map(({ attributes, id, state }) => {
      const labels = Object.entries(attributes ?? {}).map(([key, value]) => `${key}=${value}`)
      const value = "count" in state ? state.count : "value" in state ? state.value : undefined
      return `${id}{${labels.toSorted().join(",")}} ${value}`
    })
    return { result, metrics: metrics.toSorted() }
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

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

  it.effect("count no retry and no failure for a call that succeeds at once", () =>
    Effect.gen(function* () {
      const { metrics } = yield* withMetrics(playScript(retrieve, [tokenResponse(), json(created)]))
      assert.deepStrictEqual(metrics, [
        "ripio_client_attempts{operation=accessToken} 1",
        "ripio_client_attempts{operation=retrieve} 1",
        "ripio_client_token_age_seconds{} 0",
        "ripio_client_token_renewals{} 1"
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
            "ripio_client_attempts{operation=accessToken} 1",
            "ripio_client_attempts{operation=retrieve} 5",
            "ripio_client_failures{error=ServerFailed,operation=retrieve} 1",
            "ripio_client_failures{error=UnexpectedResponse,operation=retrieve} 1",
            "ripio_client_polls{} 5"
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
          [`ripio_client_failures{error=${error},operation=retrieve} 1`]
        )
      }
      const { metrics } = yield* withMetrics(playScript(retrieve, [{ status: 401 }]))
      assert.deepStrictEqual(metrics, [
        "ripio_client_attempts{operation=accessToken} 1",
        "ripio_client_failures{error=Unauthenticated,operation=accessToken} 1",
        "ripio_client_failures{error=Unauthenticated,operation=retrieve} 1"
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
      const age = result.exit.value.find(({ id }) => id === "ripio_client_token_age_seconds")
      assert.deepNestedInclude(age, { "state.value": 1800 })
      assert.include(metrics, "ripio_client_token_age_seconds{} 0")
      assert.include(metrics, "ripio_client_token_renewals{} 2")
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
      const { metrics, result } = yield* withMetrics(
        playScript(retrieveAll, [tokenResponse(), ...ids.map((id) => json({ ...pending, ticketId: id }))])
      )
      assert(Exit.isSuccess(result.exit) && result.exit.value.every(Result.isSuccess))
      assert.strictEqual(metrics.length, 4)
      assert.notMatch(metrics.join("\n"), /0000|partner|secret|a-token|ripio\.test|http/u)
    })
  )

  it.effect("have a series for each custom operation", () =>
    Effect.gen(function* () {
      const call = RipioHttp.use((http) =>
        http.execute(HttpClientRequest.get("/api/v1/x/"), { operation: "x", decode: Result.succeed })
      )
      const { metrics } = yield* withMetrics(playScript(call, [tokenResponse(), json({})]))
      assert.include(metrics, "ripio_client_attempts{operation=x} 1")
    })
  )
})
