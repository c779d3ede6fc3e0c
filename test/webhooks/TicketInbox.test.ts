import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { type InboxEvent, TicketInbox, TicketInboxLive } from "../../src/index.ts"
import { Idle } from "../support/Idle.ts"
import { numberedEvent, otherEvent } from "./fixtures.ts"

describe("the inbox in memory", () => {
  it.effect("hands over each event once, however often and late it is redelivered", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const handled: Array<InboxEvent> = []
      yield* Effect.forkChild(inbox.handle((event) => Effect.sync(() => handled.push(event))))
      for (const event of [numberedEvent(1), numberedEvent(1), otherEvent, numberedEvent(2)]) yield* inbox.offer(event)
      yield* TestClock.adjust("1 second")
      yield* inbox.offer(numberedEvent(1))
      yield* inbox.offer({ ...numberedEvent(1), issuedAt: DateTime.makeUnsafe(5), secretIndex: 1 })
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(handled, [numberedEvent(1), otherEvent, numberedEvent(2)])
    }).pipe(Effect.provide(TicketInboxLive.layer()))
  )

  it.effect("retries a handler that fails, dies or interrupts itself, with growing pauses", () =>
    Effect.gen(function* () {
      const inbox = yield* TicketInbox
      const attempts: Array<{ readonly at: number; readonly number: number }> = []
      const results = [Effect.fail("no"), Effect.die(new Error("a mistake")), Effect.interrupt, Effect.void]
      yield* Effect.forkChild(
        inbox.handle((_, { number }) =>
          Effect.gen(function* () {
            attempts.push({ at: yield* Clock.currentTimeMillis, number })
            yield* results[number - 1] ?? Effect.die(new Error("never"))
          })
        )
      )
      yield* inbox.offer(numberedEvent(1))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(attempts, [
        { at: 0, number: 1 },
        { at: 1000, number: 2 },
        { at: 3000, number: 3 },
        { at: 7000, number: 4 }
      ])
      // The next event is handled as well.
      results[0] = Effect.void
      yield* inbox.offer(numberedEvent(2))
      yield* TestClock.adjust(0)
      assert.strictEqual(attempts.length, 5)
    }).pipe(Effect.provide(Layer.merge(TicketInboxLive.layer(), Logger.layer([]))))
  )

  for (const { expected, options, title } of [
    { title: "after 1 s and then twice as long each time, by default", options: {}, expected: [0, 1000, 3000, 7000] },
    {
      title: "on the retrySchedule of the options",
      options: { retrySchedule: Schedule.spaced("5 seconds") },
      expected: [0, 5000]
    }
  ]) {
    it.effect(`retries ${title}`, () =>
      Effect.gen(function* () {
        const inbox = yield* TicketInbox
        const attemptTimes: Array<number> = []
        yield* Effect.forkChild(
          inbox.handle(() =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              attemptTimes.push(now)
              return Effect.fail("always")
            })
          )
        )
        yield* inbox.offer(numberedEvent(1))
        yield* Idle.await
        yield* TestClock.adjust("8 seconds")
        assert.deepStrictEqual(attemptTimes, expected)
      }).pipe(Effect.provide(Layer.merge(TicketInboxLive.layer(options), Logger.layer([]))), Effect.provide(Idle.layer))
    )
  }

  for (const { expected, options, title } of [
    { title: "one event at a time by default", options: undefined, expected: 1 },
    { title: "as many events at a time as concurrency allows", options: { concurrency: 3 }, expected: 3 }
  ]) {
    it.effect(`handles ${title}`, () =>
      Effect.gen(function* () {
        const inbox = yield* TicketInbox
        let running = 0
        let peak = 0
        const handler = Effect.suspend(() => {
          peak = Math.max(peak, ++running)
          return Effect.andThen(
            Effect.sleep("1 second"),
            Effect.sync(() => running--)
          )
        })
        yield* Effect.forkChild(inbox.handle(() => handler, options))
        for (let number = 0; number < 9; number++) yield* inbox.offer(numberedEvent(number))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(peak, expected)
      }).pipe(Effect.provide(TicketInboxLive.layer()))
    )
  }

  it.effect("is handled in the background by TicketInboxLive.handler", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      const handler = TicketInboxLive.handler((event) => Effect.sync(() => handled.push(event.dedupeKey)))
      yield* Effect.gen(function* () {
        yield* TicketInbox.offer(numberedEvent(1))
        yield* TestClock.adjust("1 second")
      }).pipe(Effect.provide(handler.pipe(Layer.provideMerge(TicketInboxLive.layer()))))
      assert.deepStrictEqual(handled, [numberedEvent(1).dedupeKey])
    })
  )

  for (const { issue, option, options } of [
    { options: { name: "" }, option: "name", issue: "expected some text" },
    { options: { maxAttempts: 0 }, option: "maxAttempts", issue: "expected a whole number above zero" }
  ]) {
    it.effect(`fails with InvalidOption for ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(TicketInbox, TicketInboxLive.layer(options)))
        assert.deepInclude(error, { option, issue })
      })
    )
  }
})
