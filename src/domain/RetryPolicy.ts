import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { RipioHttpError } from "./RipioHttpError.ts"

/**
 * When to repeat a request that is safe to repeat, after a failure that may pass.
 *
 * Either the figures of the default policy, or a `Schedule` of your own. Whichever it is, only reads and token requests
 * are repeated, and only after a connection that failed, a timeout, a 408, 429, 500, 502, 503 or 504. A `Retry-After` is
 * waited for; one above 60 s ends the call at once with `RateLimited`.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryPolicy =
  | {
      /** How often to repeat, at most: 2 by default; 0 turns it off. */
      readonly times?: number
      /** The bound of the first wait, doubled for each further one: 0.5 s by default. */
      readonly base?: Duration.Input
      /** The bound of every wait: 8 s by default. */
      readonly max?: Duration.Input
    }
  | Schedule.Schedule<unknown, RipioHttpError>

/**
 * How requests are sent, whatever they are for.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestOptions {
  /**
   * The time that each attempt is given, the reading of the answer included: 10 s by default. An upload is given a second
   * more for every 128 KiB.
   */
  readonly timeout?: Duration.Input
  /** When to repeat what is safe to repeat: twice by default. */
  readonly retry?: RetryPolicy
}

/**
 * The longest `Retry-After` that is waited for, 60 s: above it a call fails at once, and its caller decides.
 *
 * @category models
 * @since 0.1.0
 */
export const maxRetryAfter = Duration.seconds(60)

/** The schedule of a policy. Its waits are drawn between zero and their bound ("full jitter"), so that callers spread. */
export const retrySchedule = (policy: RetryPolicy): Schedule.Schedule<unknown, RipioHttpError> => {
  if (Schedule.isSchedule(policy)) return policy
  const max = Duration.fromInputUnsafe(policy.max ?? Duration.seconds(8))
  return Schedule.exponential(policy.base ?? Duration.millis(500)).pipe(
    Schedule.modifyDelay(({ duration }) =>
      Effect.map(Random.next, (random) =>
        Duration.millis(Math.round(random * Duration.toMillis(Duration.min(duration, max))))
      )
    ),
    Schedule.upTo({ times: policy.times ?? 2 })
  )
}
