import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** Runs effects that outlive an interruption of their caller. */
export interface Detach {
  /**
   * Runs an effect. When the caller is interrupted, `stop` says whether the effect may still be stopped, and then the
   * interruption ends it. Otherwise the caller is released at once, and the effect goes on in the layer's scope;
   * `onDetached` then receives its exit.
   */
  <A, E>(
    effect: Effect.Effect<A, E>,
    options: {
      readonly stop: () => boolean
      readonly onDetached: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
    }
  ): Effect.Effect<A, E>
}

/** Creates a {@link Detach}. Closing the scope waits for the effects that go on. */
export const makeDetach = Effect.gen(function* () {
  const detached = new Set<Fiber.Fiber<unknown, unknown>>()
  yield* Effect.addFinalizer(() => Effect.suspend(() => Fiber.awaitAll([...detached])))
  const detach: Detach = (effect, { onDetached, stop }) =>
    Effect.withFiber((caller) =>
      Effect.callback((resume) => {
        const run = Effect.runForkWith(caller.context)
        const fiber = run(effect)
        fiber.addObserver(resume)
        return Effect.suspend(() => {
          if (fiber.pollUnsafe() !== undefined || stop()) return Fiber.interrupt(fiber)
          const remaining = run(Effect.flatMap(Fiber.await(fiber), onDetached))
          detached.add(remaining)
          remaining.addObserver(() => detached.delete(remaining))
          return Effect.void
        })
      })
    )
  return detach
})
