// The cost of waiting for many tickets at the same time.
import { median, type Options, measureRounds, table, worker } from "../harness.ts"

export interface Waiting {
  /** Heap per ticket. */
  readonly bytes: number
  /** CPU time per poll. */
  readonly micros: number
}

const tickets = 100_000
const every = 2000

const candidates = [
  "a loop of promises",
  "a loop with Effect.sleep",
  "Effect.repeat(Schedule.spaced)",
  "retrieve in a loop with Effect.sleep",
  "awaitOutcome"
]

export const measure = async (options: Options): Promise<string> => {
  const measureOne = async (candidate: string) => {
    const { send, stop } = await worker("waiting", { candidate, every, tickets }, ["--expose-gc"])
    const waiting = await send<Waiting>({})
    await stop()
    return waiting
  }
  // A measurement takes 10 s, and its heap varies little between rounds.
  const few = { rounds: Math.min(3, options.rounds), warmUps: 0 }
  const results = await measureRounds(new Map(candidates.map((name) => [name, () => measureOne(name)])), few)
  return table(
    [`${tickets.toLocaleString("en")} tickets, a poll every ${every / 1000} s`, "bytes a ticket", "µs a poll"],
    candidates.map((name) => [
      name,
      median(results.get(name)!.map(({ bytes }) => bytes)).toFixed(0),
      median(results.get(name)!.map(({ micros }) => micros)).toFixed(1)
    ])
  )
}
