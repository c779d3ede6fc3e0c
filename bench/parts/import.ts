// How long a fresh process takes to load a candidate, its dependencies included.
import { between, median, type Options, rounds, table } from "../harness.ts"
import { bench, run } from "../project.ts"

const floor = "effect/http's client"
const client = [
  "Effect",
  "Layer",
  "Schema",
  "http/FetchHttpClient",
  "http/HttpClient",
  "http/HttpClientRequest",
  "http/HttpClientResponse"
]

const candidates: Readonly<Record<string, ReadonlyArray<string>>> = {
  [floor]: client.map((module) => `effect/${module}`),
  "the barrels effect and effect/http": ["effect", "effect/http"],
  "effect-ripio-tickets": ["effect-ripio-tickets"],
  "effect-ripio-tickets, and the client": ["effect-ripio-tickets", ...client.map((module) => `effect/${module}`)],
  zod: ["zod"],
  "openapi-fetch": ["openapi-fetch"],
  "hey-api + zod": ["./build/hey-api/sdk.gen.js"],
  undici: ["undici"]
}

interface Loading {
  readonly cpu: number
  readonly wall: number
}

const load = (modules: ReadonlyArray<string>): Loading =>
  JSON.parse(
    run(
      bench,
      process.execPath,
      "--input-type=module",
      "--eval",
      `const cpu = process.cpuUsage(), start = performance.now()
       for (const module of ${JSON.stringify(modules)}) await import(module)
       const wall = performance.now() - start, { user, system } = process.cpuUsage(cpu)
       console.log(JSON.stringify({ cpu: (user + system) / 1000, wall }))`
    )
  ) as Loading

export const measure = async (options: Options): Promise<string> => {
  const asks = Object.entries(candidates).map(([name, modules]) => [name, async () => load(modules)] as const)
  const answers = await rounds(new Map(asks), { ...options, warmUps: 1 })
  const of = (name: string) => answers.get(name)!
  return table(
    ["", "ms", "ms CPU", `x ${floor}, CPU`],
    Object.keys(candidates).map((name) => [
      name,
      median(of(name).map(({ wall }) => wall)).toFixed(0),
      median(of(name).map(({ cpu }) => cpu)).toFixed(0),
      between(of(name), of(floor), (one, base) => one.cpu / base.cpu).toFixed(2)
    ])
  )
}
