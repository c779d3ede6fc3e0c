// What the account gate costs a call that does not wait. Both candidates take turns in one process.
import { median, table, worker } from "../harness.ts"

/** Microseconds of CPU time of a call. */
export interface GateCost {
  readonly gated: number
  readonly ungated: number
}

export const measure = async (): Promise<string> => {
  const results: Array<GateCost> = []
  for (let run = 0; run < 3; run++) {
    const { send, stop } = await worker("gate", {})
    results.push(await send<GateCost>({}))
    await stop()
  }
  const gated = median(results.map((result) => result.gated))
  const ungated = median(results.map((result) => result.ungated))
  const cost = median(results.map((result) => result.gated - result.ungated))
  return table(
    ["µs CPU", "call"],
    [
      ["with the gate", gated.toFixed(2)],
      ["with a stub that permits everything", ungated.toFixed(2)],
      ["difference", cost.toFixed(2)]
    ]
  )
}
