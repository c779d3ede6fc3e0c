import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { TicketInbox, TicketInboxLive } from "../../src/index.ts"
import { Idle } from "../support/Idle.ts"
import { numberedEvent } from "./fixtures.ts"
import { handleInBackground, layerSqlite } from "./inbox.ts"
import { recordLog } from "./recordLog.ts"

const { dedupeKey } = numberedEvent(1)
const failingOnFirst = handleInBackground((event) => event.dedupeKey === dedupeKey)

const layer = TicketInboxLive.layer({ maxAttempts: 3, retrySchedule: Schedule.spaced("1 second") })

const oneMinute = Effect.andThen(Idle.await, TestClock.adjust("1 minute"))

describe("an event whose handler keeps failing", () => {
  it.effect(
    "is set aside after the last attempt, does not block later events, and is handled again if redelivered",
    () =>
      Effect.gen(function* () {
        const { failures, handled, inbox } = yield* failingOnFirst
        yield* inbox.offer(numberedEvent(1))
        yield* inbox.offer(numberedEvent(2))
        yield* oneMinute
        assert.deepStrictEqual(handled, [numberedEvent(2).dedupeKey])
        assert.strictEqual(failures(), 3)
        yield* inbox.offer(numberedEvent(1))
        yield* oneMinute
        assert.strictEqual(failures(), 6)
        assert.strictEqual(yield* inbox.deadLetterCount, 1)
      }).pipe(Effect.provide(Layer.merge(layer, Logger.layer([]))), Effect.provide(Idle.layer))
  )

  it.effect("is logged, and stays a dead letter until takeDeadLetter succeeds", () =>
    Effect.gen(function* () {
      const log = recordLog()
      yield* Effect.gen(function* () {
        const { inbox } = yield* failingOnFirst
        yield* inbox.offer(numberedEvent(1))
        yield* oneMinute
        const error = yield* Effect.flip(inbox.takeDeadLetter(() => Effect.fail("still poison")))
        assert.strictEqual(error, "still poison")
        const taking = yield* Effect.forkChild(inbox.takeDeadLetter(Effect.succeed))
        yield* oneMinute
        const { attempts, event, failure } = yield* Fiber.join(taking)
        assert.deepStrictEqual(event, numberedEvent(1))
        assert.strictEqual(attempts, 3)
        assert.include(failure, "poison")
        const takingAnother = yield* Effect.forkChild(inbox.takeDeadLetter(Effect.succeed))
        yield* oneMinute
        assert.isUndefined(takingAnother.pollUnsafe())
      }).pipe(Effect.provide(Layer.merge(layer, log.layer)), Effect.provide(Idle.layer))
      assert.deepStrictEqual(
        log.lines.filter((line) => line.startsWith("Warn")),
        [1, 2].map((number) => `Warn Attempt ${number} of 3 to handle ${dedupeKey} failed`)
      )
      const errors = log.lines.filter((line) => line.startsWith("Error"))
      assert.strictEqual(errors.length, 1)
      assert.include(errors[0], `The event ${dedupeKey} is a dead letter after 3 attempts`)
    })
  )

  it.effect("is logged with the number of its attempts, also if that is 1", () =>
    Effect.gen(function* () {
      const log = recordLog()
      yield* Effect.gen(function* () {
        const { inbox } = yield* failingOnFirst
        yield* inbox.offer(numberedEvent(1))
        yield* oneMinute
      }).pipe(
        Effect.provide(Layer.merge(TicketInboxLive.layer({ maxAttempts: 1 }), log.layer)),
        Effect.provide(Idle.layer)
      )
      assert.include(log.lines.join("\n"), `The event ${dedupeKey} is a dead letter after 1 attempt: `)
    })
  )

  it.live("becomes a dead letter in SQL", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      yield* inbox.offer(numberedEvent(1))
      // Ends before the layer of the store does.
      yield* Effect.forkScoped(inbox.handle(() => Effect.fail("poison")))
      const deadLetter = yield* inbox.takeDeadLetter(Effect.succeed)
      assert.deepStrictEqual(deadLetter.event, numberedEvent(1))
      assert.strictEqual(deadLetter.dedupeKey, dedupeKey)
      assert.strictEqual(deadLetter.attempts, 1)
      assert.include(deadLetter.failure, "poison")
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(layerSqlite({ maxAttempts: 1 }), Logger.layer([]))))
  )

  it.effect("becomes a dead letter later if the store is unavailable, which is logged", () =>
    Effect.gen(function* () {
      const log = recordLog()
      const deadLetters: Array<string> = []
      let pending: { readonly id: string; readonly element: unknown } | undefined
      let attempts = 0
      let deadLetterOffers = 0
      const store = Layer.succeed(PersistedQueue.PersistedQueueStore, {
        offer: ({ element, id, name }) =>
          Effect.suspend(() => {
            if (name !== "ripio-webhooks:dead-letters") {
              pending = { id, element }
              return Effect.void
            }
            if (deadLetterOffers++ === 0) {
              return Effect.fail(new PersistedQueue.PersistedQueueError({ message: "the disk is full" }))
            }
            deadLetters.push(id)
            pending = undefined
            return Effect.void
          }),
        take: () =>
          Effect.suspend(() =>
            pending === undefined ? Effect.never : Effect.succeed({ ...pending, attempts: ++attempts })
          ),
        cleanup: () => Effect.void
      })
      yield* Effect.gen(function* () {
        const inbox = yield* TicketInbox
        yield* inbox.offer(numberedEvent(1))
        yield* Effect.forkChild(inbox.handle(() => Effect.die(new Error("never"))))
        yield* TestClock.adjust("1 minute")
      }).pipe(
        Effect.provide(TicketInboxLive.layerStore({ maxAttempts: 1 }).pipe(Layer.provide(store))),
        Effect.provide(log.layer)
      )
      assert.deepStrictEqual(deadLetters, [dedupeKey])
      assert.strictEqual(deadLetterOffers, 2)
      assert.isTrue(
        log.lines.some((line) => line.includes("cannot reach its store")),
        log.lines.join("\n")
      )
    })
  )
})

describe("an event whose last attempt was cut off by a crash", () => {
  it.effect("becomes a dead letter without another attempt", () =>
    Effect.gen(function* () {
      const offers: Array<{ readonly name: string; readonly id: string; readonly element: unknown }> = []
      let isTaken = false
      // This store has already counted the attempts of processes that crashed.
      const store = Layer.succeed(PersistedQueue.PersistedQueueStore, {
        offer: (options) => Effect.sync(() => void offers.push(options)),
        take: () =>
          Effect.suspend(() => {
            const [first] = offers
            if (isTaken || first === undefined) return Effect.never
            isTaken = true
            return Effect.succeed({ id: first.id, attempts: 4, element: first.element })
          }),
        cleanup: () => Effect.void
      })
      yield* Effect.gen(function* () {
        const inbox = yield* TicketInbox
        yield* inbox.offer(numberedEvent(1))
        yield* Effect.forkChild(inbox.handle(() => Effect.die(new Error("never"))))
        yield* TestClock.adjust("1 second")
      }).pipe(
        Effect.provide(TicketInboxLive.layerStore({ maxAttempts: 3 }).pipe(Layer.provide(store))),
        Effect.provide(Logger.layer([]))
      )
      assert.deepStrictEqual(
        offers.map(({ id, name }) => ({ id, name })),
        [
          { name: "ripio-webhooks", id: dedupeKey },
          { name: "ripio-webhooks:dead-letters", id: dedupeKey }
        ]
      )
      assert.deepInclude(offers[1]?.element, {
        attempts: 3,
        dedupeKey,
        failure:
          "the failure of the last attempt was not stored: the process ended during it, dead letters could not be stored after it, or maxAttempts was decreased"
      })
    })
  )
})
