import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import {
  InboxUnavailable,
  TicketEvent,
  TicketInbox,
  TicketInboxLive,
  type TicketInboxOptions,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "../../src/index.ts"
import { layer as sqlite } from "../support/sqlite.ts"
import { atMoment, createdJson, jsonDelivery, otherJson, secret, settle, ticketNumber } from "./support.ts"

const event = (number: number) =>
  TicketEvent.cases.TicketFailed.make({
    ticketId: ticketNumber(number),
    issuedAt: DateTime.makeUnsafe(0),
    dedupeKey: `SUPPORT_TICKET.FAILED:${ticketNumber(number)}`,
    secretIndex: 0
  })

const other = TicketEvent.cases.OtherEvent.make({
  eventType: "ON-RAMP.X",
  payload: otherJson,
  issuedAt: DateTime.makeUnsafe("2026-06-26T14:30:00.123Z"),
  dedupeKey: "sha256:00",
  secretIndex: 1
})

/** A minute, second by second, so that what wakes up gets as far as its next wait. */
const minute = Effect.replicateEffect(Effect.andThen(settle, TestClock.adjust("1 second")), 60, { discard: true })

const inMemory = (options?: TicketInboxOptions) => TicketInboxLive.layer(options)

const onSqlite = (options?: TicketInboxOptions) =>
  TicketInboxLive.layerStore(options).pipe(
    Layer.provide(PersistedQueue.layerStoreSql({ pollInterval: 10 })),
    Layer.provide(sqlite(":memory:"))
  )

describe("the inbox in memory", () => {
  it.effect("hands over each event once, however often it comes, and also after it was handled", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const handled: Array<TicketEvent> = []
      yield* Effect.forkChild(inbox.handle((event) => Effect.sync(() => handled.push(event))))
      for (const each of [event(1), event(1), other, event(2)]) yield* inbox.offer(each)
      yield* TestClock.adjust("1 second")
      yield* inbox.offer(event(1))
      yield* inbox.offer({ ...event(1), issuedAt: DateTime.makeUnsafe(5), secretIndex: 1 })
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(handled, [event(1), other, event(2)])
    }).pipe(Effect.provide(inMemory()))
  )

  it.effect("tries again what fails, later each time, and dies of nothing", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const attempts: Array<readonly [at: number, attempt: number]> = []
      const fails = [Effect.fail("no"), Effect.die(new Error("a mistake")), Effect.interrupt, Effect.void]
      yield* Effect.forkChild(
        inbox.handle((_, { number }) =>
          Effect.gen(function* () {
            attempts.push([yield* Clock.currentTimeMillis, number])
            yield* fails[number - 1] ?? Effect.die(new Error("never"))
          })
        )
      )
      yield* inbox.offer(event(1))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(attempts, [
        [0, 1],
        [1000, 2],
        [3000, 3],
        [7000, 4]
      ])
      // It still works for the next.
      fails[0] = Effect.void
      yield* inbox.offer(event(2))
      yield* TestClock.adjust(0)
      assert.strictEqual(attempts.length, 5)
    }).pipe(Effect.provide(Layer.merge(inMemory(), Logger.layer([]))))
  )

  it.effect("handles one event at a time, or as many as one likes", () =>
    Effect.gen(function* () {
      for (const [options, most] of [
        [undefined, 1],
        [{ concurrency: 3 }, 3]
      ] as const) {
        yield* Effect.gen(function* () {
          const inbox = yield* TicketInbox
          let now = 0
          let peak = 0
          const handler = Effect.suspend(() => {
            peak = Math.max(peak, ++now)
            return Effect.andThen(
              Effect.sleep("1 second"),
              Effect.sync(() => now--)
            )
          })
          yield* Effect.forkChild(inbox.handle(() => handler, options))
          for (let number = 0; number < 9; number++) yield* inbox.offer(event(number))
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(peak, most)
        }).pipe(Effect.provide(inMemory(), { local: true }))
      }
    })
  )

  it.effect("is handled in the background by a layer", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      const worker = TicketInboxLive.handler((event) => Effect.sync(() => handled.push(event.dedupeKey)))
      yield* Effect.gen(function* () {
        yield* TicketInbox.offer(event(1))
        yield* TestClock.adjust("1 second")
      }).pipe(Effect.provide(worker.pipe(Layer.provideMerge(inMemory()))))
      assert.deepStrictEqual(handled, [event(1).dedupeKey])
    })
  )

  for (const [options, option, issue] of [
    [{ name: "" }, "name", "expected some text"],
    [{ maxAttempts: 0 }, "maxAttempts", "expected a whole number above zero"]
  ] as const) {
    it.effect(`does not start with ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(TicketInbox, inMemory(options)))
        assert.deepInclude(error, { option, issue })
      })
    )
  }
})

describe("poison", () => {
  const poison = Effect.gen(function* () {
    const inbox = yield* TicketInbox
    let attempts = 0
    const handled: Array<string> = []
    const worker = inbox.handle((each) =>
      each.dedupeKey === event(1).dedupeKey
        ? Effect.andThen(
            Effect.sync(() => attempts++),
            Effect.fail("poison")
          )
        : Effect.sync(() => handled.push(each.dedupeKey))
    )
    yield* Effect.forkChild(worker)
    return { inbox, handled, attempts: () => attempts }
  })
  const options = { maxAttempts: 3, retrySchedule: Schedule.spaced("1 second") }
  const second = Effect.andThen(settle, TestClock.adjust("1 second"))

  for (const [what, inbox, expected] of [
    ["after 1 s, and then twice as long each time, by default", {}, [1, 2, 2, 3, 3, 3, 3, 4]],
    ["as often as its owner says", { retrySchedule: Schedule.spaced("5 seconds") }, [1, 1, 1, 1, 1, 2, 2, 2]]
  ] as const) {
    it.effect(`is tried again ${what}`, () =>
      Effect.gen(function* () {
        const { attempts, inbox } = yield* poison
        yield* inbox.offer(event(1))
        const counts: Array<number> = []
        for (let seconds = 0; seconds < expected.length; seconds++) {
          yield* settle
          counts.push(attempts())
          yield* second
        }
        assert.deepStrictEqual(counts, [...expected])
      }).pipe(Effect.provide(Layer.merge(inMemory(inbox), Logger.layer([]))))
    )
  }

  it.effect("is parked after the last attempt, and holds up nothing behind it", () =>
    Effect.gen(function* () {
      const { attempts, handled, inbox } = yield* poison
      yield* inbox.offer(event(1))
      yield* inbox.offer(event(2))
      yield* minute
      assert.deepStrictEqual(handled, [event(2).dedupeKey])
      assert.strictEqual(attempts(), 3)
      // It comes once more, and is a duplicate like any other.
      yield* inbox.offer(event(1))
      yield* minute
      assert.strictEqual(attempts(), 3)
    }).pipe(Effect.provide(Layer.merge(inMemory(options), Logger.layer([]))))
  )

  it.effect("is seen in the log, and can be taken, once it is done with", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void log.push(`${logLevel} ${String(message)}`))
      yield* Effect.gen(function* () {
        const { inbox } = yield* poison
        yield* inbox.offer(event(1))
        yield* minute
        const error = yield* Effect.flip(inbox.takeDeadLetter(() => Effect.fail("still poison")))
        assert.strictEqual(error, "still poison")
        const fiber = yield* Effect.forkChild(inbox.takeDeadLetter(Effect.succeed))
        yield* minute
        const parked = yield* Fiber.join(fiber)
        assert.deepStrictEqual(parked.event, event(1))
        assert.strictEqual(parked.attempts, 3)
        assert.include(parked.failure, "poison")
        const none = yield* Effect.forkChild(inbox.takeDeadLetter(Effect.succeed))
        yield* minute
        assert.isUndefined(none.pollUnsafe())
      }).pipe(Effect.provide(Layer.merge(inMemory(options), Logger.layer([logger]))))
      assert.deepStrictEqual(
        log.filter((line) => line.startsWith("Warn")),
        [1, 2].map((number) => `Warn Attempt ${number} of 3 at the webhook ${event(1).dedupeKey} failed`)
      )
      const errors = log.filter((line) => line.startsWith("Error"))
      assert.strictEqual(errors.length, 1)
      assert.include(errors[0], `Parked the webhook ${event(1).dedupeKey} after 3 attempts`)
    })
  )
})

describe("an event that cannot be parked at once", () => {
  it.effect("is parked later, and what kept it is logged", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const parked: Array<string> = []
      let [attempts, failures] = [0, 0]
      let waiting: { readonly id: string; readonly element: unknown } | undefined
      const store = Layer.succeed(PersistedQueue.PersistedQueueStore, {
        offer: ({ element, id, name }) =>
          Effect.suspend(() => {
            if (name !== "ripio-webhooks:parked") {
              waiting = { id, element }
              return Effect.void
            }
            if (failures++ === 0) {
              return Effect.fail(new PersistedQueue.PersistedQueueError({ message: "the disk is full" }))
            }
            parked.push(id)
            waiting = undefined
            return Effect.void
          }),
        take: () =>
          Effect.suspend(() =>
            waiting === undefined ? Effect.never : Effect.succeed({ ...waiting, attempts: ++attempts })
          ),
        cleanup: () => Effect.void
      })
      yield* Effect.gen(function* () {
        const inbox = yield* TicketInbox
        yield* inbox.offer(event(1))
        yield* Effect.forkChild(inbox.handle(() => Effect.die(new Error("never"))))
        yield* TestClock.adjust("1 minute")
      }).pipe(
        Effect.provide(TicketInboxLive.layerStore({ maxAttempts: 1 }).pipe(Layer.provide(store))),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))]))
      )
      assert.deepStrictEqual([parked, failures], [[event(1).dedupeKey], 2])
      assert.isTrue(
        logged.some((message) => message.includes("cannot reach its store")),
        logged.join("\n")
      )
    })
  )
})

describe("an event during whose last attempt the process died", () => {
  it.effect("is parked, and the handler does not see it again", () =>
    Effect.gen(function* () {
      const stored: Array<{ readonly name: string; readonly id: string; readonly element: unknown }> = []
      let given = false
      // A store that has counted the attempts of processes that are no more.
      const store = Layer.succeed(PersistedQueue.PersistedQueueStore, {
        offer: (options) => Effect.sync(() => void stored.push(options)),
        take: () =>
          Effect.suspend(() => {
            const [first] = stored
            if (given || first === undefined) return Effect.never
            given = true
            return Effect.succeed({ id: first.id, attempts: 4, element: first.element })
          }),
        cleanup: () => Effect.void
      })
      yield* Effect.gen(function* () {
        const inbox = yield* TicketInbox
        yield* inbox.offer(event(1))
        yield* Effect.forkChild(inbox.handle(() => Effect.die(new Error("never"))))
        yield* TestClock.adjust("1 second")
      }).pipe(
        Effect.provide(TicketInboxLive.layerStore({ maxAttempts: 3 }).pipe(Layer.provide(store))),
        Effect.provide(Logger.layer([]))
      )
      assert.deepStrictEqual(
        stored.map(({ id, name }) => [name, id]),
        [
          ["ripio-webhooks", event(1).dedupeKey],
          ["ripio-webhooks:parked", event(1).dedupeKey]
        ]
      )
      assert.include(
        JSON.stringify(stored[1]?.element),
        '"attempts":3,"failure":"how its last attempt ended is not known'
      )
    })
  )
})

describe("the inbox in SQL", () => {
  it.live("hands over each event once, with all that is in it", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const handled: Array<TicketEvent> = []
      for (const each of [event(1), other, event(1)]) yield* inbox.offer(each)
      yield* Effect.forkChild(inbox.handle((event) => Effect.sync(() => handled.push(event))))
      yield* Effect.sleep(20).pipe(Effect.repeat({ until: () => handled.length >= 2 }))
      yield* inbox.offer(event(1))
      yield* inbox.offer(event(2))
      yield* Effect.sleep(20).pipe(Effect.repeat({ until: () => handled.length >= 3 }))
      assert.deepStrictEqual(handled, [event(1), other, event(2)])
    }).pipe(Effect.provide(onSqlite()))
  )

  it.live("parks poison", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      yield* inbox.offer(event(1))
      yield* Effect.forkChild(inbox.handle(() => Effect.fail("poison")))
      const parked = yield* inbox.takeDeadLetter(Effect.succeed)
      assert.deepStrictEqual(parked, { event: event(1), attempts: 1, failure: parked.failure })
      assert.include(parked.failure, "poison")
    }).pipe(Effect.provide(Layer.merge(onSqlite({ maxAttempts: 1 }), Logger.layer([]))))
  )
})

describe("a store that is away", () => {
  const away = Layer.succeed(PersistedQueue.PersistedQueueStore, {
    offer: () => Effect.fail(new PersistedQueue.PersistedQueueError({ message: "away" })),
    take: () => Effect.fail(new PersistedQueue.PersistedQueueError({ message: "away" })),
    cleanup: () => Effect.void
  })
  const inbox = TicketInboxLive.layerStore().pipe(Layer.provide(away))

  it.effect("fails the offer, and so the webhook is answered 503", () =>
    Effect.gen(function* () {
      yield* atMoment
      const error = yield* Effect.flip(TicketInbox.offer(event(1)))
      assert.instanceOf(error, InboxUnavailable)
      const handler = yield* TicketWebhookHandler.make(TicketInbox.offer)
      for (const json of [createdJson, otherJson]) {
        const { body, headers } = jsonDelivery(json)
        const request = new Request("https://shop.test/", { method: "POST", body: new Uint8Array(body), headers })
        assert.strictEqual((yield* Effect.promise(() => handler(request))).status, 503)
      }
    }).pipe(Effect.provide(Layer.mergeAll(inbox, TicketWebhooksLive.layer({ secrets: [secret] }), Logger.layer([]))))
  )

  it.effect("is asked again each second, and told of in the log", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const logger = Logger.make(({ message }) => void log.push(String(message)))
      const { handle } = Context.get(yield* Layer.build(inbox), TicketInbox)
      yield* Effect.forkChild(
        Effect.provide(
          handle(() => Effect.void),
          Logger.layer([logger])
        )
      )
      yield* TestClock.adjust("9500 millis")
      assert.strictEqual(log.length, 10)
      assert.include(log[0], "cannot reach its store")
    })
  )
})
