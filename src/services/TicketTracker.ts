/**
 * The tracker of tickets as a service.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import { checkOption, checkOptionsObject } from "../domain/InvalidOption.ts"
import type { TicketId } from "../domain/TicketId.ts"
import { TrackerUnavailable } from "../domain/TrackerUnavailable.ts"
import { setTrackerEngine } from "../internal/durable/engines.ts"
import { makeTracker, type TrackerOptions } from "../internal/durable/tracker.ts"
import { nonNegativeDuration } from "../internal/options.ts"

/**
 * Follows tickets to their outcome, across restarts and on any number of processes.
 *
 * The tickets are in a queue of `effect/persistence`, and a worker polls them. Each ends in exactly one event of the
 * `TicketInbox`: `TicketCreated`, `TicketFailed`, `TrackingOverdue` or `TrackingFailed`. A webhook of the ticket has the
 * same `dedupeKey` as the poll that sees the outcome, so each outcome is handled once.
 *
 * **Example** (A ticket that another program created)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { TicketId } from "effect-ripio-tickets"
 * import { TicketTracker } from "effect-ripio-tickets/durable"
 *
 * const program = Effect.gen(function* () {
 *   const tracker = yield* TicketTracker
 *   yield* tracker.track(TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"), { deadline: "2 days" })
 * })
 * ```
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class TicketTracker extends Context.Service<
  TicketTracker,
  {
    /**
     * Tracks a ticket that exists. When it returns, that is stored. In a transaction of the tracker's `SqlClient`, it is
     * stored when the transaction commits.
     *
     * Tracking a ticket again changes nothing, also after it ended and with another deadline.
     *
     * Fails with `TrackerUnavailable` if the store fails or an argument is invalid.
     */
    readonly track: (id: TicketId, options?: TrackOptions) => Effect.Effect<void, TrackerUnavailable>
  }
>()("effect-ripio-tickets/TicketTracker") {}

/**
 * How one ticket is tracked.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrackOptions {
  /**
   * How long the ticket is polled, from now on: the deadline of the tracker by default. `Duration.infinity` polls without a
   * limit.
   */
  readonly deadline?: Duration.Input | undefined
}

/**
 * How tickets are polled.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrackerScheduleOptions {
  /**
   * The delays between the polls of a ticket: `pollingSchedule` by default. Its input is the number of the poll. The first
   * poll is sent at once. When the schedule ends, the ticket is overdue. A SQL store rounds delays up to whole seconds.
   */
  readonly schedule?: Schedule.Schedule<unknown, number> | undefined
  /** How long a ticket is polled: 24 hours by default. `Duration.infinity` polls without a limit. */
  readonly deadline?: Duration.Input | undefined
}

/** Creates {@link TicketTracker} on a queue. */
export const makeTicketTracker = (options: TrackerOptions): TicketTracker["Service"] => {
  const tracker = makeTracker(options)
  const service = TicketTracker.of({
    track: (id, options) => {
      const deadline = trackDeadline(options)
      return Result.isFailure(deadline)
        ? Effect.fail(new TrackerUnavailable({ issue: deadline.failure.message }))
        : tracker.track(id, { deadline: deadline.success })
    }
  })
  return setTrackerEngine(service, { store: options.store, queue: options.queue, tracker })
}

const trackDeadline = (options: TrackOptions = {}) =>
  Result.flatMap(checkOptionsObject(options), () =>
    checkOption("deadline", () => {
      const { deadline } = options
      return deadline === undefined ? Result.succeed(undefined) : nonNegativeDuration("deadline", deadline)
    })
  )
