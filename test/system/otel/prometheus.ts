import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Peer, peer } from "../peers/support.ts"
import { docs } from "./documents.ts"

const Labels = Schema.Record(Schema.String, Schema.String)

const responseOf = <S extends Schema.Constraint>(data: S) => Schema.Struct({ status: Schema.Literal("success"), data })

const Vector = responseOf(
  Schema.Struct({
    result: Schema.Array(Schema.Struct({ metric: Labels, value: Schema.Tuple([Schema.Number, Schema.String]) }))
  })
)
const Rules = responseOf(
  Schema.Struct({
    groups: Schema.Array(
      Schema.Struct({
        rules: Schema.Array(
          Schema.Struct({
            name: Schema.String,
            health: Schema.String,
            lastError: Schema.optionalKey(Schema.String),
            alerts: Schema.Array(Schema.Struct({ labels: Labels, state: Schema.String }))
          })
        )
      })
    )
  })
)

/** A temporary folder, removed at the end. */
const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "prometheus-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs Prometheus on loopback until the scope closes. It scrapes each target as a job, and evaluates the alert rules. */
export const startPrometheus = (targets: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const config = join(folder, "prometheus.yml")
    // JSON is YAML.
    writeFileSync(
      config,
      JSON.stringify({
        global: { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "1s" },
        rule_files: [docs("alerts.yml")],
        scrape_configs: Object.entries(targets).map(([job, target]) => ({
          job_name: job,
          static_configs: [{ targets: [target] }]
        }))
      })
    )
    const server = yield* Layer.build(
      peer(
        "/usr/bin/prometheus",
        (port) => [
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(folder, "data")}`,
          `--web.listen-address=127.0.0.1:${port}`
        ],
        /Server is ready to receive web requests/u
      )
    )
    const { baseUrl } = Context.get(server, Peer)
    const get = <S extends Schema.ConstraintDecoder<unknown>>(path: string, schema: S) =>
      Effect.flatMap(
        Effect.promise(() => fetch(`${baseUrl}/api/v1/${path}`).then((response) => response.json())),
        Schema.decodeUnknownEffect(schema)
      )
    return {
      query: (expr: string) =>
        Effect.map(get(`query?query=${encodeURIComponent(expr)}`, Vector), ({ data }) =>
          data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))
        ),
      rules: Effect.map(get("rules?type=alert", Rules), ({ data }) => data.groups.flatMap(({ rules }) => rules))
    }
  })

/** Runs `promtool`, and returns its output. Fails with the output. */
export const promtool = (...args: ReadonlyArray<string>) =>
  Effect.callback<string, Error>((resume) => {
    execFile("/usr/bin/promtool", args, (error, stdout, stderr) => {
      resume(error === null ? Effect.succeed(stdout) : Effect.fail(new Error(`${stdout}${stderr}`)))
    })
  })
