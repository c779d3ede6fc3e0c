import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Schema from "effect/Schema"

/** The path of a file in the folder of the documentation. */
export const docs = (name: string) => join(import.meta.dirname, "..", "..", "..", "docs", name)

const Dashboard = Schema.fromJsonString(
  Schema.Struct({
    panels: Schema.Array(
      Schema.Struct({ title: Schema.String, targets: Schema.Array(Schema.Struct({ expr: Schema.String })) })
    ),
    templating: Schema.Struct({
      list: Schema.Array(Schema.Struct({ name: Schema.String, definition: Schema.optionalKey(Schema.String) }))
    })
  })
)

/** The dashboard of the documentation. */
export const dashboard = Schema.decodeSync(Dashboard)(readFileSync(docs("grafana-dashboard.json"), "utf8"))

/** The queries of the dashboard, each with the title of its panel. */
export const queries = dashboard.panels.flatMap(({ targets, title }) => targets.map(({ expr }) => ({ title, expr })))

/** The text of the alert rules. */
export const alerts = readFileSync(docs("alerts.yml"), "utf8")

const page = readFileSync(docs("observability.md"), "utf8")

/** The metrics that the documentation names, in its table. */
export const documentedMetrics = [...page.matchAll(/^\| `((?:http|ripio)\.[a-z._]+)` \| (\w+) \|/gmu)].map(
  ([, name = "", type = ""]) => ({ name, type })
)

/** The metrics that a text with queries names, as regular expressions: `ripio_client_polls(_total)?`. */
export const metricsIn = (text: string): ReadonlyArray<string> => [
  ...new Set(Array.from(text.matchAll(/__name__=~\\?"([^"\\]+)\\?"/gu), ([, name = ""]) => name))
]
