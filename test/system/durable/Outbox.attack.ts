// The outbox under attack: whatever dies, each submission creates at most one ticket and is accounted for.
import { assert, describe, it } from "vitest"
import { attackSubmissions, type Target } from "./attack.ts"
import { idsOf, isFull, sized } from "./sizes.ts"
import { lock } from "./stores.ts"
import { sqlStores } from "./testStores.ts"
import { sleep, waitUntil } from "./workers.ts"

/** Kills the workers in turn, evenly spread over the submissions. */
const kills = (count: number, ids: ReadonlyArray<string>, signal: "SIGKILL" | "SIGTERM") => async (target: Target) => {
  for (let kill = 1; kill <= count; kill++) {
    await waitUntil(() => target.accounted() >= (kill * ids.length) / (count + 1), {
      describe: () => `kill ${kill} of ${count}\n${target.workers.logs()}`
    })
    await sleep(Math.random() * 100)
    await target.killAndStart(kill % target.workers.size, signal)
  }
}

/** The submissions that a worker has begun to send, or that the API has received, and whose result is not stored yet. */
const inFlight = async ({ api, testStore }: Target) => {
  const rows = testStore.query("SELECT id, element FROM ripio_queue WHERE queue_name = 'ripio:outbox'")
  const stored = new Set(rows.map(([id]) => id))
  const nextOf = (id: string) => id.replace(/\d+$/u, (number) => `${Number(number) + 1}`)
  const begun = rows.flatMap(([id = "", element = ""]) => (element.includes('"begun":') ? [id] : []))
  const received = (await api.report()).creates.map(({ marker }) => `${marker}#1`)
  return [...begun, ...received].filter((id) => !stored.has(nextOf(id)))
}

/** Kills the workers while the API refuses all requests. */
const killsIn =
  (mode: "429" | "503", count: number, ids: ReadonlyArray<string>, signal: "SIGKILL" | "SIGTERM") =>
  async (target: Target) => {
    const { accounted, api, killAndStart, workers } = target
    await waitUntil(() => accounted() >= ids.length / 5, { describe: workers.logs })
    await api.set({ mode, retryAfterSeconds: sized(30, 8) })
    // What was in flight before every worker had met it is not the subject.
    await sleep(500)
    await waitUntil(async () => (await inFlight(target)).length === 0, { describe: workers.logs })
    for (let kill = 0; kill < count; kill++) {
      await sleep(500 + Math.random() * 500)
      await killAndStart(kill % workers.size, signal)
    }
    await api.set({ mode: "up" })
  }

const processes = 2

/** How workers are killed while the API refuses all requests. Without `ATTACKS=full`, each runs on one store. */
const held = [
  { mode: "429", signal: "SIGTERM", store: "SQLite" },
  { mode: "429", signal: "SIGKILL", store: "PostgreSQL" },
  { mode: "503", signal: "SIGTERM", store: "PostgreSQL" },
  { mode: "503", signal: "SIGKILL", store: "SQLite" }
] as const

describe.for(sqlStores)("the outbox on $name", ({ name, start }) => {
  it("sends each ticket at most once while processes are killed and responses are lost", async () => {
    await using testStore = await start()
    const ids = idsOf("kill", sized(2000, 300))
    const count = sized(40, 8)
    const { comparison, contents } = await attackSubmissions({
      title: "kill -9",
      testStore,
      ids,
      size: processes,
      api: { cutRate: 0.05 },
      // The kills fall into the work.
      worker: { pace: sized(60, 40) },
      disturb: kills(count, ids, "SIGKILL")
    })
    assert.isAtMost(comparison.ambiguousByAttack.length, count * 8)
    assert.isAtMost(comparison.ambiguousNeverSent.length, 5)
    assert.deepStrictEqual(contents.toSorted(), comparison.ambiguous.toSorted())
  })

  it("leaves no doubt after SIGTERM", async () => {
    await using testStore = await start()
    const ids = idsOf("term", sized(500, 150))
    const { comparison, contents, exits } = await attackSubmissions({
      title: "SIGTERM",
      testStore,
      ids,
      size: processes,
      disturb: kills(sized(6, 3), ids, "SIGTERM")
    })
    assert.deepStrictEqual(comparison.ambiguous, [])
    assert.deepStrictEqual(contents, [])
    assert.isAtMost(Math.max(...exits), 20_000)
  })

  it.for(held.filter(({ store }) => isFull || store === name).map(({ mode, signal }) => [mode, signal] as const))(
    "leaves no doubt after the API responds with %s and %s",
    async ([mode, signal]) => {
      await using testStore = await start()
      const ids = idsOf("held", sized(500, 100))
      const { comparison, contents, exits } = await attackSubmissions({
        title: `${signal} while the API responds with ${mode}`,
        testStore,
        ids,
        size: processes,
        disturb: killsIn(mode, sized(6, 3), ids, signal)
      })
      assert.deepStrictEqual(comparison.ambiguousByAttack, [])
      assert.deepStrictEqual(contents.toSorted(), comparison.ambiguous.toSorted())
      assert.isAtMost(Math.max(...exits), 20_000)
    }
  )

  it("sends no ticket twice and holds none for ever after its worker was interrupted at random moments", async () => {
    await using testStore = await start()
    const ids = idsOf("interrupt", sized(1000, 200))
    const { comparison, contents } = await attackSubmissions({
      title: "interruptions",
      testStore,
      ids,
      size: 1,
      api: { latency: [1, 20] },
      worker: { interruptions: sized(1000, 150) },
      disturb: async () => {}
    })
    assert.deepStrictEqual(comparison.ambiguous, [])
    assert.deepStrictEqual(contents, [])
  })

  it("sends no ticket twice after a process was frozen for longer than its lock", async () => {
    await using testStore = await start()
    const ids = idsOf("freeze", sized(500, 150))
    const count = sized(6, 2)
    await attackSubmissions({
      title: "SIGSTOP",
      testStore,
      ids,
      size: processes,
      disturb: async ({ accounted, workers }) => {
        for (let freeze = 1; freeze <= count; freeze++) {
          await waitUntil(() => accounted() >= (freeze * ids.length) / (count + 2), { describe: workers.logs })
          await workers.freeze(freeze % processes, lock.lockExpiration + 2000)
        }
      }
    })
  })
})
