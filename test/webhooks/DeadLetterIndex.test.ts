/** Dead letters that are listed, counted and requeued, in memory and in SQL. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { InboxUnavailable, TicketInbox, TicketInboxLive, type TicketInboxOptions } from "../../src/index.ts"
import { eventually } from "../support/eventually.ts"
import { layer as sqlite } from "../support/sqlite.ts"
import { untyped } from "../support/untyped.ts"
import { numberedEvent, otherEvent } from "./fixtures.ts"
import { recordLog } from "./recordLog.ts"

const options: TicketInboxOptions = { maxAttempts: 2, retrySchedule: Schedule.spaced("1 millis") }

const sql = PersistedQueue.layerStoreSql({ pollInterval: 10 })
const inboxes = [
  { title: "in memory", layer: TicketInboxLive.layer(options) },
  {
    title: "in SQL",
    layer: TicketInboxLive.layerStore(options).pipe(Layer.provide(sql), Layer.provide(sqlite(":memory:")))
  },
  {
    title: "in a queue with a KeyValueStore",
    layer: TicketInboxLive.layerStore(options).pipe(
      Layer.provide(PersistedQueue.layerStoreMemory),
      Layer.provide(KeyValueStore.layerMemory)
    )
  }
]

/** Handles events, and fails on these. */
const handleExcept = Effect.fnUntraced(function* (poison: Set<string>) {
  const handled: Array<string> = []
  const inbox = yield* TicketInbox
  // Ends before the layer of the store does.
  yield* Effect.forkScoped(
    inbox.handle(({ dedupeKey }) =>
      poison.has(dedupeKey) ? Effect.fail("poison") : Effect.sync(() => handled.push(dedupeKey))
    )
  )
  return { inbox, handled }
})

const [first, second] = [numberedEvent(1), numberedEvent(2)]

for (const { layer, title } of inboxes) {
  const provide = <A, E>(test: Effect.Effect<A, E, TicketInbox | Scope.Scope>) =>
    test.pipe(Effect.scoped, Effect.provide(Layer.merge(Layer.fresh(layer), recordLog().layer)))

  describe(`dead letters ${title}`, () => {
    it.live("are listed and counted", () =>
      Effect.gen(function* () {
        const poison = new Set([first.dedupeKey, otherEvent.dedupeKey])
        const { handled, inbox } = yield* handleExcept(poison)
        assert.deepStrictEqual(yield* inbox.deadLetters, [])
        for (const event of [first, otherEvent, second]) yield* inbox.offer(event)
        yield* eventually(inbox.deadLetterCount, (count) => count === 2)
        yield* eventually(
          Effect.sync(() => handled.length),
          (count) => count === 1
        )
        const letters = yield* inbox.deadLetters
        assert.sameDeepMembers(
          letters.map(({ event }) => event),
          [first, otherEvent]
        )
        for (const { attempts, dedupeKey, event, failure } of letters) {
          assert.strictEqual(dedupeKey, event?.dedupeKey)
          assert.strictEqual(attempts, 2)
          assert.include(failure, "poison")
        }
      }).pipe(provide)
    )

    it.live("are handled again by requeueDeadLetter, from the first attempt", () =>
      Effect.gen(function* () {
        const poison = new Set([first.dedupeKey])
        const { handled, inbox } = yield* handleExcept(poison)
        yield* inbox.offer(first)
        yield* eventually(inbox.deadLetterCount, (count) => count === 1)
        // It fails again, as often as before.
        assert.isTrue(yield* inbox.requeueDeadLetter(first.dedupeKey))
        yield* eventually(inbox.deadLetters, ([letter]) => letter?.attempts === 2)
        poison.clear()
        assert.isTrue(yield* inbox.requeueDeadLetter(first.dedupeKey))
        yield* eventually(
          Effect.sync(() => handled.length),
          (count) => count === 1
        )
        assert.deepStrictEqual(handled, [first.dedupeKey])
        assert.strictEqual(yield* inbox.deadLetterCount, 0)
        assert.isFalse(yield* inbox.requeueDeadLetter(first.dedupeKey))
        assert.isFalse(yield* inbox.requeueDeadLetter("unknown"))
      }).pipe(provide)
    )

    it.live("are handled again if they are offered again, and are duplicates after that", () =>
      Effect.gen(function* () {
        const poison = new Set([first.dedupeKey])
        const { handled, inbox } = yield* handleExcept(poison)
        yield* inbox.offer(first)
        yield* eventually(inbox.deadLetterCount, (count) => count === 1)
        poison.clear()
        yield* inbox.offer(first)
        yield* inbox.offer(first)
        yield* inbox.offer(second)
        yield* eventually(
          Effect.sync(() => handled.length),
          (count) => count >= 2
        )
        assert.sameMembers(handled, [first.dedupeKey, second.dedupeKey])
        assert.strictEqual(yield* inbox.deadLetterCount, 0)
      }).pipe(provide)
    )

    it.live("are each passed to one of several callers of takeDeadLetter, and can be requeued by it", () =>
      Effect.gen(function* () {
        const poison = new Set([first.dedupeKey, second.dedupeKey])
        const { handled, inbox } = yield* handleExcept(poison)
        for (const event of [first, second]) yield* inbox.offer(event)
        const taken = yield* Effect.all(
          [1, 2].map(() =>
            inbox.takeDeadLetter(({ dedupeKey }) => {
              poison.delete(dedupeKey)
              return Effect.as(inbox.requeueDeadLetter(dedupeKey), dedupeKey)
            })
          ),
          { concurrency: "unbounded" }
        )
        assert.sameMembers(taken, [first.dedupeKey, second.dedupeKey])
        yield* eventually(
          Effect.sync(() => handled.length),
          (count) => count === 2
        )
        assert.strictEqual(yield* inbox.deadLetterCount, 0)
      }).pipe(provide)
    )
  })
}

describe("dead letters in a store that cannot list", () => {
  it.live("are passed to takeDeadLetter, and the other operations fail with what to do", () =>
    Effect.gen(function* () {
      const { inbox } = yield* handleExcept(new Set([first.dedupeKey]))
      yield* inbox.offer(first)
      assert.strictEqual(yield* inbox.takeDeadLetter(({ dedupeKey }) => Effect.succeed(dedupeKey)), first.dedupeKey)
      for (const operation of [inbox.deadLetters, inbox.deadLetterCount, inbox.requeueDeadLetter(first.dedupeKey)]) {
        const error = yield* Effect.flip<unknown, InboxUnavailable, never>(operation)
        assert.instanceOf(error, InboxUnavailable)
        assert.include(error.message, "KeyValueStore")
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.merge(
          TicketInboxLive.layerStore(options).pipe(Layer.provide(Layer.fresh(PersistedQueue.layerStoreMemory))),
          recordLog().layer
        )
      )
    )
  )
})

describe("a stored event that cannot be decoded", () => {
  const rows = [
    { id: "of a later version", element: { _tag: "TicketMerged", dedupeKey: "of a later version" } },
    { id: "without a time", element: { ...numberedEvent(1), issuedAt: undefined } },
    { id: "a text", element: "text" },
    { id: "null", element: null }
  ]

  it.live("becomes a dead letter with an error in the log, and can be requeued", () => {
    const log = recordLog()
    return Effect.gen(function* () {
      const store = yield* PersistedQueue.PersistedQueueStore
      for (const row of rows) yield* store.offer({ ...row, name: "ripio-webhooks", isCustomId: true })
      const { handled, inbox } = yield* handleExcept(new Set())
      yield* inbox.offer(second)
      yield* eventually(inbox.deadLetterCount, (count) => count === rows.length)
      yield* eventually(
        Effect.sync(() => handled.length),
        (count) => count === 1
      )
      const letters = yield* inbox.deadLetters
      assert.deepStrictEqual(
        letters.map(({ event }) => event),
        rows.map(() => undefined)
      )
      assert.sameMembers(
        letters.map(({ dedupeKey }) => dedupeKey),
        ["of a later version", numberedEvent(1).dedupeKey, "a text", "null"]
      )
      assert.sameDeepMembers(
        letters.map(({ stored }) => stored),
        rows.map(({ element }) => JSON.parse(JSON.stringify(element)) as unknown)
      )
      const errors = log.lines.filter((line) => line.startsWith("Error"))
      assert.strictEqual(errors.length, rows.length)
      for (const line of errors) assert.include(line, "cannot be decoded")
      // A version that still cannot decode it makes it a dead letter again.
      assert.isTrue(yield* inbox.requeueDeadLetter("of a later version"))
      yield* eventually(
        Effect.sync(() => log.lines.filter((line) => line.startsWith("Error")).length),
        (count) => count === rows.length + 1
      )
      assert.strictEqual(yield* inbox.deadLetterCount, rows.length)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        TicketInboxLive.layerStore().pipe(
          Layer.provideMerge(sql),
          Layer.provideMerge(sqlite(":memory:")),
          Layer.merge(log.layer)
        )
      )
    )
  })

  it.live("is in the list even if the dead letter itself cannot be decoded", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const client = yield* SqlClient.SqlClient
      for (const [key, text] of [
        ["broken JSON", "{"],
        ["another shape", "[]"]
      ] as const) {
        const id = `ripio-webhooks:${key}`
        yield* client`INSERT INTO ripio_dead_letters (id, value, value_type) VALUES (${id}, ${Buffer.from(text)}, 0)`
      }
      const letters = yield* inbox.deadLetters
      assert.sameDeepMembers(
        letters.map(({ dedupeKey, stored }) => ({ dedupeKey, stored })),
        [
          { dedupeKey: "broken JSON", stored: "{" },
          { dedupeKey: "another shape", stored: [] }
        ]
      )
    }).pipe(
      Effect.provide(TicketInboxLive.layerStore().pipe(Layer.provide(sql), Layer.provideMerge(sqlite(":memory:"))))
    )
  )

  it.live("is not made by an offer of something else: that fails with InboxUnavailable", () =>
    Effect.gen(function* () {
      for (const event of [
        undefined,
        null,
        {},
        "text",
        { ...first, dedupeKey: undefined },
        { ...first, issuedAt: 1 }
      ]) {
        assert.instanceOf(yield* Effect.flip(TicketInbox.offer(untyped(event))), InboxUnavailable)
      }
    }).pipe(Effect.provide(TicketInboxLive.layer()))
  )
})
