import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { newTicket } from "../../support/newTicket.ts"
import { createdOf, fleet, idOf } from "./fleet.ts"

describe("closing the layer", () => {
  it.effect("interrupts what waits for the gate, sends nothing for it, and waits for a create that was sent", () =>
    Effect.gen(function* () {
      const { close, fork, paths, tickets, waitForAll } = yield* fleet(createdOf, {
        latency: "1 second",
        gate: { concurrency: 1 }
      })
      const sent = yield* fork(tickets.create(newTicket()))
      const queued: ReadonlyArray<Fiber.Fiber<Exit.Exit<unknown, unknown>>> = [
        yield* fork(tickets.create(newTicket())),
        yield* fork(tickets.retrieve(idOf(1))),
        ...(yield* waitForAll(3))
      ]
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(sent)
      const closed = yield* Effect.forkChild(close, { startImmediately: true })
      for (const fiber of queued) {
        const exit = yield* Fiber.join(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(closed)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(paths, [`POST ${idOf(0)}`])
    })
  )

  it.effect("ends, although a program repeats at once what was interrupted", () =>
    Effect.gen(function* () {
      const { close, fork, tickets } = yield* fleet(createdOf, { gate: { concurrency: 1 } })
      let calls = 0
      const repeated: Effect.Effect<unknown> = Effect.suspend(() => {
        calls++
        return calls === 1000 ? Effect.void : Effect.flatMap(Effect.exit(tickets.retrieve(idOf(2))), () => repeated)
      })
      yield* fork(tickets.retrieve(idOf(1)))
      yield* fork(repeated)
      yield* close
      assert.strictEqual(calls, 2)
    })
  )
})
