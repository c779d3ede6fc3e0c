import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { maxRetryAfter, type RetryPolicy } from "../../domain/RetryPolicy.ts"
import { RipioHttpError } from "../../domain/RipioHttpError.ts"

/** Whether a read may succeed if it is repeated. */
export const isTransient = (error: RipioHttpError): boolean => error.isRetryable

/** Whether the request certainly was not sent, so that even a write is safe to repeat. */
export const wasNotSent = ({ reason }: RipioHttpError): boolean =>
  (reason._tag === "TransportFailed" || reason._tag === "TimedOut") && reason.mayHaveBeenSent === false

/** The delay that a `Retry-After` header asks for, counted from `now` in milliseconds. */
export const parseRetryAfter = (header: string, now: number): Duration.Duration | undefined => {
  const parsed = Headers.parseRetryAfter(header)
  return Result.isSuccess(parsed) ? Headers.retryAfterDelay(parsed.success, now) : undefined
}

/** The delay that the failed response asked for, if it asked for one. */
export const requestedDelay = ({ reason }: RipioHttpError): Duration.Duration | undefined =>
  reason._tag === "RateLimited" || reason._tag === "ServerFailed" ? reason.retryAfter : undefined

/** The schedule of a policy. Delays are random between zero and their bound ("full jitter"), so that callers spread. */
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

/** Lengthens the delays of a schedule to what `Retry-After` asks for. */
export const honorRetryAfter = (schedule: Schedule.Schedule<unknown, RipioHttpError>) =>
  Schedule.modifyDelay(schedule, ({ duration, input }) =>
    Effect.succeed(Duration.max(duration, requestedDelay(input) ?? Duration.zero))
  )

/** Repeats an attempt on the schedule while it fails with a `RipioHttpError` that may be repeated. */
export const retryWith = <A, E>(
  attempt: Effect.Effect<A, E | RipioHttpError>,
  schedule: Schedule.Schedule<unknown, RipioHttpError>,
  isRepeatable: (error: RipioHttpError) => boolean
): Effect.Effect<A, E | RipioHttpError> => {
  const mayRepeat = (error: E | RipioHttpError): error is RipioHttpError =>
    error instanceof RipioHttpError &&
    isRepeatable(error) &&
    Duration.isLessThanOrEqualTo(requestedDelay(error) ?? Duration.zero, maxRetryAfter)

  // `Effect.retry` also steps the schedule on success, which takes as long as the rest of the call.
  return Effect.catchIf(attempt, mayRepeat, (first) =>
    Effect.flatMap(Schedule.toStepWithMetadata(schedule), (step) => {
      const repeatAfter = (failure: RipioHttpError): Effect.Effect<A, E | RipioHttpError> =>
        Pull.matchEffect(step(failure), {
          onSuccess: () =>
            Effect.andThen(
              Effect.logDebug(`Retrying: ${failure.message}`),
              Effect.catchIf(attempt, mayRepeat, repeatAfter)
            ),
          onFailure: Effect.failCause,
          onDone: () => Effect.fail(failure)
        })
      return repeatAfter(first)
    })
  )
}
