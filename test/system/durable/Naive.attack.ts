// The harness must be able to fail: a worker without the outbox creates tickets twice, and the comparison finds them.
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startApi } from "./api.ts"
import { compare } from "./compare.ts"
import { type Postgres, startPostgres } from "./postgres.ts"
import { hasPostgres, idsOf, printFigures, sized } from "./sizes.ts"
import { sleep, startWorkers, waitUntil } from "./workers.ts"

describe.runIf(hasPostgres)("a worker without the outbox", () => {
  let postgres: Postgres
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres[Symbol.asyncDispose]())

  it.for(["SIGTERM", "SIGKILL"] as const)("creates tickets twice after %s", async (signal) => {
    const ids = idsOf("naive", sized(500, 200))
    await using api = await startApi({ latency: [20, 60] })
    await using workers = await startWorkers(1, {
      role: "naive",
      store: { kind: "postgres", port: postgres.port, database: postgres.createDatabase() },
      baseUrl: api.baseUrl,
      ids
    })
    const accepted = () => new Set(workers.events().map(({ id }) => id)).size
    for (let round = 1; round <= 6; round++) {
      await waitUntil(() => accepted() > (round * ids.length) / 8, { describe: () => `round ${round}` })
      await workers.kill(0, signal)
      await workers.start(0)
    }
    await waitUntil(() => accepted() === ids.length, { describe: () => `${accepted()} accepted\n${workers.logs()}` })
    await sleep(500)
    const { doubled } = compare({ submitted: workers.submitted(), events: workers.events(), api: await api.report() })
    printFigures(`a worker without the outbox, ${signal}`, { submissions: ids.length, doubled: doubled.length })
    assert.isAtLeast(doubled.length, sized(10, 5))
  })
})
