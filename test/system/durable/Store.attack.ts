// PostgreSQL fails under the workers: it is stopped, and connections to it are cut.
import { assert, describe, it } from "vitest"
import { attackSubmissions } from "./attack.ts"
import { startPostgres } from "./postgres.ts"
import { hasPostgres, idsOf, sized } from "./sizes.ts"
import { startTcpProxy } from "./tcpProxy.ts"
import { postgresStore } from "./testStores.ts"
import { sleep, waitUntil } from "./workers.ts"

describe.runIf(hasPostgres)("the outbox on PostgreSQL", () => {
  it("sends each ticket at most once while the database is stopped and connections are cut", async () => {
    await using postgres = await startPostgres()
    await using proxy = await startTcpProxy(postgres.port)
    const database = postgres.createDatabase()
    const testStore = postgresStore(postgres, database, proxy.port)
    const ids = idsOf("store", sized(500, 200))
    const steps = ["cut", "cut", "SIGINT", "cut", "cut", "SIGQUIT", "cut", "cut"] as const
    const { comparison, contents } = await attackSubmissions({
      title: "the database stopped twice, connections cut six times",
      testStore,
      ids,
      size: 2,
      disturb: async ({ accounted, workers }) => {
        for (const [index, step] of steps.entries()) {
          await waitUntil(() => accounted() >= ((index + 1) * ids.length) / (steps.length + 2), {
            describe: workers.logs
          })
          // After the step before, the workers may not have connected again yet.
          if (step === "cut") await waitUntil(() => proxy.cut() > 0, { describe: workers.logs })
          else {
            await postgres.stop(step)
            await sleep(2000)
            await postgres.start()
          }
        }
      }
    })
    assert.isAtMost(comparison.ambiguousByAttack.length, 1)
    assert.deepStrictEqual(contents.toSorted(), comparison.ambiguous.toSorted())
  })
})
