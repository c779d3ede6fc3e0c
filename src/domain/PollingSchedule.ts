/**
 * The schedule of polls.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { checkDuration, checkOption, checkOptionsObject, InvalidOption } from "./InvalidOption.ts"

/**
 * The delays of a polling schedule.
 *
 * @category models
 * @since 0.1.0
 */
export interface PollingOptions {
  /** The first delay: 1 s by default. */
  readonly first?: Duration.Input | undefined
  /** The factor by which each delay grows: 1.5 by default, at least 1. */
  readonly factor?: number | undefined
  /** The longest delay: 30 s by default. */
  readonly max?: Duration.Input | undefined
  /** Whether each delay is a random value from 80 % to 120 % of its length, but at most `max`: `true` by default. */
  readonly jitter?: boolean | undefined
}

interface CheckedOptions {
  readonly first: number
  readonly factor: number
  readonly max: number
  readonly jitter: boolean
}

const positiveMillis = (option: string, input: Duration.Input): Result.Result<number, InvalidOption> =>
  Result.map(
    checkDuration(
      option,
      input,
      (duration) => Duration.isFinite(duration) && Duration.isPositive(duration),
      "expected a duration above zero that ends"
    ),
    Duration.toMillis
  )

const invalid = (option: string, issue: string) => Result.fail(new InvalidOption({ option, issue }))

const checkOptions = (options: PollingOptions): Result.Result<CheckedOptions, InvalidOption> =>
  Result.gen(function* () {
    yield* checkOptionsObject(options)
    return {
      first: yield* checkOption("first", () => positiveMillis("first", options.first ?? Duration.seconds(1))),
      max: yield* checkOption("max", () => positiveMillis("max", options.max ?? Duration.seconds(30))),
      factor: yield* checkOption("factor", () => {
        const factor = options.factor ?? 1.5
        return Number.isFinite(factor) && factor >= 1
          ? Result.succeed(factor)
          : invalid("factor", "expected a number that is at least 1")
      }),
      jitter: yield* checkOption("jitter", () => {
        const jitter = options.jitter ?? true
        return typeof jitter === "boolean" ? Result.succeed(jitter) : invalid("jitter", "expected true or false")
      })
    }
  })

/**
 * Creates a schedule for polling: short delays first, then longer ones. The schedule does not end. Set a deadline where
 * you use it.
 *
 * The result is a plain `Schedule`: pass it to `awaitOutcome` or `Effect.repeat`, or combine it with others.
 *
 * Throws `InvalidOption` if an option cannot work. Options are constants of a program, so this is a bug.
 *
 * **Example** (At most ten seconds between polls)
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
  const { factor, first, jitter, max } = Result.getOrThrow(checkOptions(options))
  // One closure instead of five combinators saves memory: a process may wait for 100,000 tickets.
  return Schedule.fromStep(
    Effect.sync(() => {
      let next = first
      return () =>
        Effect.map(jitter ? Random.next : withoutJitter, (random) => {
          const delay = Duration.millis(Math.min(Math.round(next * (0.8 + 0.4 * random)), max))
          next = Math.min(next * factor, max)
          return [delay, delay]
        })
    })
  )
}

const withoutJitter = Effect.succeed(0.5)

/**
 * The default polling schedule: 1 s, then 1.5 times as long after each poll, at most 30 s, with jitter.
 *
 * @category schedules
 * @since 0.1.0
 */
export const pollingSchedule: Schedule.Schedule<Duration.Duration> = makePollingSchedule()
