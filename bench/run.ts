import { cpus, release, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Options } from "./harness.ts"
import { prepare, versionOf } from "./project.ts"

const parts = {
  call: "Per call, on a stub of the network",
  loopback: "Over a socket",
  waiting: "Waiting"
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, prepared: { type: "boolean", default: false } }
})
const isPart = (name: string): name is keyof typeof parts => name in parts
const chosen = positionals.length === 0 ? Object.keys(parts) : positionals

if (!values.prepared) prepare()

const packages = ["effect", "undici", "zod", "openapi-fetch", "@hey-api/openapi-ts", "@effect/openapi-generator"]
console.log(
  `${new Date().toISOString().slice(0, 10)}: ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node.js ${process.version}; ${packages.map((name) => `${name} ${versionOf(name)}`).join(", ")}`
)

for (const part of chosen) {
  if (!isPart(part)) throw new Error(`${part} is none of the parts: ${Object.keys(parts).join(", ")}`)
  const { measure } = (await import(`./parts/${part}.ts`)) as { measure: (options: Options) => Promise<string> }
  console.log(`\n## ${parts[part]}\n`)
  console.log(await measure({ rounds: Number(values.rounds ?? 15) }))
}
