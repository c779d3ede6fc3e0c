import { assert } from "vitest"
import { type Api, type ApiReport, type ApiSettings, startApi } from "./api.ts"
import { compare, type Comparison } from "./compare.ts"
import { printFigures } from "./sizes.ts"
import { lock } from "./stores.ts"
import type { SqlTestStore } from "./testStores.ts"
import { sleep, startWorkers, waitUntil, type WorkerOptions, type Workers } from "./workers.ts"

/** What an attack acts on. */
export interface Target {
  readonly testStore: SqlTestStore
  readonly api: Api
  readonly workers: Workers
  /** The number of submissions with a final event. */
  readonly accounted: () => number
  /** Kills a worker and starts it again. */
  readonly killAndStart: (index: number, signal: "SIGKILL" | "SIGTERM") => Promise<void>
  /** How long each worker took to exit after `SIGTERM`, in milliseconds. */
  readonly exits: Array<number>
}

export interface Attack {
  readonly title: string
  readonly testStore: SqlTestStore
  readonly ids: ReadonlyArray<string>
  readonly size: number
  readonly api?: Partial<ApiSettings>
  readonly worker?: Partial<WorkerOptions>
  /** Runs while the workers send. It leaves all workers running, and the API in service. */
  readonly disturb: (target: Target) => Promise<void>
}

export interface Result {
  readonly comparison: Comparison
  readonly report: ApiReport
  /** The submissions whose content is still stored. */
  readonly contents: ReadonlyArray<string>
  /** The rows that are not settled. */
  readonly pending: ReadonlyArray<string>
  readonly exits: ReadonlyArray<number>
}

/** The ids in the keys of the contents: `<name>:<hash>:<chunk>:<id>`. */
export const storedContents = (testStore: SqlTestStore) => [
  ...new Set(
    testStore
      .query("SELECT id FROM ripio_contents")
      .flatMap(([key = ""]) => (key === "ripio:closed-times" ? [] : [key.split(":").slice(3).join(":")]))
  )
]

/** Submits tickets, disturbs the workers, waits until everything is settled, and compares. */
export const attackSubmissions = async (attack: Attack): Promise<Result> => {
  const { disturb, ids, size, testStore, title } = attack
  await using api = await startApi({ latency: [20, 60], pendingFor: [0, 3000], ...attack.api })
  await using workers = await startWorkers(size, {
    role: "durable",
    store: testStore.store,
    baseUrl: api.baseUrl,
    ids,
    ...attack.worker
  })
  const observed = async () => ({
    submitted: workers.submitted(),
    events: workers.events(),
    api: await api.report()
  })
  const accounted = () => {
    const final = workers
      .events()
      .flatMap(({ id, tag }) => (tag.startsWith("Submission") && id !== undefined ? [id] : []))
    return new Set(final).size
  }
  const exits: Array<number> = []
  const stop = async (index: number, signal: "SIGKILL" | "SIGTERM") => {
    const exit = await workers.kill(index, signal)
    if (signal === "SIGTERM") exits.push(exit)
  }
  await disturb({
    testStore,
    api,
    workers,
    accounted,
    exits,
    killAndStart: async (index, signal) => {
      await stop(index, signal)
      await workers.start(index)
    }
  })

  const describe = () => `${accounted()} of ${ids.length} submissions\n${workers.logs()}`
  await waitUntil(() => accounted() >= ids.length, { describe })
  await waitUntil(async () => compare(await observed()).lost.length === 0, { describe })
  // What a killed process held is claimed again after its lock has expired.
  await sleep(lock.lockExpiration + 3000)
  for (let index = 0; index < size; index++) await stop(index, "SIGTERM")

  const comparison = compare(await observed())
  const report = await api.report()
  const contents = storedContents(testStore)
  const pending = testStore.unsettled()
  printFigures(`${title} on ${testStore.store.kind}`, {
    submissions: ids.length,
    ...Object.fromEntries(
      Object.entries(comparison).map(([name, found]: [string, ReadonlyArray<string>]) => [name, found.length])
    ),
    contents: contents.length,
    pending: pending.length,
    "longest exit (ms)": Math.max(...exits)
  })
  assert.deepStrictEqual(pending, [], "rows that are not settled")
  assert.deepStrictEqual(comparison.doubled, [], "doubled")
  assert.deepStrictEqual(comparison.unaccounted, [], "unaccounted")
  assert.deepStrictEqual(comparison.lost, [], "lost")
  assert.deepStrictEqual(comparison.contradictory, [], "contradictory")
  assert.deepStrictEqual(comparison.handledTwice.length <= 4 * 40, true)
  return { comparison, report, contents, pending, exits }
}
