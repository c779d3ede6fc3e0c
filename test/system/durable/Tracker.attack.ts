// The tracker under attack: each ticket ends with one outcome, whatever dies, and is polled when it is due.
import { assert, describe, it } from "vitest"
import { pendingRows } from "./attack.ts"
import { startApi } from "./api.ts"
import { compare } from "./compare.ts"
import { printFigures, sized } from "./sizes.ts"
import { lock } from "./stores.ts"
import { sqlStores } from "./testStores.ts"
import { sleep, startWorkers, waitUntil, webhookSecret, type Workers } from "./workers.ts"

const outcomesOf = (workers: Workers) => new Set(workers.events().map(({ ticketId }) => ticketId))

/** The longest time between two polls of a ticket, until it was settled. */
const longestGap = (polls: ReadonlyArray<number>, settledAt: number) =>
  Math.max(0, ...polls.slice(1).map((at, index) => Math.min(at, settledAt) - (polls[index] ?? at)))

describe.for(sqlStores)("the tracker on $name", ({ start }) => {
  it("loses no outcome while processes are killed and webhooks arrive", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: sized([5000, 25_000], [5000, 15_000]) })
    const count = sized(500, 120)
    const kills = sized(6, 3)
    const ids = await api.addTickets(count)
    await using workers = await startWorkers(2, {
      role: "durable",
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
    const pending = pendingRows(testStore)
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
    assert.isAtMost(superfluous.length, 20)
  })

  it("polls the tickets of a killed process after its lock has expired", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: [25_000, 30_000] })
    const ids = await api.addTickets(sized(1000, 150))
    const spacing = sized(5000, 2000)
    await using workers = await startWorkers(3, {
      role: "durable",
      store: testStore.store,
      baseUrl: api.baseUrl,
      ids,
      tracks: true,
      tracker: 32,
      spacing
    })
    await sleep(8000)
    await workers.kill(2, "SIGKILL")
    await waitUntil(() => outcomesOf(workers).size >= workers.submitted().length, { describe: workers.logs })
    const { tickets } = await api.report()
    const gap = Math.max(...tickets.map(({ polls, settledAt }) => longestGap(polls, settledAt)))
    printFigures(`one of three processes killed, on ${testStore.store.kind}`, {
      tickets: ids.length,
      "longest gap (ms)": gap
    })
    assert.isAtMost(gap, lock.lockExpiration + spacing + 1000)
  })
})
