// What a call costs when the network costs nothing: ready bytes, one call after the other, microseconds of CPU.
import { known, unknown } from "../client.ts"
import { between, type Cost, median, type Options, rounds, table, worker } from "../harness.ts"

const floor = "fetch"
const ours = "ours"
const onEffect = ["http-client", "generated", "http-api", "naive", ours]
const everybody = [floor, "fetch-zod", "openapi-fetch", "hey-api", ...onEffect]

const calls = 1500

const variants = [
  { title: "Nobody traces", role: {}, clients: everybody, peer: "hey-api" },
  { title: "A tracer is installed", role: { isTraced: true }, clients: [floor, ...onEffect], peer: "generated" },
  { title: "The JIT of Schema is on", role: { isCompiled: true }, clients: [floor, ...onEffect], peer: "generated" }
]

const key = (client: string, id: string) => `${client} ${id}`

export const measure = async (options: Options): Promise<string> => {
  const sections: Array<string> = []
  for (const { clients, peer, role, title } of variants) {
    const workers = await Promise.all(clients.map((client) => worker("client", { client, ...role })))
    const asks = clients.flatMap((client, index) =>
      [known, unknown].map(
        (id) => [key(client, id), () => workers[index]!.ask<Cost>({ id, calls, inFlight: 1 })] as const
      )
    )
    const answers = await rounds(new Map(asks), options)
    await Promise.all(workers.map(({ stop }) => stop()))

    const cells = (client: string, id: string) => {
      const of = (name: string) => answers.get(key(name, id))!
      const above = (name: string) => between(of(name), of(floor), (one, base) => one.cpu - base.cpu)
      return [
        median(of(client).map(({ cpu }) => cpu)).toFixed(1),
        client === floor ? "" : above(client).toFixed(1),
        client === floor ? "" : (above(client) / above(peer)).toFixed(2)
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
