// When tickets are polled, on real databases, which count whole seconds. These tests measure time, and send little at a time.
import { assert, describe, it } from "vitest"
import { startApi } from "./api.ts"
import { isFull, printFigures, sized } from "./sizes.ts"
import { lock } from "./stores.ts"
import { allStores } from "./testStores.ts"
import { sleep, startWorkers, waitUntil, type Workers } from "./workers.ts"

const outcomesOf = (workers: Workers) => new Set(workers.events().map(({ ticketId }) => ticketId))

/** How late a poll or an event may be, in milliseconds. At the smaller size, other tests run at the same time. */
const tolerance = sized(1000, 3000)

/** The longest time between two polls of a ticket, until it was settled. */
const longestGap = (polls: ReadonlyArray<number>, settledAt: number) =>
  Math.max(0, ...polls.slice(1).map((at, index) => Math.min(at, settledAt) - (polls[index] ?? at)))

describe.for(allStores)("the tracker on $name", { concurrent: !isFull }, ({ start }) => {
  it("polls the tickets of a killed process after its lock has expired", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: sized([22_000, 25_000], [15_000, 17_000]) })
    const ids = await api.addTickets(sized(1000, 100))
    const spacing = sized(5000, 2000)
    await using workers = await startWorkers(3, {
      role: testStore.store.kind === "redis" ? "tracker" : "durable",
      store: testStore.store,
      baseUrl: api.baseUrl,
      ids,
      tracks: true,
      tracker: 32,
      spacing
    })
    await sleep(sized(8000, 4000))
    await workers.kill(2, "SIGKILL")
    await waitUntil(() => outcomesOf(workers).size >= workers.submitted().length, { describe: workers.logs })
    const { tickets } = await api.report()
    const gap = Math.max(...tickets.map(({ polls, settledAt }) => longestGap(polls, settledAt)))
    printFigures(`one of three processes killed, on ${testStore.store.kind}`, {
      tickets: ids.length,
      "longest gap (ms)": gap
    })
    assert.isAtMost(gap, lock.lockExpiration + spacing + tolerance)
  })

  it("reports a ticket as overdue once, at most a second late", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: [600_000, 600_000] })
    const deadline = 8000
    const ids = await api.addTickets(sized(200, 60))
    await using workers = await startWorkers(2, {
      role: testStore.store.kind === "redis" ? "tracker" : "durable",
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
    const lateBy = (bound: 0 | 1) =>
      overdue.map(({ at, ticketId = "" }) => at - (trackedAt.get(ticketId)?.[bound] ?? 0) - deadline)
    const latest = Math.max(...lateBy(1))
    const earliest = Math.min(...lateBy(0))
    printFigures(`overdue on ${testStore.store.kind}`, {
      tickets: ids.length,
      "latest (ms)": latest,
      "earliest (ms)": earliest
    })
    assert.strictEqual(workers.events().length, ids.length)
    assert.strictEqual(new Set(overdue.map(({ ticketId }) => ticketId)).size, ids.length)
    assert.isAtMost(latest, tolerance)
    assert.isAtLeast(earliest, 0)
  })

  it("sends nothing before the time of Retry-After", async () => {
    await using testStore = await start()
    await using api = await startApi({ pendingFor: [12_000, 14_000] })
    const ids = await api.addTickets(sized(200, 60))
    await using workers = await startWorkers(1, {
      role: testStore.store.kind === "redis" ? "tracker" : "durable",
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
