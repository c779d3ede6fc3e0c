/** Dead letters that several callers, processes or accounts use at the same time. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as TestClock from "effect/testing/TestClock"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { TicketInbox, TicketInboxLive, type TicketInboxOptions } from "../../src/index.ts"
import { eventually } from "../support/eventually.ts"
import { Idle } from "../support/Idle.ts"
import { numberedEvent, otherEvent } from "./fixtures.ts"
import { recordLog } from "./recordLog.ts"

const event = numberedEvent(1)
const { dedupeKey } = event

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

/** A store whose operations take time, as in a database. `removing` runs before each removal. */
const slowKeyValueStore = (removing: Effect.Effect<void> = Effect.void) =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(KeyValueStore.KeyValueStore, (store) => ({
      ...store,
      get: (key: string) => Effect.delay(store.get(key), "10 millis"),
      set: (key: string, value: string | Uint8Array) => Effect.delay(store.set(key, value), "10 millis"),
      remove: (key: string) => Effect.andThen(Effect.delay(removing, "10 millis"), store.remove(key))
    }))
  ).pipe(Layer.provide(Layer.fresh(KeyValueStore.layerMemory)))

const stores = (keyValueStore: Layer.Layer<KeyValueStore.KeyValueStore>) =>
  Layer.mergeAll(Layer.fresh(PersistedQueue.layerStoreMemory), keyValueStore, recordLog().layer)

/** The inbox of one process. */
const makeInbox = (options?: TicketInboxOptions) =>
  Effect.map(Layer.build(Layer.fresh(TicketInboxLive.layerStore({ maxAttempts: 1, ...options }))), (context) =>
    Context.get(context, TicketInbox)
  )

const idleFor = (duration: "1 second" | "1 minute") => Effect.andThen(Idle.await, TestClock.adjust(duration))

const concurrently = Effect.fnUntraced(function* (effects: ReadonlyArray<Effect.Effect<unknown, unknown>>) {
  const fiber = yield* Effect.forkChild(Effect.all(effects, { concurrency: "unbounded" }))
  // Each operation of the slow store is a turn.
  for (let turn = 0; turn < 10; turn++) yield* idleFor("1 second")
  yield* Fiber.join(fiber)
})

/** Two processes on one store, one of which handles the events: fails on all of them until `fix`. */
const twoProcesses = Effect.gen(function* () {
  const [inbox, other] = [yield* makeInbox(), yield* makeInbox()]
  const handled: Array<string> = []
  let isBroken = true
  const handle = (target: TicketInbox["Service"]) =>
    Effect.forkChild(
      target.handle((event) =>
        Effect.suspend(() => (isBroken ? Effect.fail("poison") : Effect.sync(() => handled.push(event.dedupeKey))))
      )
    )
  yield* handle(inbox)
  yield* concurrently([inbox.offer(event)])
  return { inbox, other, handled, fix: () => (isBroken = false) }
})

describe("a dead letter is handled once", () => {
  type Inbox = TicketInbox["Service"]
  const offer = (inbox: Inbox) => inbox.offer(event)
  const requeue = (inbox: Inbox) => inbox.requeueDeadLetter(dedupeKey)
  for (const { calls, title } of [
    { title: "three concurrent redeliveries", calls: [offer, offer, offer] },
    { title: "three concurrent calls of requeueDeadLetter", calls: [requeue, requeue, requeue] },
    { title: "a redelivery and requeueDeadLetter", calls: [offer, requeue] }
  ]) {
    for (const processes of ["one process", "two processes"]) {
      it.effect(`after ${title}, in ${processes}`, () =>
        Effect.gen(function* () {
          const { fix, handled, inbox, other } = yield* twoProcesses
          assert.strictEqual(yield* inbox.deadLetterCount, 1)
          fix()
          yield* concurrently(
            calls.map((call, index) => call(processes === "two processes" && index > 0 ? other : inbox))
          )
          assert.deepStrictEqual(handled, [dedupeKey])
          assert.strictEqual(yield* inbox.deadLetterCount, 0)
          // A later redelivery is a duplicate.
          yield* concurrently([offer(inbox), offer(other)])
          assert.deepStrictEqual(handled, [dedupeKey])
        }).pipe(Effect.scoped, Effect.provide(stores(slowKeyValueStore())), Effect.provide(Idle.layer))
      )
    }
  }

  it.effect("and is requeued as often as it fails", () =>
    Effect.gen(function* () {
      const { fix, handled, inbox } = yield* twoProcesses
      for (let time = 0; time < 3; time++) {
        yield* concurrently([requeue(inbox), requeue(inbox)])
        assert.strictEqual(yield* inbox.deadLetterCount, 1)
      }
      fix()
      yield* concurrently([requeue(inbox), offer(inbox)])
      assert.deepStrictEqual(handled, [dedupeKey])
    }).pipe(Effect.scoped, Effect.provide(stores(slowKeyValueStore())), Effect.provide(Idle.layer))
  )
})

describe("a dead letter that fails again", () => {
  it.effect("stays if the event fails before the requeue has ended", () =>
    Effect.gen(function* () {
      const { inbox } = yield* twoProcesses
      yield* concurrently([inbox.requeueDeadLetter(dedupeKey)])
      assert.strictEqual(yield* inbox.deadLetterCount, 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(stores(slowKeyValueStore(Effect.sleep("1 second")))),
      Effect.provide(Idle.layer)
    )
  )

  it.effect("stays if it fails before the takeDeadLetter that requeued it has ended", () =>
    Effect.gen(function* () {
      const { inbox } = yield* twoProcesses
      yield* concurrently([
        inbox
          .takeDeadLetter((letter) => Effect.delay(inbox.requeueDeadLetter(letter.dedupeKey), 0))
          .pipe(Effect.andThen(Effect.void))
      ])
      assert.strictEqual(yield* inbox.deadLetterCount, 1)
    }).pipe(Effect.scoped, Effect.provide(stores(slowKeyValueStore())), Effect.provide(Idle.layer))
  )
})

describe("the key of a dead letter in the store", () => {
  const longKey = `SUPPORT_TICKET.CREATED:${"x".repeat(232)}`
  const cases = [
    { title: "a key of 255 characters", name: "ripio-webhooks", key: longKey },
    { title: "a name of 255 characters", name: "n".repeat(255), key: dedupeKey },
    { title: "both", name: "n".repeat(255), key: longKey },
    { title: "characters that a file name escapes", name: "ñ".repeat(50), key: "ñ".repeat(100) }
  ]
  for (const { key, name, title } of cases) {
    it.effect(`has at most 191 characters, as MySQL requires: ${title}`, () =>
      Effect.gen(function* () {
        const inbox = yield* makeInbox({ name })
        yield* Effect.forkChild(inbox.handle(() => Effect.fail("poison")))
        yield* inbox.offer({ ...otherEvent, dedupeKey: key })
        yield* eventually(inbox.deadLetterCount, (count) => count === 1)
        const storeKeys = yield* Effect.flatMap(KeyValueStore.KeyValueStore, ({ keys }) => keys)
        assert.strictEqual(storeKeys.length, 1)
        for (const storeKey of storeKeys) {
          assert.isAtMost(storeKey.length, 191)
          assert.isAtMost(encodeURIComponent(storeKey).length, 255)
        }
        assert.deepStrictEqual(
          (yield* inbox.deadLetters).map((letter) => letter.dedupeKey),
          [key]
        )
        assert.isFalse(yield* inbox.requeueDeadLetter(`${key}y`))
        assert.isTrue(yield* inbox.requeueDeadLetter(key))
        yield* eventually(inbox.deadLetterCount, (count) => count === 1)
        assert.strictEqual(yield* inbox.takeDeadLetter((letter) => Effect.succeed(letter.dedupeKey)), key)
        assert.strictEqual(yield* inbox.deadLetterCount, 0)
      }).pipe(Effect.scoped, Effect.provide(stores(Layer.fresh(KeyValueStore.layerMemory))), Effect.provide(Idle.layer))
    )
  }

  for (const [one, another] of [
    ["a", "a:b"],
    ["a", "a:"],
    ["a:b", "a:b:c"],
    ["a%3Ab", "a:b"]
  ] as const) {
    it.effect(`differs for the inboxes ${one} and ${another}, which see only their own dead letters`, () =>
      Effect.gen(function* () {
        const [first, second] = [yield* makeInbox({ name: one }), yield* makeInbox({ name: another })]
        for (const inbox of [first, second]) yield* Effect.forkChild(inbox.handle(() => Effect.fail("poison")))
        yield* second.offer({ ...otherEvent, dedupeKey: "b:key" })
        yield* second.offer(event)
        yield* eventually(second.deadLetterCount, (count) => count === 2)
        assert.deepStrictEqual(yield* first.deadLetters, [])
        assert.strictEqual(yield* first.deadLetterCount, 0)
        const taking = yield* Effect.forkChild(first.takeDeadLetter(Effect.succeed))
        yield* idleFor("1 minute")
        assert.isUndefined(taking.pollUnsafe())
        assert.strictEqual(yield* second.deadLetterCount, 2)
      }).pipe(Effect.scoped, Effect.provide(stores(Layer.fresh(KeyValueStore.layerMemory))), Effect.provide(Idle.layer))
    )
  }
})

describe("takeDeadLetter", () => {
  it.effect("forgets keys that failed and that another process has removed", () =>
    Effect.gen(function* () {
      const inbox = yield* makeInbox()
      const store = yield* KeyValueStore.KeyValueStore
      const heap = () => {
        collectGarbage()
        return process.memoryUsage().heapUsed
      }
      const before = heap()
      for (let number = 0; number < 100; number++) {
        const key = `ripio-webhooks:${String(number).padEnd(300_000).split("").join("")}`
        yield* store.set(key, "{}")
        const taking = yield* Effect.forkChild(Effect.flip(inbox.takeDeadLetter(() => Effect.fail("still poison"))))
        yield* idleFor("1 second")
        assert.strictEqual(yield* Fiber.join(taking), "still poison")
        yield* store.remove(key)
        yield* TestClock.adjust("1 second")
      }
      assert.isBelow(heap() - before, 10_000_000)
    }).pipe(Effect.scoped, Effect.provide(stores(Layer.fresh(KeyValueStore.layerMemory))), Effect.provide(Idle.layer))
  )
})

describe("a last attempt whose failure could not be stored", () => {
  it.effect("is logged, and the dead letter says what is known", () => {
    const log = recordLog()
    return Effect.gen(function* () {
      let isDown = true
      const store = yield* KeyValueStore.KeyValueStore
      const sometimes: KeyValueStore.KeyValueStore = {
        ...store,
        set: (key, value) =>
          Effect.suspend(() =>
            isDown
              ? Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "set", message: "the disk is full" }))
              : store.set(key, value)
          )
      }
      const inbox = yield* Effect.provideService(makeInbox({ maxAttempts: 2 }), KeyValueStore.KeyValueStore, sometimes)
      const started = yield* Deferred.make<void>()
      let attempts = 0
      yield* Effect.forkChild(
        inbox.handle(() =>
          Effect.andThen(
            Effect.sync(() => attempts++),
            Effect.andThen(Deferred.succeed(started, undefined), Effect.fail("poison"))
          )
        )
      )
      yield* inbox.offer(event)
      yield* Deferred.await(started)
      yield* idleFor("1 minute")
      isDown = false
      yield* TestClock.adjust("10 minutes")
      const [letter] = yield* inbox.deadLetters
      assert.strictEqual(attempts, 2)
      assert.strictEqual(letter?.attempts, 2)
      assert.include(letter?.failure, "the failure of the last attempt was not stored")
      assert.include(letter?.failure, "dead letters could not be stored")
      assert.isTrue(
        log.lines.includes(
          `Warn Attempt 2 of 2 to handle ${dedupeKey} failed, and its dead letter cannot be stored yet`
        ),
        log.lines.join("\n")
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.mergeAll(Layer.fresh(PersistedQueue.layerStoreMemory), Layer.fresh(KeyValueStore.layerMemory), log.layer)
      ),
      Effect.provide(Idle.layer)
    )
  })
})
