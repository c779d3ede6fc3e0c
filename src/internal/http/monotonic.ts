import type * as Clock from "effect/Clock"

/** Milliseconds since an arbitrary moment. Changes of the wall clock do not move them. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

/**
 * The difference from monotonic to wall-clock milliseconds at this moment. Added to later monotonic ones, it gives a
 * schedule a time that starts at the wall clock's, as `Schedule.cron` needs, and then does not jump.
 */
export const wallClockOffset = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe() - monotonicMillis(clock)
