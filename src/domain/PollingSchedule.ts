import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { InvalidOption } from "./InvalidOption.ts"

/**
 * The figures of a polling schedule.
 *
 * @category models
 * @since 0.1.0
 */
export interface PollingOptions {
  /** The first wait: 1 s by default. */
  readonly first?: Duration.Input
  /** What each wait is multiplied by to give the next: 1.5 by default, at least 1. */
  readonly factor?: number
  /** The longest wait: 30 s by default. */
  readonly max?: Duration.Input
  /** Whether each wait is drawn between 80 % and 120 % of its length, and no longer than `max`: `true` by default. */
  readonly jitter?: boolean
}

const positive = (option: string, input: Duration.Input): number => {
  const duration = Duration.fromInput(input)
  if (duration._tag === "None" || !Duration.isFinite(duration.value) || !Duration.isPositive(duration.value)) {
    throw new InvalidOption({ option, issue: "expected a duration above zero that ends" })
  }
  return Duration.toMillis(duration.value)
}

/**
 * A schedule for asking after something that becomes ready in its own time: soon at first, then ever less often. It does
 * not end by itself; whoever uses it sets the deadline.
 *
 * A plain `Schedule`: hand it to `awaitOutcome`, to `Effect.repeat`, or combine it with others. Throws `InvalidOption` on
 * a figure that cannot work, as the figures are constants of a program.
 *
 * **Example** (Every ten seconds at the latest)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { makePollingSchedule, SupportTickets, TicketId } from "effect-ripio-tickets"
 *
 * const outcome = Effect.gen(function* () {
 *   const tickets = yield* SupportTickets
 *   return yield* tickets.awaitOutcome(TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"), {
 *     schedule: makePollingSchedule({ first: "500 millis", max: "10 seconds" })
 *   })
 * })
 * ```
 *
 * @category schedules
 * @since 0.1.0
 */
export const makePollingSchedule = (options: PollingOptions = {}): Schedule.Schedule<Duration.Duration> => {
  const first = positive("first", options.first ?? Duration.seconds(1))
  const max = positive("max", options.max ?? Duration.seconds(30))
  const factor = options.factor ?? 1.5
  if (!Number.isFinite(factor) || factor < 1) {
    throw new InvalidOption({ option: "factor", issue: "expected a number that is at least 1" })
  }
  const jitter = options.jitter ?? true
  // One closure rather than five combinators: a process may wait for a hundred thousand tickets.
  return Schedule.fromStep(
    Effect.sync(() => {
      let next = first
      return () =>
        Effect.map(jitter ? Random.next : midway, (random) => {
          const wait = Duration.millis(Math.min(Math.round(next * (0.8 + 0.4 * random)), max))
          next = Math.min(next * factor, max)
          return [wait, wait]
        })
    })
  )
}

const midway = Effect.succeed(0.5)

/**
 * The schedule that tickets are polled on by default: after 1 s, then 1.5 times as long each time, 30 s at most, jittered.
 *
 * @category schedules
 * @since 0.1.0
 */
export const pollingSchedule: Schedule.Schedule<Duration.Duration> = makePollingSchedule()
