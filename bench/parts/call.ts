// The CPU time of a call without network cost: encoded responses, one call after the other.
import { known, unknown } from "../client.ts"
import { medianOfPairs, type Cost, median, type Options, measureRounds, table, worker } from "../harness.ts"

const baseline = "fetch"
const ours = "ours"
const onEffect = ["http-client", "generated", "http-api", "naive", ours]
const all = [baseline, "fetch-zod", "openapi-fetch", "hey-api", ...onEffect]

const calls = 1500

const variants = [
  { title: "Without a tracer", role: {}, clients: all, peer: "hey-api" },
  { title: "With a tracer", role: { isTraced: true }, clients: [baseline, ...onEffect], peer: "generated" },
  {
    title: "With the JIT compiler of Schema",
    role: { isCompiled: true },
    clients: [baseline, ...onEffect],
    peer: "generated"
  }
]

const key = (client: string, id: string) => `${client} ${id}`

export const measure = async (options: Options): Promise<string> => {
  const sections: Array<string> = []
  for (const { clients, peer, role, title } of variants) {
    const workers = await Promise.all(clients.map((client) => worker("client", { client, ...role })))
    const measurements = clients.flatMap((client, index) =>
      [known, unknown].map(
        (id) => [key(client, id), () => workers[index]!.send<Cost>({ id, calls, inFlight: 1 })] as const
      )
    )
    const results = await measureRounds(new Map(measurements), options)
    await Promise.all(workers.map(({ stop }) => stop()))

    const cells = (client: string, id: string) => {
      const of = (name: string) => results.get(key(name, id))!
      const above = (name: string) => medianOfPairs(of(name), of(baseline), (one, base) => one.cpu - base.cpu)
      return [
        median(of(client).map(({ cpu }) => cpu)).toFixed(1),
        client === baseline ? "" : above(client).toFixed(1),
        client === baseline ? "" : (above(client) / above(peer)).toFixed(2)
      ]
    }
    sections.push(
      `### ${title}\n\n` +
        table(
          ["µs", "ok", "on top", `x ${peer}`, "404", "on top", `x ${peer}`],
          clients.map((client) => [client, ...cells(client, known), ...cells(client, unknown)])
        )
    )
  }
  return sections.join("\n\n")
}
