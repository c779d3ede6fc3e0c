/**
 * How requests are sent: their timeout, and when they are repeated.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { GateOptions } from "./GateOptions.ts"
import type { RipioHttpError } from "./RipioHttpError.ts"

/**
 * When to repeat a request that is safe to repeat: the delays of the default policy, or a `Schedule`.
 *
 * With either, only reads and token requests are repeated, and only after a failed connection, a timeout, or a response
 * with status 408, 429, 500, 502 to 504 or 520 to 524. A `Retry-After` of up to 60 s is obeyed, with jitter on top: up to
 * a tenth of it, and up to 1 s if that is more. A longer one fails the call at once with `RateLimited`.
 *
 * From the third retry on, the delays of a `Schedule` are at least 100 ms, so that it cannot send requests in a loop.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryPolicy =
  | {
      /** The maximum number of retries: 2 by default. 0 disables them. */
      readonly times?: number | undefined
      /** The upper bound of the first delay, which doubles for each further one: 0.5 s by default. */
      readonly base?: Duration.Input | undefined
      /** The upper bound of every delay: 8 s by default. */
      readonly max?: Duration.Input | undefined
    }
  | Schedule.Schedule<unknown, RipioHttpError>

/**
 * How requests are sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestOptions {
  /** The timeout of each attempt, response body included: 10 s by default. Uploads get one more second per 128 KiB. */
  readonly timeout?: Duration.Input | undefined
  /** When to repeat what is safe to repeat: twice by default. */
  readonly retry?: RetryPolicy | undefined
  /** How many requests are sent at once, and in a time: 32 at once by default. Token requests do not count. */
  readonly gate?: GateOptions | undefined
}

/**
 * The longest `Retry-After` that a call obeys: 60 s, jitter not counted. A longer one fails the call at once with `RateLimited`.
 *
 * @category models
 * @since 0.1.0
 */
export const maxRetryAfter = Duration.seconds(60)
