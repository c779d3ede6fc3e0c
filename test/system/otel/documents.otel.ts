import { assert, describe, it } from "@effect/vitest"
import { alerts, documentedMetrics, metricsIn, queries } from "./documents.ts"

/** The names that exporters may give to a metric. */
const namesOf = ({ name, type }: { readonly name: string; readonly type: string }): ReadonlyArray<string> => {
  const base = name.replaceAll(".", "_")
  switch (type) {
    case "counter":
      return [base, `${base}_total`]
    case "histogram":
      return [base, `${base}_seconds`].flatMap((each) => [`${each}_bucket`, `${each}_sum`, `${each}_count`])
    default:
      return [base, `${base}_seconds`]
  }
}

const known = documentedMetrics.flatMap(namesOf)
const matching = (pattern: string) => known.filter((name) => new RegExp(`^(?:${pattern})$`, "u").test(name))

describe("the dashboard and the alerts", () => {
  it("name only documented metrics, by each of their names", () => {
    assert.isAtLeast(documentedMetrics.length, 13)
    const patterns = metricsIn(`${alerts}\n${queries.map(({ expr }) => expr).join("\n")}`)
    assert.isAtLeast(patterns.length, 13)
    for (const pattern of patterns) {
      const names = matching(pattern)
      assert.isAtLeast(names.length, /waiters|queue_size/u.test(pattern) ? 1 : 2, pattern)
    }
  })

  it("use every documented metric", () => {
    const shown = new Set(metricsIn(queries.map(({ expr }) => expr).join("\n")).flatMap(matching))
    const missing = documentedMetrics.filter((metric) => !namesOf(metric).some((name) => shown.has(name)))
    assert.deepStrictEqual(missing, [])
  })
})
