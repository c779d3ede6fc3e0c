// The time in which a new process loads a candidate and its dependencies.
import { medianOfPairs, median, type Options, measureRounds, table } from "../harness.ts"
import { runSync } from "../../scripts/run.ts"
import { bench } from "../project.ts"

const baseline = "effect/http's client"
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
  [baseline]: client.map((module) => `effect/${module}`),
  "the index modules effect and effect/http": ["effect", "effect/http"],
  "effect-ripio-tickets": ["effect-ripio-tickets"],
  "effect-ripio-tickets, and the client": ["effect-ripio-tickets", ...client.map((module) => `effect/${module}`)],
  "effect-ripio-tickets by subpath: Ripio, SupportTickets, FetchTransport": [
    "effect-ripio-tickets/Ripio",
    "effect-ripio-tickets/SupportTickets",
    "effect-ripio-tickets/FetchTransport"
  ],
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
    runSync(
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
  const measurements = Object.entries(candidates).map(([name, modules]) => [name, async () => load(modules)] as const)
  const results = await measureRounds(new Map(measurements), { ...options, warmUps: 1 })
  const of = (name: string) => results.get(name)!
  return table(
    ["", "ms", "ms CPU", `x ${baseline}, CPU`],
    Object.keys(candidates).map((name) => [
      name,
      median(of(name).map(({ wall }) => wall)).toFixed(0),
      median(of(name).map(({ cpu }) => cpu)).toFixed(0),
      medianOfPairs(of(name), of(baseline), (one, base) => one.cpu / base.cpu).toFixed(2)
    ])
  )
}
