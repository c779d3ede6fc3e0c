import * as Clock from "effect/Clock"
import * as Context from "effect/Context"

/** The clock of a program that provides no other one. */
export const runtimeClock = Context.get(Context.empty(), Clock.Clock)

/** Milliseconds since an arbitrary moment. Changes of the wall clock do not move them. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

const hasPerformance = typeof performance !== "undefined"

/**
 * As {@link monotonicMillis}, without the cost of a `bigint` and from another moment: only differences between results for
 * one clock have a meaning.
 */
export const stopwatchMillis = (clock: Clock.Clock): number =>
  clock === runtimeClock && hasPerformance ? performance.now() : monotonicMillis(clock)

/**
 * The difference from monotonic to wall-clock milliseconds at this moment. Added to later monotonic ones, it gives a
 * schedule a time that starts at the wall clock's, as `Schedule.cron` needs, and then does not jump.
 */
export const wallClockOffset = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe() - monotonicMillis(clock)
