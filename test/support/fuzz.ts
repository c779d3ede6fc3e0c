import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { type Hostile, makeHostile } from "./hostileValues.ts"
import { loadSecondEffect } from "./secondEffect.ts"

/** The calls of each public entry: 10,000, or as many as `FUZZED_CALLS` says. */
export const fuzzedCalls = Number(process.env["FUZZED_CALLS"] ?? 10_000)

const batchSize = 500
const second = await loadSecondEffect()

/** Waits for what virtual time does not drive: files are read, and tickets are hashed, by the runtime. */
const awaitRuntime = async (isRunning: () => boolean, turns = 40) => {
  for (let turn = 0; turn < turns && isRunning(); turn++) {
    await new Promise<void>((resolve) => (turn < 20 ? setImmediate(resolve) : setTimeout(resolve, 1)))
  }
}

/** The tag of an error, which must be an instance of a class. */
const tagOf = (error: unknown): string =>
  error instanceof Error && "_tag" in error ? String(error._tag) : `not an error: ${typeof error}`

/**
 * Makes calls with hostile arguments, each of which may take a day of virtual time, and returns how often they ended in
 * what: `Success`, the tag of an error, or `Interrupted` for a call that has not ended. Fails if a call throws or dies.
 * With `eachEnds`, it waits until each call has ended.
 */
export const fuzz = (
  seed: number,
  makeCall: (hostile: Hostile, index: number) => Effect.Effect<unknown, unknown>,
  { calls = fuzzedCalls, eachEnds = false }: { readonly calls?: number; readonly eachEnds?: boolean } = {}
) =>
  Effect.gen(function* () {
    const hostile = makeHostile(seed, second)
    const counts: Record<string, number> = {}
    const defects: Array<string> = []

    const count = (index: number, exit: Exit.Exit<unknown, unknown>) => {
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) {
        defects.push(`call ${index}: ${Cause.pretty(exit.cause).split("\n").slice(0, 4).join(" ")}`)
        return
      }
      const end = Exit.isSuccess(exit)
        ? "Success"
        : Cause.hasInterruptsOnly(exit.cause)
          ? "Interrupted"
          : tagOf(Cause.squash(exit.cause))
      counts[end] = (counts[end] ?? 0) + 1
    }

    for (let start = 0; start < calls; start += batchSize) {
      const fibers: Array<readonly [number, Fiber.Fiber<unknown, unknown>]> = []
      for (let index = start; index < Math.min(start + batchSize, calls); index++) {
        try {
          fibers.push([index, yield* Effect.forkChild(makeCall(hostile, index), { startImmediately: true })])
        } catch (error) {
          defects.push(
            `call ${index} threw ${error instanceof Error ? error.stack?.split("\n").slice(0, 3).join(" ") : typeof error}`
          )
        }
      }
      const isRunning = () => fibers.some(([, fiber]) => fiber.pollUnsafe() === undefined)
      yield* Effect.promise(() => awaitRuntime(isRunning))
      if (isRunning()) yield* TestClock.adjust("1 day")
      // On a busy machine, a hash takes long.
      yield* Effect.promise(() => awaitRuntime(isRunning, eachEnds ? 10_000 : 40))
      for (const [index, fiber] of fibers) {
        if (fiber.pollUnsafe() === undefined) yield* Fiber.interrupt(fiber)
        count(index, yield* Fiber.await(fiber))
      }
    }
    assert.deepStrictEqual(summary(defects), [], `${defects.length} defects of ${calls} calls`)
    return counts
  }).pipe(Effect.provide(Logger.layer([])))

/** The first of the defects that differ in more than the number of the call. */
const summary = (defects: ReadonlyArray<string>): ReadonlyArray<string> => {
  const kinds = new Map(defects.map((defect) => [defect.replace(/^call \d+/u, ""), defect]))
  return [...kinds.values()].slice(0, 12)
}
