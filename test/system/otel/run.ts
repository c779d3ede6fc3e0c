// `npm run test:otel`: scrapes the metrics of the library with Prometheus, and runs the queries of the dashboard and of the
// alerts. `--skip prometheus` runs only what needs no Prometheus.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { count, run, runSync } from "../../../scripts/run.ts"

const root = join(import.meta.dirname, "..", "..", "..")
const print = (line: string) => void process.stdout.write(`${line}\n`)

const { values } = parseArgs({ options: { skip: { type: "string", multiple: true, default: [] } } })
const unknown = values.skip.filter((name) => name !== "prometheus")
if (unknown.length > 0) throw new Error(`Unknown step ${unknown.join(", ")}. The step is prometheus.`)

const install = () => {
  if (["prometheus", "promtool"].every((name) => existsSync(`/usr/bin/${name}`))) return
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error("Install the Debian package prometheus as root. Or skip the step: --skip prometheus.")
  }
  print("Installing the Debian package prometheus ...")
  runSync(root, "apt-get", "update", "-qq")
  const options = ["-y", "-qq", "--no-install-recommends"]
  runSync(root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", ...options, "prometheus")
}

const isSkipped = values.skip.length > 0
if (isSkipped) print("--- prometheus: skipped")
else install()
const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
const files = isSkipped ? ["documents.otel.ts"] : []
const { code, output } = await run(
  process.execPath,
  [vitest, "run", "--config", "test/system/otel/vitest.config.ts", ...files],
  { cwd: root, env: process.env }
)
const line = [...output.matchAll(/^\s*Tests\s+(.*)$/gmu)].at(-1)?.[1] ?? ""
const failed = code === 0 ? 0 : Math.max(1, count(line, "failed"))
print(`\n${count(line, "passed")} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
