import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { makeTakeTogether } from "../../src/internal/durable/takeTogether.ts"

/** Takers that write down when they go on. */
const takers = () => {
  const ready = makeTakeTogether()
  const state = { busy: 0, wentOn: new Array<string>() }
  const free = (name: string) =>
    Effect.forkChild(
      Effect.andThen(
        ready(() => state.busy),
        Effect.map(Clock.currentTimeMillis, (now) => state.wentOn.push(`${name} ${now}`))
      )
    )
  return Object.assign(state, { free })
}

describe("the takers of a queue", () => {
  it.effect("go on at once if no other one is busy", () =>
    Effect.gen(function* () {
      const { free, wentOn } = takers()
      for (const name of ["a", "b"]) yield* free(name)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(wentOn, ["a 0", "b 0"])
    })
  )

  it.effect("wait for each other while another one is busy, for 10 ms after the first one", () =>
    Effect.gen(function* () {
      const all = takers()
      all.busy = 1
      yield* all.free("a")
      yield* TestClock.adjust(4)
      yield* all.free("b")
      yield* TestClock.adjust(5)
      yield* all.free("c")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(all.wentOn, [])
      yield* TestClock.adjust(1)
      assert.sameMembers(all.wentOn, ["a 10", "b 10", "c 10"])
      // Then the next ones wait.
      yield* all.free("d")
      yield* TestClock.adjust(9)
      assert.strictEqual(all.wentOn.length, 3)
      yield* all.free("e")
      yield* TestClock.adjust(1)
      assert.sameMembers(all.wentOn.slice(3), ["d 20", "e 20"])
    })
  )

  it.effect("wait no longer when the last busy one is free", () =>
    Effect.gen(function* () {
      const all = takers()
      all.busy = 1
      for (const name of ["a", "b"]) yield* all.free(name)
      yield* TestClock.adjust(3)
      assert.deepStrictEqual(all.wentOn, [])
      all.busy = 0
      yield* all.free("c")
      yield* TestClock.adjust(0)
      assert.sameMembers(all.wentOn, ["a 3", "b 3", "c 3"])
      all.busy = 1
      yield* all.free("d")
      yield* TestClock.adjust(9)
      assert.strictEqual(all.wentOn.length, 3)
      yield* TestClock.adjust(1)
      assert.strictEqual(all.wentOn.length, 4)
    })
  )
})
