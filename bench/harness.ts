// Candidates take turns, each in a process of its own, so that what disturbs the machine disturbs them all.
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Setting } from "./client.ts"

/** What a process is to be. */
export interface Role extends Partial<Omit<Setting, "fetch">> {
  readonly client: string
  /** Whether the application has switched on the JIT of Schema. */
  readonly isCompiled?: boolean
}

export interface Load {
  readonly id: string
  readonly calls: number
  readonly inFlight: number
}

/** Microseconds a call: of all threads of the process, and by the clock on the wall. */
export interface Cost {
  readonly cpu: number
  readonly wall: number
}

export interface Options {
  readonly rounds: number
}

/** A process that answers each message with one message. */
export const worker = async (name: string, role: unknown, execArgv: ReadonlyArray<string> = []) => {
  const child = fork(join(import.meta.dirname, "workers", `${name}.ts`), [JSON.stringify(role)], {
    execArgv: [...execArgv]
  })
  const exit = once(child, "exit")
  const gone = exit.then(() => {
    throw new Error(`the worker ${name} ${JSON.stringify(role)} has ended`)
  })
  const message = () => Promise.race([once(child, "message").then(([value]) => value as unknown), gone])
  gone.catch(() => {})
  await message()
  return {
    ask: async <Answer>(question: object): Promise<Answer> => {
      child.send(question)
      return (await message()) as Answer
    },
    stop: async () => {
      child.kill()
      await exit
    }
  }
}

/** Asks each of them in turn, as many times as there are rounds and some that do not count before. */
export const rounds = async <Answer>(
  candidates: ReadonlyMap<string, () => Promise<Answer>>,
  { rounds, warmUps = 8 }: Options & { readonly warmUps?: number }
): Promise<ReadonlyMap<string, ReadonlyArray<Answer>>> => {
  const answers = new Map([...candidates.keys()].map((name) => [name, new Array<Answer>()]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const [name, ask] of candidates) {
      const answer = await ask()
      if (round >= 0) answers.get(name)!.push(answer)
    }
  }
  return answers
}

export const median = (values: ReadonlyArray<number>): number => {
  const ascending = values.toSorted((a, b) => a - b)
  const middle = ascending.length / 2
  return (ascending[Math.ceil(middle) - 1]! + ascending[Math.floor(middle)]!) / 2
}

/** The median over the rounds of a figure that is made from two answers of the same round. */
export const between = <Answer>(
  ones: ReadonlyArray<Answer>,
  others: ReadonlyArray<Answer>,
  figure: (one: Answer, other: Answer) => number
): number => median(ones.map((one, round) => figure(one, others[round]!)))

export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")
