// The cost of a call over a real socket, with 1, 50 and 500 calls in flight to a server in another process.
import { known } from "../client.ts"
import { medianOfPairs, type Cost, median, type Options, type Role, measureRounds, table, worker } from "../harness.ts"

const roles = new Map<string, Role>([
  ["undici.request", { client: "undici" }],
  ["fetch", { client: "fetch" }],
  ["fetch-zod", { client: "fetch-zod" }],
  ["openapi-fetch", { client: "openapi-fetch" }],
  ["hey-api", { client: "hey-api" }],
  ["generated, fetch", { client: "generated" }],
  ["generated, undici", { client: "generated", transport: "undici" }],
  ["ours, fetch", { client: "ours" }],
  ["ours, undici", { client: "ours", transport: "undici" }]
])
const peers = ["fetch", "fetch-zod", "undici.request"]

export const measure = async (options: Options): Promise<string> => {
  const server = await worker("server", {})
  const { url: baseUrl } = await server.send<{ readonly url: string }>({})
  const workers = await Promise.all(
    [...roles].map(async ([name, role]) => [name, await worker("client", { ...role, baseUrl })] as const)
  )
  const sections: Array<string> = []
  for (const { calls, inFlight } of [
    { inFlight: 1, calls: 300 },
    { inFlight: 50, calls: 1500 },
    { inFlight: 500, calls: 2000 }
  ]) {
    const measurements = workers.map(
      ([name, { send }]) => [name, () => send<Cost>({ id: known, calls, inFlight })] as const
    )
    const results = await measureRounds(new Map(measurements), options)
    const of = (name: string) => results.get(name)!
    sections.push(
      `### ${inFlight} in flight\n\n` +
        table(
          ["", "µs CPU", "calls a second", ...peers.map((peer) => `x ${peer}`)],
          [...roles.keys()].map((name) => [
            name,
            median(of(name).map(({ cpu }) => cpu)).toFixed(0),
            median(of(name).map(({ wall }) => 1e6 / wall)).toFixed(0),
            ...peers.map((peer) => medianOfPairs(of(peer), of(name), (base, one) => base.wall / one.wall).toFixed(2))
          ])
        )
    )
  }
  await Promise.all([server, ...workers.map(([, worker]) => worker)].map(({ stop }) => stop()))
  return sections.join("\n\n")
}
