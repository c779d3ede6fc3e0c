import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/testing/TestClock"
import {
  InboxUnavailable,
  type InboxEvent,
  TicketInbox,
  TicketInboxLive,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "../../src/index.ts"
import {
  createdJson,
  jsonDelivery,
  numberedEvent,
  otherEvent,
  otherJson,
  secret,
  setClockToIssueTime
} from "./fixtures.ts"
import { layerSqlite } from "./inbox.ts"
import { recordLog } from "./recordLog.ts"

describe("the inbox in SQL", () => {
  it.live("hands over each event once, with all of its fields", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const handled = yield* Queue.unbounded<InboxEvent>()
      for (const event of [numberedEvent(1), otherEvent, numberedEvent(1)]) yield* inbox.offer(event)
      yield* Effect.forkChild(inbox.handle((event) => Queue.offer(handled, event)))
      assert.deepStrictEqual(yield* Queue.takeN(handled, 2), [numberedEvent(1), otherEvent])
      yield* inbox.offer(numberedEvent(1))
      yield* inbox.offer(numberedEvent(2))
      assert.deepStrictEqual(yield* Queue.takeN(handled, 1), [numberedEvent(2)])
      assert.strictEqual(yield* Queue.size(handled), 0)
    }).pipe(Effect.provide(layerSqlite()))
  )
})

describe("an unavailable store", () => {
  const unavailable = Layer.succeed(PersistedQueue.PersistedQueueStore, {
    offer: () => Effect.fail(new PersistedQueue.PersistedQueueError({ message: "unavailable" })),
    take: () => Effect.fail(new PersistedQueue.PersistedQueueError({ message: "unavailable" })),
    cleanup: () => Effect.void
  })
  const layer = TicketInboxLive.layerStore().pipe(Layer.provide(unavailable))

  it.effect("fails the offer with InboxUnavailable, and the response to the webhook is 503", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      assert.instanceOf(yield* Effect.flip(TicketInbox.offer(numberedEvent(1))), InboxUnavailable)
      const handler = yield* TicketWebhookHandler.make(TicketInbox.offer)
      for (const json of [createdJson, otherJson]) {
        const { body, headers } = jsonDelivery(json)
        const request = new Request("https://shop.test/", { method: "POST", body: new Uint8Array(body), headers })
        assert.strictEqual((yield* Effect.promise(() => handler(request))).status, 503)
      }
    }).pipe(Effect.provide(Layer.mergeAll(layer, TicketWebhooksLive.layer({ secrets: [secret] }), Logger.layer([]))))
  )

  it.effect("is tried again every second by the handler, with a log line each time", () =>
    Effect.gen(function* () {
      const log = recordLog()
      yield* Effect.gen(function* () {
        const inbox = yield* TicketInbox
        yield* Effect.forkChild(inbox.handle(() => Effect.void))
        yield* TestClock.adjust("9500 millis")
      }).pipe(Effect.provide(Layer.merge(layer, log.layer)))
      assert.strictEqual(log.lines.length, 10)
      assert.include(log.lines[0], "cannot reach its store")
    })
  )
})

describe("an inbox whose store does not respond", () => {
  it.effect("lets its handler end 20 s after the interruption", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const handling = yield* Effect.forkChild(inbox.handle(() => Effect.void))
      yield* TestClock.adjust("1 minute")
      const ending = yield* Effect.forkChild(Fiber.interrupt(handling))
      yield* TestClock.adjust("19 seconds")
      assert.isUndefined(ending.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.isDefined(ending.pollUnsafe())
    }).pipe(
      Effect.provide(
        TicketInboxLive.layerStore().pipe(
          Layer.provide(
            Layer.mock(PersistedQueue.PersistedQueueStore, {
              // As while the store acknowledges an element to a database that is away.
              take: () => Effect.uninterruptible(Effect.never)
            })
          )
        )
      )
    )
  )
})
