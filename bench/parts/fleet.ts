// The load on the API, and how soon outcomes are known: one account waits for many tickets. Each candidate has a separate
// server, and all run at the same time. A run takes half a minute and is not repeated.
import { type Counted, type Detected, type Scenario, scenarios, spread, tickets } from "../fleet.ts"
import { table, worker } from "../harness.ts"

const candidates = ["a loop with fetch", "p-limit (32) and fetch", "AWS, adaptive retry", "ours, awaitOutcome"]

const measureOne = async (candidate: string, scenario: Scenario) => {
  const server = await worker("account", scenario)
  const client = await worker("fleet", { candidate, scenario })
  const detected = await client.send<Detected>(await server.send<object>({ start: true }))
  const counted = await server.send<Counted>({})
  await Promise.all([client.stop(), server.stop()])
  return { ...detected, ...counted }
}

const seconds = (millis: number | undefined) => (millis === undefined ? "" : (millis / 1000).toFixed(1))

export const measure = async (): Promise<string> => {
  const sections: Array<string> = []
  for (const scenario of Object.values<Scenario>(scenarios)) {
    const results = await Promise.all(candidates.map((candidate) => measureOne(candidate, scenario)))
    const rows = results.map(({ delays, maxInFlight, maxPerTenth, missed, refused, requests }, index) => {
      const sorted = delays.toSorted((a, b) => a - b)
      const at = (share: number) => seconds(sorted[Math.ceil(sorted.length * share) - 1])
      const counts = [requests, refused, maxInFlight, maxPerTenth].map(String)
      return [candidates[index]!, (requests / tickets).toFixed(1), ...counts, at(0.5), at(0.95), at(1), `${missed}`]
    })
    sections.push(
      `### ${scenario.title}\n\n` +
        table(
          [
            `${tickets.toLocaleString("en")} tickets, outcomes within ${spread / 1000} s`,
            "requests per outcome",
            "requests",
            "refused",
            "most in flight",
            "most in 0.1 s",
            "delay, median, s",
            "95 %",
            "most",
            "missed"
          ],
          rows
        )
    )
  }
  return sections.join("\n\n")
}
