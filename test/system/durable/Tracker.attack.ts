// The tracker under attack: each ticket ends with one outcome, whatever dies, and is polled when it is due.
import { assert, describe, it } from "vitest"
import { startApi } from "./api.ts"
import { compare } from "./compare.ts"
import { printFigures, sized } from "./sizes.ts"
import { lock } from "./stores.ts"
import { allStores } from "./testStores.ts"
import { sleep, startWorkers, waitUntil, webhookSecret, type Workers } from "./workers.ts"

const outcomesOf = (workers: Workers) => new Set(workers.events().map(({ ticketId }) => ticketId))

describe.for(allStores)("the tracker on $name", ({ start }) => {
  it("loses no outcome while processes are killed and webhooks arrive", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: sized([15_000, 45_000], [5000, 15_000]) })
    const count = sized(500, 120)
    const kills = sized(6, 3)
    const ids = await api.addTickets(count)
    await using workers = await startWorkers(2, {
      role: testStore.store.kind === "redis" ? "tracker" : "durable",
      store: testStore.store,
      baseUrl: api.baseUrl,
      ids,
      tracks: true,
      spacing: 2000,
      receivesWebhooks: true
    })
    const [first = "", second = ""] = workers.webhookUrls
    const third = ids.slice(0, count / 3)
    await api.deliver({ ticketIds: third.slice(0, count / 6), times: 1, url: first, secret: webhookSecret })
    await api.deliver({ ticketIds: third.slice(count / 6), times: 2, url: second, secret: webhookSecret })
    for (let kill = 0; kill < kills; kill++) {
      await sleep(500 + Math.random() * 1000)
      await workers.kill(kill % 2, "SIGKILL")
      await workers.start(kill % 2)
    }
    const isComplete = () => workers.submitted().length === count && outcomesOf(workers).size === count
    await waitUntil(isComplete, { describe: () => `${outcomesOf(workers).size} outcomes\n${workers.logs()}` })
    await sleep(lock.lockExpiration + 3000)
    for (const index of [0, 1]) await workers.kill(index, "SIGTERM")

    const report = await api.report()
    const superfluous = report.tickets.flatMap(({ polls, webhookAcknowledgedAt = Infinity }) =>
      polls.filter((at) => at > webhookAcknowledgedAt + 100)
    )
    const { contradictory, handledTwice } = compare({ submitted: [], events: workers.events(), api: report })
    const bySource = (source: string) => workers.events().filter((event) => event.source === source).length
    const pending = testStore.unsettled()
    printFigures(`tracked on ${testStore.store.kind}`, {
      tickets: count,
      kills,
      lost: ids.filter((id) => !outcomesOf(workers).has(id)).length,
      "by webhook": bySource("webhook"),
      "by poll": bySource("poll"),
      "handled twice": handledTwice.length,
      contradictory: contradictory.length,
      polls: report.tickets.reduce((sum, { polls }) => sum + polls.length, 0),
      "superfluous polls": superfluous.length,
      pending: pending.length
    })
    assert.deepStrictEqual(pending, [])
    assert.deepStrictEqual(contradictory, [])
    assert.isAtMost(handledTwice.length, 4 * kills)
    // On Redis, a webhook ends the polls of the process that received it.
    if (testStore.store.kind !== "redis") assert.isAtMost(superfluous.length, 20)
  })
})
