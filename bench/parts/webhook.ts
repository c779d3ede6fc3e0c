// A webhook of 300 bytes: its signature checked, and its event read by those who do.
import { between, type Cost, median, type Options, rounds, table, worker } from "../harness.ts"

const floor = "crypto.subtle.verify"
const candidates = [floor, "createHmac", "standardwebhooks", "@octokit/webhooks-methods", "ours"]

export const measure = async (options: Options): Promise<string> => {
  const workers = await Promise.all(candidates.map(async (name) => [name, await worker("webhook", name)] as const))
  const sections: Array<string> = []
  for (const inFlight of [1, 50]) {
    const asks = workers.map(([name, { ask }]) => [name, () => ask<Cost>({ id: "", calls: 1000, inFlight })] as const)
    const answers = await rounds(new Map(asks), options)
    const of = (name: string) => answers.get(name)!
    sections.push(
      `### ${inFlight} at a time\n\n` +
        table(
          ["", "µs CPU", "µs", `speed x ${floor}`],
          candidates.map((name) => [
            name,
            median(of(name).map(({ cpu }) => cpu)).toFixed(1),
            median(of(name).map(({ wall }) => wall)).toFixed(1),
            between(of(floor), of(name), (base, one) => base.wall / one.wall).toFixed(2)
          ])
        )
    )
  }
  await Promise.all(workers.map(([, { stop }]) => stop()))
  return sections.join("\n\n")
}
