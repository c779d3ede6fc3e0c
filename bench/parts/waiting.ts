// What it costs to wait for many tickets at once.
import { median, type Options, rounds, table, worker } from "../harness.ts"

export interface Waiting {
  /** Of heap, for each ticket. */
  readonly bytes: number
  /** Of CPU, for each poll. */
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
  const ask = async (candidate: string) => {
    const { ask, stop } = await worker("waiting", { candidate, every, tickets }, ["--expose-gc"])
    const waiting = await ask<Waiting>({})
    await stop()
    return waiting
  }
  // Each takes 10 s, and the heap hardly differs from one round to the next.
  const few = { rounds: Math.min(3, options.rounds), warmUps: 0 }
  const answers = await rounds(new Map(candidates.map((name) => [name, () => ask(name)])), few)
  return table(
    [`${tickets.toLocaleString("en")} tickets, a poll every ${every / 1000} s`, "bytes a ticket", "µs a poll"],
    candidates.map((name) => [
      name,
      median(answers.get(name)!.map(({ bytes }) => bytes)).toFixed(0),
      median(answers.get(name)!.map(({ micros }) => micros)).toFixed(1)
    ])
  )
}
