import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import { newTicket } from "../../support/newTicket.ts"
import { countDone, createdOf, downBetween, fleet, idOf } from "./fleet.ts"

const throwing = (): never => {
  throw new Error("defect")
}

const tracer = Tracer.make({
  span: (options) => {
    const span = new Tracer.NativeSpan(options)
    span.event = throwing
    return span
  }
})

describe("a defect of what the gate calls", () => {
  it.effect("such as a tracer's does not fail a create that waited", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets } = yield* fleet(createdOf, { gate: { concurrency: 1 } })
      yield* fork(tickets.retrieve(idOf(1)))
      const create = yield* fork(Effect.withTracer(tickets.create(newTicket()), tracer))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(create)))
      assert.strictEqual(paths.length, 2)
    })
  )

  it.effect("such as a logger's does not fail the create that ends an outage", () =>
    Effect.gen(function* () {
      const { allLines, fork, lines, tickets, waitForAll } = yield* fleet(downBetween(0, 10_000, { status: 503 }))
      yield* waitForAll(10)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(lines().length, 1)
      allLines.length = 0
      const broken = Effect.provide(tickets.create(newTicket()), Logger.layer([Logger.make(throwing)]))
      const create = yield* fork(broken)
      yield* TestClock.adjust("100 millis")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(create)))
    })
  )

  it.effect("such as that of random numbers loses neither the result nor the permit", () =>
    Effect.gen(function* () {
      const random = { nextIntUnsafe: throwing, nextDoubleUnsafe: throwing }
      const { fork, lines, paths, tickets } = yield* Effect.provideService(
        fleet(() => ({ status: 503 }), { gate: { concurrency: 1 }, latency: 0 }),
        Random.Random,
        random
      )
      // The fifth failure begins an outage, whose first probe is at a random time.
      for (let number = 0; number < 5; number++) yield* fork(tickets.awaitOutcome(idOf(number)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        lines().map(({ message }) => message),
        ["The account gate failed: Error: defect"]
      )
      const sent = paths.length
      const create = yield* fork(Effect.flip(tickets.create(newTicket())))
      assert.strictEqual(paths.length, sent + 1)
      assert.deepInclude(yield* yield* Fiber.join(create), { _tag: "CreateAmbiguous" })
    })
  )

  it.effect("such as that of random numbers does not end the process, and later calls are sent", () =>
    Effect.gen(function* () {
      let isBroken = false
      const random = { nextIntUnsafe: throwing, nextDoubleUnsafe: () => (isBroken ? throwing() : 0.5) }
      const { fork, paths, tickets } = yield* Effect.provideService(
        fleet(downBetween(0, 1000, { status: 429, headers: { "retry-after": "1" } }), {
          gate: { concurrency: 1 },
          latency: "10 millis",
          retry: { times: 0 }
        }),
        Random.Random,
        random
      )
      yield* fork(tickets.retrieve(idOf(1)))
      yield* TestClock.adjust("500 millis")
      const held = yield* Effect.forEach([2, 3, 4], (number) => fork(tickets.retrieve(idOf(number))))
      // The first of them is sent.
      yield* TestClock.adjust("555 millis")
      assert.strictEqual(paths.length, 2)
      isBroken = true
      yield* TestClock.adjust("1 second")
      isBroken = false
      const later = yield* fork(tickets.retrieve(idOf(5)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(countDone([...held, later]), 4)
      assert.strictEqual(paths.length, 5)
    })
  )
})
