// `npm run bench`: all parts, or those that are named; `--rounds` for more or fewer of them. It ends in Markdown tables,
// and no figure makes it fail.
import { cpus, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Options } from "./harness.ts"
import { prepare, versionOf } from "./project.ts"

const parts = {
  call: "Per call, on a stub of the network",
  loopback: "Over a socket",
  waiting: "Waiting",
  webhook: "A webhook",
  hostile: "A hostile response",
  bundle: "In a browser's bundle",
  import: "Import",
  types: "Type check"
}
const isPart = (name: string): name is keyof typeof parts => name in parts

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "11" },
    /** Measures what the last run has packed and generated. */
    prepared: { type: "boolean", default: false }
  }
})
const named = positionals.length === 0 ? Object.keys(parts) : positionals
const chosen = named.filter(isPart)
if (chosen.length < named.length) throw new Error(`the parts are ${Object.keys(parts).join(", ")}`)
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
