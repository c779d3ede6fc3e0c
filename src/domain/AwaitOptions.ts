/**
 * Options of `awaitOutcome`, `changes` and `raise`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { RipioHttpError } from "./RipioHttpError.ts"
import type { SupportTicket } from "./SupportTicket.ts"

/**
 * How to wait for a ticket's outcome.
 *
 * @category models
 * @since 0.1.0
 */
export interface AwaitOptions {
  /**
   * The delays between polls: `pollingSchedule` by default. Its input is the result of the last poll. When the schedule
   * ends, the wait fails with `OutcomePending`.
   */
  readonly schedule?: Schedule.Schedule<unknown, SupportTicket | RipioHttpError> | undefined
  /** The longest time to wait: 15 minutes by default. `Duration.infinity` waits without a limit. */
  readonly deadline?: Duration.Input | undefined
}
