import { assert, describe, layer } from "@effect/vitest"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { alerts, dashboard, docs, documentedMetrics, queries } from "./documents.ts"
import { promtool, startPrometheus } from "./prometheus.ts"
import { accessToken, openShop } from "./shop.ts"

/** A Prometheus that scraped the program for a while, through each exporter. */
class Scraped extends Context.Service<Scraped, Effect.Success<ReturnType<typeof startPrometheus>>>()(
  "test/system/otel/Scraped"
) {
  static readonly layer = Layer.effect(
    Scraped,
    Effect.gen(function* () {
      const prometheus = yield* startPrometheus(yield* openShop)
      // A 429 holds an account back for 6 s, and the alerts have to see what comes after it.
      yield* Effect.sleep("18 seconds")
      return prometheus
    })
  )
}

const jobs = ["effect", "opentelemetry"]

const expected: Readonly<Record<string, ReadonlyArray<string | undefined>>> = {
  RipioApiDown: ["down"],
  RipioUnauthenticated: ["locked"],
  RipioCreateAmbiguous: ["down", "flaky"],
  RipioOutcomesLate: ["down"],
  RipioRateLimited: ["limited"],
  RipioGateSaturated: ["limited"],
  RipioSlow: ["slow"],
  RipioWebhooksRejected: [undefined],
  RipioDeadLetters: [undefined],
  RipioSubmissionAmbiguous: [undefined],
  RipioQueueLate: [],
  RipioContradiction: [undefined]
}

layer(Scraped.layer, { excludeTestServices: true, timeout: "60 seconds" })("Prometheus", (it) => {
  describe("the dashboard", () => {
    it.effect("has a query for each panel whose result is numbers, from both exporters", () =>
      Effect.gen(function* () {
        const { query } = yield* Scraped
        for (const job of jobs) {
          for (const { expr, title } of queries) {
            const text = expr.replaceAll("$__rate_interval", "20s").replaceAll("$job", job).replaceAll("$account", ".*")
            assert.notInclude(text, "$")
            const result = yield* query(text)
            assert.isAtLeast(result.length, 1, `${title}: ${text}`)
            for (const { value } of result) assert.isTrue(Number.isFinite(value), `${title}: ${value}: ${text}`)
          }
        }
      })
    )

    it.effect("selects an account", () =>
      Effect.gen(function* () {
        const { query } = yield* Scraped
        const requests = queries.find(({ title }) => title === "Requests by operation")
        assert(requests)
        const rates = yield* Effect.forEach(["down", "healthy", ".*"], (account) =>
          Effect.map(
            query(
              requests.expr
                .replaceAll("$__rate_interval", "20s")
                .replaceAll("$job", "effect")
                .replaceAll("$account", account)
            ),
            (result) => result.reduce((sum, { value }) => sum + value, 0)
          )
        )
        const [down = 0, healthy = 0, all = 0] = rates
        assert.isAbove(down, 0.5)
        assert.isAbove(healthy, 0.5)
        assert.isAbove(all, down + healthy)
      })
    )

    it.effect("has variables whose values exist", () =>
      Effect.gen(function* () {
        const { query } = yield* Scraped
        const definitions = dashboard.templating.list.flatMap(({ definition }) => definition ?? [])
        assert.strictEqual(definitions.length, 2)
        for (const definition of definitions) {
          const [, selector = "", label = ""] = /^label_values\((.*), (\w+)\)$/u.exec(definition) ?? []
          const result = yield* query(`count by (${label}) (${selector.replaceAll("$job", ".*")})`)
          const values = result.map(({ metric }) => metric[label] ?? "").toSorted()
          assert.deepStrictEqual(
            values,
            label === "job" ? jobs : ["down", "flaky", "healthy", "limited", "locked", "slow"]
          )
        }
      })
    )
  })

  describe("the alerts", () => {
    it.effect("are active for the accounts with a problem, and not for the healthy one", () =>
      Effect.gen(function* () {
        const { rules } = yield* Scraped
        const active = Effect.map(rules, (all) => {
          for (const { health, lastError, name } of all) assert.strictEqual(health, "ok", `${name}: ${lastError}`)
          return Object.fromEntries(
            all.map(({ alerts, name }) => [
              name,
              alerts.map(({ labels }) => `${labels["job"]} ${labels["account"]}`).toSorted()
            ])
          )
        })
        const wanted = Object.fromEntries(
          Object.entries(expected).map(([name, accounts]) => [
            name,
            jobs.flatMap((job) => accounts.map((account) => `${job} ${account}`))
          ])
        )
        yield* Effect.sync(() => assert.strictEqual(alerts.match(/- alert:/gu)?.length, Object.keys(expected).length))
        yield* Effect.flatMap(active, (found) => Effect.try(() => assert.deepStrictEqual(found, wanted))).pipe(
          Effect.retry(Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(8)]))
        )
      })
    )

    it.effect("are valid, fire after their time, and end", () =>
      Effect.gen(function* () {
        assert.match(yield* promtool("check", "rules", docs("alerts.yml")), /SUCCESS: 12 rules found/u)
        yield* promtool("test", "rules", join(import.meta.dirname, "alerts.test.yml"))
      })
    )
  })

  describe("the metrics", () => {
    it.effect("reach Prometheus by the names of the documentation", () =>
      Effect.gen(function* () {
        const { query } = yield* Scraped
        const suffix = { counter: "", gauge: "", histogram: "_count" } as const
        for (const { name, type } of documentedMetrics) {
          assert(type === "counter" || type === "gauge" || type === "histogram", name)
          const base = `${name.replaceAll(".", "_")}${suffix[type]}`
          const found = yield* query(`count by (__name__, job) ({__name__=~"${base}(_total)?"})`)
          assert.deepStrictEqual(
            found.map(({ metric }) => `${metric["job"]} ${metric["__name__"]}`).toSorted(),
            [`effect ${base}`, `opentelemetry ${type === "counter" ? `${base}_total` : base}`],
            name
          )
        }
      })
    )

    it.effect("have no label that contains a ticket, a customer or a secret", () =>
      Effect.gen(function* () {
        const { query } = yield* Scraped
        const series = yield* query(`{__name__=~"(ripio|http_client).*"}`)
        assert.isAbove(series.length, 200)
        const labels = JSON.stringify(series.map(({ metric }) => metric))
        assert.notMatch(labels, /[0-9a-f]{8}-[0-9a-f]{4}|partner|secret/u)
        assert.notInclude(labels, accessToken)
      })
    )
  })
})
