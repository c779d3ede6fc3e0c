/** What an inbox in memory remembers and refuses, and what any inbox does when its layer closes. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import {
  InboxUnavailable,
  type InboxEvent,
  TicketInbox,
  TicketInboxLive,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "../../src/index.ts"
import { eventually } from "../support/eventually.ts"
import { Idle } from "../support/Idle.ts"
import { createdJson, jsonDelivery, numberedEvent, otherEvent, secret, setClockToIssueTime } from "./fixtures.ts"
import { layerSqlite } from "./inbox.ts"
import { post } from "./receivers.ts"
import { recordLog } from "./recordLog.ts"

const handleAll = Effect.fnUntraced(function* () {
  const inbox = yield* TicketInbox
  const handled: Array<string> = []
  yield* Effect.forkChild(inbox.handle(({ dedupeKey }) => Effect.sync(() => handled.push(dedupeKey))))
  return { inbox, handled }
})

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

describe("the inbox in memory", () => {
  it.effect("keeps no payload of what is handled", () =>
    Effect.gen(function* () {
      const { handled, inbox } = yield* handleAll()
      const heap = () => {
        collectGarbage()
        return process.memoryUsage().heapUsed
      }
      const before = heap()
      for (const number of numbers(1000)) {
        const text = String(number).padEnd(100_000)
        yield* inbox.offer({ ...otherEvent, dedupeKey: `key ${number}`, payload: { text: text.split("").join("") } })
        yield* eventually(
          Effect.sync(() => handled.length),
          (length) => length === number + 1
        )
      }
      assert.isBelow(heap() - before, 20_000_000)
    }).pipe(Effect.provide(TicketInboxLive.layer()))
  )

  it.effect("refuses events when it is full of keys younger than rememberFor, and forgets none", () =>
    Effect.gen(function* () {
      const { handled, inbox } = yield* handleAll()
      for (const number of numbers(3)) yield* inbox.offer(numberedEvent(number))
      yield* Idle.await
      const error = yield* Effect.flip(inbox.offer(numberedEvent(3)))
      assert.instanceOf(error, InboxUnavailable)
      assert.include(error.message, "it has to remember 3 keys of the last 4d")
      for (const number of numbers(3)) yield* inbox.offer(numberedEvent(number))
      yield* TestClock.adjust("4 days")
      yield* Effect.flip(inbox.offer(numberedEvent(3)))
      yield* Idle.await
      assert.strictEqual(handled.length, 3)
      yield* TestClock.adjust("1 millis")
      yield* inbox.offer(numberedEvent(3))
      // The oldest key made room. The others are still duplicates.
      for (const number of [1, 2, 3]) yield* inbox.offer(numberedEvent(number))
      yield* Idle.await
      assert.deepStrictEqual(
        handled,
        numbers(4).map((number) => numberedEvent(number).dedupeKey)
      )
    }).pipe(Effect.provide(TicketInboxLive.layer({ capacity: 3 })), Effect.provide(Idle.layer))
  )

  it.effect("makes no room by forgetting the key of an event that is not handled yet", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      for (const number of numbers(2)) yield* inbox.offer(numberedEvent(number))
      yield* TestClock.adjust("5 days")
      yield* Effect.flip(inbox.offer(numberedEvent(2)))
      const { handled } = yield* handleAll()
      yield* Idle.await
      for (const number of [0, 1]) yield* inbox.offer(numberedEvent(number))
      yield* Idle.await
      assert.deepStrictEqual(
        handled,
        numbers(2).map((number) => numberedEvent(number).dedupeKey)
      )
    }).pipe(
      Effect.provide(TicketInboxLive.layer({ capacity: 2 })),
      Effect.provide(Idle.layer),
      Effect.provide(recordLog().layer)
    )
  )

  it.effect("forgets the oldest key whose event is handled, if the event of an older one is not", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      yield* inbox.offer(numberedEvent(0))
      const { handled } = yield* handleAll()
      yield* Idle.await
      const hanging = yield* Effect.forkChild(inbox.handle(() => Effect.never))
      yield* inbox.offer(numberedEvent(1))
      yield* TestClock.adjust("5 days")
      yield* inbox.offer(numberedEvent(2))
      yield* Idle.await
      assert.include(handled, numberedEvent(0).dedupeKey)
      yield* Fiber.interrupt(hanging)
    }).pipe(
      Effect.provide(TicketInboxLive.layer({ capacity: 2 })),
      Effect.provide(Idle.layer),
      Effect.provide(recordLog().layer)
    )
  )

  it.effect("says nothing when it is closed and every event is handled", () =>
    Effect.gen(function* () {
      const log = recordLog()
      yield* Effect.gen(function* () {
        const { handled, inbox } = yield* handleAll()
        yield* inbox.offer(numberedEvent(0))
        yield* Idle.await
        assert.strictEqual(handled.length, 1)
      }).pipe(Effect.provide(TicketInboxLive.layer()), Effect.provide(Idle.layer), Effect.provide(log.layer))
      assert.deepStrictEqual(log.lines, [])
    })
  )

  it.effect("remembers its keys for longer than the time window, by default", () =>
    Effect.gen(function* () {
      const { handled, inbox } = yield* handleAll()
      yield* inbox.offer(numberedEvent(0))
      yield* TestClock.adjust("3 days")
      for (const number of numbers(20)) yield* Effect.ignore(inbox.offer(numberedEvent(number)))
      yield* inbox.offer(numberedEvent(0))
      yield* Idle.await
      assert.strictEqual(handled.filter((key) => key === numberedEvent(0).dedupeKey).length, 1)
    }).pipe(Effect.provide(TicketInboxLive.layer({ capacity: 10 })), Effect.provide(Idle.layer))
  )

  it.effect("refuses events above 10,000 that wait, and the response to the webhook is 503", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      const inbox = yield* TicketInbox
      for (const number of numbers(10_000)) yield* inbox.offer(numberedEvent(number))
      assert.include((yield* Effect.flip(inbox.offer(otherEvent))).message, "10000 events are not handled yet")
      const handler = yield* TicketWebhookHandler.make(TicketInbox.offer)
      const response = yield* Effect.promise(() => handler(post(jsonDelivery(createdJson))))
      assert.strictEqual(response.status, 503)
      // A duplicate needs no room.
      yield* inbox.offer(numberedEvent(1))
    }).pipe(
      Effect.provide(
        Layer.mergeAll(TicketInboxLive.layer(), TicketWebhooksLive.layer({ secrets: [secret] }), recordLog().layer)
      )
    )
  )

  for (const { option, options } of [
    { options: { capacity: 0 }, option: "capacity" },
    { options: { capacity: Number.NaN }, option: "capacity" },
    { options: { rememberFor: 0 }, option: "rememberFor" }
  ]) {
    it.effect(`fails with InvalidOption for ${option} ${Object.values(options).join()}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(TicketInbox, TicketInboxLive.layer(options)))
        assert.strictEqual(error.option, option)
      })
    )
  }
})

describe("an inbox in memory whose handler has ended", () => {
  it.effect("refuses events, which would be lost, and says what to do", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const handling = yield* Effect.forkChild(
        inbox.handle(() => Effect.void),
        { startImmediately: true }
      )
      yield* inbox.offer(numberedEvent(1))
      yield* Fiber.interrupt(handling)
      const error = yield* Effect.flip(inbox.offer(numberedEvent(2)))
      assert.include(error.message, "its handler has ended. Run it until the server has stopped")
    }).pipe(Effect.provide(Layer.merge(TicketInboxLive.layer(), recordLog().layer)))
  )
})

describe("an inbox whose layer is closed", () => {
  for (const { layer, title } of [
    { title: "in memory", layer: TicketInboxLive.layer() },
    { title: "in SQL", layer: layerSqlite() }
  ]) {
    it.live(`refuses events ${title}, and the response to the webhook is 503`, () =>
      Effect.gen(function* () {
        const log = recordLog()
        const runtime = ManagedRuntime.make(
          Layer.mergeAll(layer, TicketWebhooksLive.layer({ secrets: [secret], tolerance: "36500 days" }), log.layer)
        )
        const { handler, inbox } = yield* Effect.promise(() =>
          runtime.runPromise(Effect.all({ handler: TicketWebhookHandler.make(TicketInbox.offer), inbox: TicketInbox }))
        )
        const send = Effect.promise(() => handler(post(jsonDelivery(createdJson))))
        assert.strictEqual((yield* send).status, 200)
        yield* Effect.promise(() => runtime.dispose())
        assert.strictEqual((yield* send).status, 503)
        assert.strictEqual(
          (yield* Effect.flip(inbox.offer(otherEvent))).message,
          "The inbox is unavailable: its layer is closed"
        )
        assert.instanceOf(yield* Effect.flip(inbox.requeueDeadLetter("key")), InboxUnavailable)
      })
    )
  }

  it.live("refuses events in memory from the moment at which the shutdown reaches its handler", () =>
    Effect.gen(function* () {
      const handling = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const handled: Array<InboxEvent> = []
      const worker = TicketInboxLive.handler((event) =>
        Effect.uninterruptible(
          Effect.andThen(
            Deferred.succeed(handling, undefined),
            Effect.tap(Deferred.await(release), () => Effect.sync(() => handled.push(event)))
          )
        )
      )
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(worker.pipe(Layer.provideMerge(TicketInboxLive.layer())), scope)
      const inbox = Context.get(context, TicketInbox)
      yield* inbox.offer(numberedEvent(1))
      yield* Deferred.await(handling)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      // The handler is still busy. What is offered now would be acknowledged and lost.
      const refused = yield* eventually(Effect.exit(inbox.offer(numberedEvent(2))), Exit.isFailure)
      assert.isTrue(Exit.isFailure(refused))
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(closing)
      assert.isTrue(handled.some(({ dedupeKey }) => dedupeKey === numberedEvent(1).dedupeKey))
      yield* Effect.flip(inbox.offer(numberedEvent(3)))
    }).pipe(Effect.provide(recordLog().layer))
  )

  it.effect("logs how many unhandled events are lost in memory", () =>
    Effect.gen(function* () {
      const log = recordLog()
      yield* TicketInbox.offer(numberedEvent(1)).pipe(
        Effect.provide(TicketInboxLive.layer()),
        Effect.provide(log.layer)
      )
      assert.deepStrictEqual(log.lines, ["Warn The inbox in memory is closed with 1 unhandled events, which are lost"])
    })
  )
})
