// Each candidate runs in a separate process. The candidates alternate, so that other load on the machine affects all of
// them.
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Setting } from "./client.ts"

/** The configuration of a worker process. */
export interface Role extends Partial<Omit<Setting, "fetch">> {
  readonly client: string
  /** Whether the JIT compiler of Schema is enabled. */
  readonly isCompiled?: boolean
}

export interface Load {
  readonly id: string
  readonly calls: number
  readonly inFlight: number
}

/** Microseconds per call: CPU time of all threads of the process, and wall-clock time. */
export interface Cost {
  readonly cpu: number
  readonly wall: number
}

export interface Options {
  readonly rounds: number
}

/** Starts a process that responds to each message with one message. */
export const worker = async (name: string, role: unknown, execArgv: ReadonlyArray<string> = []) => {
  const child = fork(join(import.meta.dirname, "workers", `${name}.ts`), [JSON.stringify(role)], {
    execArgv: [...execArgv]
  })
  const exit = once(child, "exit")
  const exited = exit.then(() => {
    throw new Error(`The worker ${name} ${JSON.stringify(role)} exited.`)
  })
  const message = () => Promise.race([once(child, "message").then(([value]) => value as unknown), exited])
  exited.catch(() => {})
  await message()
  return {
    send: async <Result>(load: object): Promise<Result> => {
      child.send(load)
      return (await message()) as Result
    },
    stop: async () => {
      child.kill()
      await exit
    }
  }
}

/** Measures each candidate once per round. The results of the warm-up rounds are dropped. */
export const measureRounds = async <Result>(
  candidates: ReadonlyMap<string, () => Promise<Result>>,
  { rounds, warmUps = 8 }: Options & { readonly warmUps?: number }
): Promise<ReadonlyMap<string, ReadonlyArray<Result>>> => {
  const results = new Map([...candidates.keys()].map((name) => [name, new Array<Result>()]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const [name, measure] of candidates) {
      const result = await measure()
      if (round >= 0) results.get(name)!.push(result)
    }
  }
  return results
}

export const median = (values: ReadonlyArray<number>): number => {
  const ascending = values.toSorted((a, b) => a - b)
  const middle = ascending.length / 2
  return (ascending[Math.ceil(middle) - 1]! + ascending[Math.floor(middle)]!) / 2
}

/** Compares two candidates in each round, and returns the median over the rounds. */
export const medianOfPairs = <Result>(
  ones: ReadonlyArray<Result>,
  others: ReadonlyArray<Result>,
  compare: (one: Result, other: Result) => number
): number => median(ones.map((one, round) => compare(one, others[round]!)))

export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")
