import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** The clock of the context, with a wall clock that can be set back or forth. Its monotonic time and sleeps go on. */
export const shiftedClock = Effect.map(Clock.Clock, (clock) => {
  let shift = 0
  const millis = () => clock.currentTimeMillisUnsafe() + shift
  const nanos = () => clock.currentTimeNanosUnsafe() + BigInt(shift) * 1_000_000n
  const shifted: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
  return {
    clock: shifted,
    /** Sets the wall clock this many milliseconds forth, or back. */
    shift: (millis: number) => {
      shift += millis
    }
  }
})
