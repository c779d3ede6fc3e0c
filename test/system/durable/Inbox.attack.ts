// The inbox on each store: events are received twice, by two processes that are killed while they handle them.
import { assert, describe, it } from "vitest"
import { startApi } from "./api.ts"
import { printFigures, sized } from "./sizes.ts"
import { lock, type Store } from "./stores.ts"
import { allStores, type TestStore } from "./testStores.ts"
import { sleep, startWorkers, waitUntil, webhookSecret } from "./workers.ts"

const attack = async (store: Store) => {
  await using api = await startApi({ pendingFor: [0, 3000], failureRate: 0.1 })
  await using workers = await startWorkers(2, { role: "inbox", store, baseUrl: api.baseUrl, receivesWebhooks: true })
  const ticketIds = await api.addTickets(sized(1000, 200))
  const { tickets } = await api.report()
  const idsWith = (outcome: string) =>
    tickets.flatMap((ticket) => (ticket.outcome === outcome ? [ticket.ticketId] : [])).toSorted()
  await Promise.all(
    workers.webhookUrls.map((url, index) =>
      api.deliver({
        ticketIds: ticketIds.filter((_, position) => position % workers.size === index),
        times: 2,
        url,
        secret: webhookSecret
      })
    )
  )
  const ticketsOf = (tag: string) =>
    workers.events().flatMap((event) => (event.tag === tag && event.ticketId !== undefined ? [event.ticketId] : []))

  const kills = 6
  for (let kill = 0; kill < kills; kill++) {
    await sleep(200 + Math.random() * 400)
    await workers.kill(kill % workers.size, "SIGKILL")
    await workers.start(kill % workers.size)
  }
  // A process that is killed after it has added a dead letter leaves the event to another one, which adds it again. So they
  // are read when each lock has expired: until then, the second one replaces the first.
  await sleep(lock.lockExpiration + 3000)
  await workers.kill(0, "SIGTERM")
  await workers.start(0, { readsDeadLetters: true })

  const isComplete = () =>
    new Set(ticketsOf("TicketCreated")).size >= idsWith("CREATED").length &&
    new Set(ticketsOf("DeadLetter")).size >= idsWith("FAILED").length
  await waitUntil(isComplete, { describe: workers.logs })
  await waitUntil(async () => (await api.report()).tickets.every((ticket) => ticket.webhooksAcknowledged === 2), {
    describe: workers.logs
  })
  // An event that a killed process held is handled again after its lock has expired.
  await sleep(6000)

  const handled = ticketsOf("TicketCreated")
  const twice = handled.length - new Set(handled).size
  printFigures(`the inbox on ${store.kind}`, {
    events: tickets.length,
    kills,
    lost: tickets.length - new Set([...handled, ...ticketsOf("DeadLetter")]).size,
    "handled twice": twice,
    "dead letters": ticketsOf("DeadLetter").length
  })
  assert.deepStrictEqual([...new Set(handled)].toSorted(), idsWith("CREATED"))
  assert.deepStrictEqual(ticketsOf("DeadLetter").toSorted(), idsWith("FAILED"))
  assert.isAtMost(twice, kills * 4)
}

/** A row that a later version has written, or that was damaged. */
const attackWithUnreadableRow = async ({ insert, store }: TestStore) => {
  await using api = await startApi({ failureRate: 0 })
  // The first start creates the queue.
  await using workers = await startWorkers(1, { role: "inbox", store, baseUrl: api.baseUrl, receivesWebhooks: true })
  insert({
    table: "effect_queue",
    queue: "ripio-webhooks",
    id: "a-row",
    element: JSON.stringify({ _tag: "NotYetKnown", dedupeKey: "from-the-future" })
  })
  await workers.kill(0, "SIGTERM")
  await workers.start(0, { readsDeadLetters: true })

  const [ticketId = ""] = await api.addTickets(1)
  await api.deliver({ ticketIds: [ticketId], times: 1, url: workers.webhookUrls[0] ?? "", secret: webhookSecret })
  await waitUntil(() => workers.events().length === 2, { describe: workers.logs })
  await sleep(2000)
  assert.deepStrictEqual(
    workers
      .events()
      .filter(({ tag }) => tag === "DeadLetter")
      .map(({ dedupeKey }) => dedupeKey),
    ["from-the-future"]
  )
  assert.strictEqual(workers.events().length, 2)
  assert.match(workers.log(), /from-the-future is a dead letter .* cannot be decoded/u)
}

describe.for(allStores)("the inbox on $name", ({ start }) => {
  it("loses no event and adds each dead letter once, while processes are killed", async () => {
    await using testStore = await start()
    await attack(testStore.store)
  })

  it("adds a row that it cannot decode to the dead letters, with a log", async () => {
    await using testStore = await start()
    await attackWithUnreadableRow(testStore)
  })
})
