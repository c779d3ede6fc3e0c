import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { maxRetryAfter, type RetryPolicy } from "../../domain/RequestOptions.ts"
import { RipioHttpError } from "../../domain/RipioHttpError.ts"
import { monotonicMillis, wallClockOffset } from "./monotonic.ts"

/** Whether a read is repeated. One that the gate has held back for too long is not: its caller has to know now. */
export const isTransient = (error: RipioHttpError): boolean => error.isRetryable && !wasHeldBack(error)

const wasHeldBack = ({ reason }: RipioHttpError): boolean =>
  reason._tag === "RateLimited" && reason.mayHaveBeenSent === false

/** Whether the request certainly was not sent, so that even a write is safe to repeat. */
export const wasNotSent = ({ reason }: RipioHttpError): boolean =>
  (reason._tag === "TransportFailed" || reason._tag === "TimedOut") && reason.mayHaveBeenSent === false

/**
 * The delay that a `Retry-After` header asks for: seconds, or an HTTP date. A date counts from the `Date` of the same
 * response, because the two clocks may differ, and without one from `now` in milliseconds.
 */
export const parseRetryAfter = (
  retryAfter: string,
  date: string | undefined,
  now: number
): Duration.Duration | undefined => {
  const value = retryAfter.slice(0, maxRetryAfterLength)
  // RFC 9110 allows whole seconds only. Some servers send fractions.
  const fraction = /^\s*(\d+\.\d+)\s*$/u.exec(value)
  if (fraction !== null) return Duration.millis(Math.round(Number(fraction[1]) * 1000))
  const parsed = Headers.parseRetryAfter(value)
  if (Result.isFailure(parsed)) return undefined
  const sentAt = date === undefined ? undefined : Headers.parseHttpDate(date)
  const start = sentAt !== undefined && Result.isSuccess(sentAt) ? DateTime.toEpochMillis(sentAt.success) : now
  return Headers.retryAfterDelay(parsed.success, start)
}

// The longest HTTP date has 33 characters. More digits than this would only make error messages long.
const maxRetryAfterLength = 64

/** The delay that the failed response asked for, if it asked for one. */
export const requestedDelay = ({ reason }: RipioHttpError): Duration.Duration | undefined =>
  reason._tag === "RateLimited" || reason._tag === "ServerFailed" ? reason.retryAfter : undefined

/**
 * The delay that a response asked for, with jitter on top: up to a tenth of it, and up to 1 s if that is more. Callers that
 * received the same `Retry-After` would otherwise all return at the same moment.
 *
 * @param random from 0 to 1
 */
export const withJitter = (requested: Duration.Duration, random: number): Duration.Duration => {
  const millis = Duration.toMillis(requested)
  return Number.isFinite(millis)
    ? Duration.millis(millis + Math.round(random * Math.max(millis / 10, 1000)))
    : requested
}

/** Lengthens a delay of a schedule to what the response asked for, with jitter. A request for no delay changes nothing. */
export const lengthen = (
  scheduled: Duration.Duration,
  requested: Duration.Duration | undefined
): Effect.Effect<Duration.Duration> =>
  requested === undefined || !Duration.isPositive(requested)
    ? Effect.succeed(scheduled)
    : Effect.map(Random.next, (random) => Duration.max(scheduled, withJitter(requested, random)))

/** The floor of delays: without one, a schedule whose delays are zero, `NaN` or less sends requests in a loop. */
const minDelay = Duration.millis(100)

/** A delay of a custom schedule, but at least 100 ms. JavaScript may make a schedule whose delay is a plain number. */
export const atLeastMinDelay = (delay: Duration.Duration): Duration.Duration =>
  Duration.max(Duration.fromInputUnsafe(delay), minDelay)

// A custom schedule may retry at once this many times. That is useful after a broken connection, and no loop.
const immediateRetries = 2

/** The schedule of a policy. Delays are random between zero and their bound ("full jitter"), so that callers spread. */
export const retrySchedule = (policy: RetryPolicy): Schedule.Schedule<unknown, RipioHttpError> => {
  if (Schedule.isSchedule(policy)) {
    return Schedule.modifyDelay(policy, ({ attempt, duration }) =>
      Effect.succeed(attempt > immediateRetries ? atLeastMinDelay(duration) : duration)
    )
  }
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

/** Lengthens the delays of a schedule to what `Retry-After` asks for. */
export const honorRetryAfter = (schedule: Schedule.Schedule<unknown, RipioHttpError>) =>
  Schedule.modifyDelay(schedule, ({ duration, input }) => lengthen(duration, requestedDelay(input)))

export const withoutAnnotations = () => Effect.succeed({})

/** The annotations are the caller's. If they fail, the line has none. */
const logRetry = ({ message }: RipioHttpError, annotations: () => Effect.Effect<Record<string, unknown>>) =>
  Effect.suspend(annotations).pipe(
    Effect.catchCause(withoutAnnotations),
    Effect.flatMap((details) => Effect.annotateLogs(Effect.logDebug(`Retrying: ${message}`), details)),
    Effect.ignoreCause
  )

/** Repeats an attempt on the schedule while it fails with a `RipioHttpError` that may be repeated. */
export const retryWith = <A, E>(
  first: Effect.Effect<A, E | RipioHttpError>,
  {
    annotations = withoutAnnotations,
    isRepeatable,
    next,
    schedule
  }: {
    /** Each attempt after the first one. */
    readonly next: Effect.Effect<A, E | RipioHttpError>
    readonly schedule: Schedule.Schedule<unknown, RipioHttpError>
    readonly isRepeatable: (error: RipioHttpError) => boolean
    /** Of the log of a retry. */
    readonly annotations?: () => Effect.Effect<Record<string, unknown>>
  }
): Effect.Effect<A, E | RipioHttpError> => {
  const mayRepeat = (error: E | RipioHttpError): error is RipioHttpError =>
    error instanceof RipioHttpError &&
    isRepeatable(error) &&
    Duration.isLessThanOrEqualTo(requestedDelay(error) ?? Duration.zero, maxRetryAfter)

  // `Effect.retry` also steps the schedule on success, which takes as long as the rest of the call.
  return Effect.catchIf(first, mayRepeat, (failure) =>
    Effect.flatMap(Effect.zip(Clock.Clock, Schedule.toStep(schedule)), ([clock, step]) => {
      const offset = wallClockOffset(clock)
      const nextDelay = (failure: RipioHttpError): Pull.Pull<Duration.Duration, RipioHttpError, unknown> =>
        Effect.suspend(() => step(Math.round(monotonicMillis(clock) + offset), failure)).pipe(
          Effect.map(([, delay]) => Duration.fromInputUnsafe(delay)),
          // The schedule is the caller's. If it dies, there is no retry, and the failure is not lost.
          Effect.catchDefect((defect) =>
            Effect.andThen(
              Effect.ignoreCause(Effect.logError("The schedule of retries failed", Cause.die(defect))),
              Effect.fail(failure)
            )
          )
        )
      const repeatAfter = (failure: RipioHttpError): Effect.Effect<A, E | RipioHttpError> =>
        Pull.matchEffect(nextDelay(failure), {
          onSuccess: (delay) =>
            clock
              .sleep(delay)
              .pipe(
                Effect.andThen(logRetry(failure, annotations)),
                Effect.andThen(Effect.catchIf(next, mayRepeat, repeatAfter))
              ),
          onFailure: Effect.failCause,
          onDone: () => Effect.fail(failure)
        })
      return repeatAfter(failure)
    })
  )
}
