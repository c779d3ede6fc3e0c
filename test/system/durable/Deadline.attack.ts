// Deadlines and `Retry-After` on real databases, which count whole seconds. Alone, because these tests measure time.
import { assert, describe, it } from "vitest"
import { startApi } from "./api.ts"
import { printFigures, sized } from "./sizes.ts"
import { sqlStores } from "./testStores.ts"
import { sleep, startWorkers, waitUntil } from "./workers.ts"

describe.for(sqlStores)("the tracker on $name", { concurrent: false }, ({ start }) => {
  it("reports a ticket as overdue once, at most a second late", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: [600_000, 600_000] })
    const deadline = 8000
    const ids = await api.addTickets(sized(200, 60))
    await using workers = await startWorkers(2, {
      role: "durable",
      store: testStore.store,
      baseUrl: api.baseUrl,
      ids,
      tracks: true,
      tracker: 32,
      deadline
    })
    await waitUntil(() => workers.events().length >= ids.length, { describe: workers.logs })
    await sleep(3000)
    const overdue = workers.events().filter(({ tag }) => tag === "TrackingOverdue")
    const trackedAt = workers.submittedAt()
    const late = overdue.map(({ at, ticketId = "" }) => at - (trackedAt.get(ticketId) ?? 0) - deadline)
    printFigures(`overdue on ${testStore.store.kind}`, {
      tickets: ids.length,
      "latest (ms)": Math.max(...late),
      "earliest (ms)": Math.min(...late)
    })
    assert.strictEqual(workers.events().length, ids.length)
    assert.strictEqual(new Set(overdue.map(({ ticketId }) => ticketId)).size, ids.length)
    assert.isAtMost(Math.max(...late), 1000)
    // The time of `track` is recorded a moment after it.
    assert.isAtLeast(Math.min(...late), -100)
  })

  it("sends nothing before the time of Retry-After", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: [12_000, 14_000] })
    const ids = await api.addTickets(sized(200, 60))
    await using workers = await startWorkers(1, {
      role: "durable",
      store: testStore.store,
      baseUrl: api.baseUrl,
      ids,
      tracks: true
    })
    await waitUntil(() => workers.submitted().length === ids.length, { describe: workers.logs })
    await sleep(2000)
    await api.set({ mode: "429", retryAfterSeconds: 6 })
    await sleep(5500)
    const { rejectedRequests, retrievesInPause } = await api.report()
    await api.set({ mode: "up" })
    await waitUntil(() => workers.events().length >= ids.length, { describe: workers.logs })
    printFigures(`Retry-After on ${testStore.store.kind}`, { rejectedRequests, retrievesInPause })
    assert.isAtLeast(rejectedRequests, 1)
    assert.isAtMost(rejectedRequests, 32)
    assert.strictEqual(retrievesInPause, 0)
  })
})
