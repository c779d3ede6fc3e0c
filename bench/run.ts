// `npm run bench` runs all parts, or those named as arguments, and prints Markdown tables. `--rounds` sets the number of
// rounds. No result makes it fail.
import { cpus, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Options } from "./harness.ts"
import { prepare, versionOf } from "./project.ts"

const parts = {
  call: "Per call, with a stub of the network",
  loopback: "Over a socket",
  waiting: "Waiting",
  fleet: "Load on the API",
  gate: "The account gate",
  webhook: "A webhook",
  hostile: "Hostile response",
  bundle: "Browser bundle",
  import: "Import",
  start: "Start of the command line",
  types: "Type check",
  durable: "Polling from a database"
}
const isPart = (name: string): name is keyof typeof parts => name in parts

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "11" },
    /** Reuses the package and the generated clients of the last run. */
    prepared: { type: "boolean", default: false }
  }
})
const named = positionals.length === 0 ? Object.keys(parts) : positionals
const chosen = named.filter(isPart)
if (chosen.length < named.length) throw new Error(`Unknown part. The parts are ${Object.keys(parts).join(", ")}.`)
const options: Options = { rounds: Number(values.rounds) }

if (!values.prepared) prepare()

const packages = ["effect", "@effect/openapi-generator", "undici", "zod", "openapi-fetch", "@hey-api/openapi-ts"]
const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB`
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${machine}, ${process.platform}, Node.js ${process.versions.node}, ` +
    `${options.rounds} rounds; ${packages.map((name) => `${name} ${versionOf(name)}`).join(", ")}.`
)
for (const part of chosen) {
  const { measure } = (await import(`./parts/${part}.ts`)) as { measure: (options: Options) => Promise<string> }
  console.log(`\n## ${parts[part]}\n\n${await measure(options)}`)
}
