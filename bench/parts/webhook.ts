// The cost of a webhook of 300 bytes: every candidate verifies the signature, and some also parse the body.
import { medianOfPairs, type Cost, median, type Options, measureRounds, table, worker } from "../harness.ts"

const baseline = "crypto.subtle.verify"
const candidates = [baseline, "createHmac", "standardwebhooks", "@octokit/webhooks-methods", "ours"]

export const measure = async (options: Options): Promise<string> => {
  const workers = await Promise.all(candidates.map(async (name) => [name, await worker("webhook", name)] as const))
  const sections: Array<string> = []
  for (const inFlight of [1, 50]) {
    const measurements = workers.map(
      ([name, { send }]) => [name, () => send<Cost>({ id: "", calls: 1000, inFlight })] as const
    )
    const results = await measureRounds(new Map(measurements), options)
    const of = (name: string) => results.get(name)!
    sections.push(
      `### ${inFlight} at a time\n\n` +
        table(
          ["", "µs CPU", "µs", `speed x ${baseline}`],
          candidates.map((name) => [
            name,
            median(of(name).map(({ cpu }) => cpu)).toFixed(1),
            median(of(name).map(({ wall }) => wall)).toFixed(1),
            medianOfPairs(of(baseline), of(name), (base, one) => base.wall / one.wall).toFixed(2)
          ])
        )
    )
  }
  await Promise.all(workers.map(([, { stop }]) => stop()))
  return sections.join("\n\n")
}
