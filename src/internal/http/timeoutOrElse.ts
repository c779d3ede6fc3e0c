import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { runtimeClock } from "./monotonic.ts"

/** Starts what may end an effect of the parent early, such as a timer. Returns how to cancel it. */
type Trigger<A, E> = (
  end: (result: Effect.Effect<A, E>) => void,
  run: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>,
  parent: Fiber.Fiber<unknown, unknown>
) => () => void

/**
 * Ends an effect early, also if it cannot be interrupted, or takes long to end after an interruption: it then ends in the
 * background, and its exit is ignored. An interruption of the caller waits for the effect to end, or for the trigger.
 */
export const endEarly = <A, E, A2, E2>(
  self: Effect.Effect<A, E>,
  trigger: Trigger<A2, E2>
): Effect.Effect<A | A2, E | E2> =>
  Effect.withFiber((parent) =>
    Effect.callback((resume) => {
      const run = Effect.runForkWith(parent.context)
      const child = run(self)
      const exit = child.pollUnsafe()
      if (exit !== undefined) return resume(exit)
      let isOver = false
      let finish = resume
      let cancel = () => {}
      const end = (result: Effect.Effect<A | A2, E | E2>) => {
        if (isOver) return
        isOver = true
        cancel()
        child.interruptUnsafe(parent.id)
        finish(result)
      }
      cancel = trigger(end, run, parent)
      // The trigger may have ended it at once.
      if (isOver) return cancel()
      child.addObserver(end)
      return Effect.callback<void>((resume) => {
        // This also runs if the effect has ended by interrupting itself.
        if (isOver) return resume(Effect.void)
        finish = () => resume(Effect.void)
        child.interruptUnsafe(parent.id)
      })
    })
  )

/**
 * A drop-in for `Effect.timeoutOrElse` whose timeout also holds if the effect cannot be interrupted, as {@link endEarly}
 * does. It forks one fiber instead of two and takes a third of the time.
 */
export const timeoutOrElse = <A, E, A2, E2>(
  self: Effect.Effect<A, E>,
  options: { readonly duration: Duration.Duration; readonly orElse: () => Effect.Effect<A2, E2> }
): Effect.Effect<A | A2, E | E2> =>
  endEarly(self, (end, run, parent) =>
    startTimer(options.duration, parent.getRef(Clock.Clock), run, () => end(Effect.suspend(options.orElse)))
  )

const maxTimerMillis = 2 ** 31 - 1

/** Calls `onTimeout` after the duration. A `setTimeout` suffices for the runtime's clock; other clocks need a fiber. */
export const startTimer = (
  duration: Duration.Duration,
  clock: Clock.Clock,
  run: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>,
  onTimeout: () => void
): (() => void) => {
  const millis = Duration.toMillis(duration)
  if (millis === Infinity) return () => {}
  if (clock === runtimeClock && millis <= maxTimerMillis) {
    const timer = setTimeout(onTimeout, millis)
    return () => clearTimeout(timer)
  }
  const sleeper = run(Effect.andThen(clock.sleep(duration), Effect.sync(onTimeout)))
  return () => sleeper.interruptUnsafe()
}
