import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as TestClock from "effect/testing/TestClock"
import { newTicket } from "../../support/newTicket.ts"
import { createdOf, fleet, idOf } from "./fleet.ts"

const gate = { rateLimit: { limit: 10, window: "1 second" }, account: "AR" } as const

/** How many times are in each second. */
const perSecond = (times: ReadonlyArray<number>) => {
  const counts: Array<number> = []
  for (const time of times) counts[Math.floor(time / 1000)] = (counts[Math.floor(time / 1000)] ?? 0) + 1
  return Array.from(counts, (count) => count ?? 0)
}

const storeOf = (layer: Layer.Layer<RateLimiter.RateLimiterStore>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, RateLimiter.RateLimiterStore))

describe("the rate limit of the gate", () => {
  it.effect("sends no more requests in a window, creates first, and token requests do not count", () =>
    Effect.gen(function* () {
      const { at, fork, paths, seen, tickets, waitForAll } = yield* fleet(createdOf, { gate, latency: 0 })
      const fibers = yield* waitForAll(40)
      const create = yield* fork(tickets.create(newTicket()))
      assert.strictEqual(at.length, 10)
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(create)))
      assert.strictEqual(paths[10], `POST ${idOf(0)}`)
      yield* TestClock.adjust("9 seconds")
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.deepStrictEqual(perSecond(at), [10, 10, 10, 10, 1])
      assert.strictEqual(seen.tokens, 1)
    })
  )

  it.effect("is used up also if each timer is late", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const late: Clock.Clock = {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        currentTimeMillis: clock.currentTimeMillis,
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
        currentTimeNanos: clock.currentTimeNanos,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        monotonicTimeNanos: clock.monotonicTimeNanos,
        sleep: (duration) => clock.sleep(Duration.sum(duration, Duration.millis(150)))
      }
      const client = fleet(createdOf, { gate: { rateLimit: { limit: 1, window: "1 second" } }, latency: 0 })
      const { at, waitForAll } = yield* Effect.provideService(client, Clock.Clock, late)
      yield* waitForAll(20)
      yield* TestClock.adjust("10500 millis")
      assert.deepStrictEqual(perSecond(at), Array(11).fill(1))
    })
  )

  it.effect("is shared by the clients on one store", () =>
    Effect.gen(function* () {
      const store = yield* storeOf(RateLimiter.layerStoreMemory)
      const client = fleet(createdOf, { gate, latency: 0 }).pipe(
        Effect.provideService(RateLimiter.RateLimiterStore, store)
      )
      const [one, two] = [yield* client, yield* client]
      const fibers = [...(yield* one.waitForAll(20)), ...(yield* two.waitForAll(20))]
      yield* TestClock.adjust("10 seconds")
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.deepStrictEqual(perSecond([...one.at, ...two.at].toSorted((a, b) => a - b)), [10, 10, 10, 10])
    })
  )

  for (const [title, broken] of [
    [
      "fails",
      Effect.fail(
        new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message: "no Redis" }) })
      )
    ],
    ["dies", Effect.die(new Error("a bug"))],
    ["throws", undefined],
    ["does not respond", Effect.never]
  ] as const) {
    it.effect(`is counted in memory, with one warning, if the store ${title}`, () =>
      Effect.gen(function* () {
        const store = yield* storeOf(RateLimiter.layerStoreMemory)
        const { at, lines, waitForAll } = yield* fleet(createdOf, { gate, latency: 0 }).pipe(
          Effect.provideService(RateLimiter.RateLimiterStore, {
            ...store,
            fixedWindow: () => {
              if (broken === undefined) throw new Error("a bug")
              return broken
            }
          })
        )
        const fibers = yield* waitForAll(300)
        yield* TestClock.adjust("1 minute")
        for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
        assert.isAtMost(Math.max(...perSecond(at)), 10)
        assert.strictEqual(lines().length, 1)
        assert.match(lines()[0]?.message ?? "", /^The store of the rate limit failed\. /u)
      })
    )
  }
})
