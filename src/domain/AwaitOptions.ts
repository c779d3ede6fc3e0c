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
   * The waits between two polls: `pollingSchedule` by default. It is fed with what the last poll brought; when it ends,
   * so does the waiting.
   */
  readonly schedule?: Schedule.Schedule<unknown, SupportTicket | RipioHttpError>
  /** How long to wait in all: 15 minutes by default. `Duration.infinity` waits without end. */
  readonly deadline?: Duration.Input
}
