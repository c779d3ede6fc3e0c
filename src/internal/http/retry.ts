import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { maxRetryAfter } from "../../domain/RetryPolicy.ts"
import { retryAfterOf, RipioHttpError } from "../../domain/RipioHttpError.ts"

/** A schedule that also waits for as long as the answer asked. */
export const patient = (schedule: Schedule.Schedule<unknown, RipioHttpError>) =>
  Schedule.modifyDelay(schedule, ({ duration, input }) =>
    Effect.succeed(Duration.max(duration, retryAfterOf(input) ?? Duration.zero))
  )

/** What a read does no harm to repeat. */
export const passing = (error: RipioHttpError): boolean => error.isRetryable

/** What is safe to repeat of a request that changes something: it certainly did not leave. */
export const unsent = ({ reason }: RipioHttpError): boolean =>
  reason._tag === "TransportFailed" && !reason.mayHaveBeenSent

/** Repeats an attempt on the schedule, as long as it fails in a way that may be repeated. */
export const retrying = <A, E>(
  attempt: Effect.Effect<A, E | RipioHttpError>,
  schedule: Schedule.Schedule<unknown, RipioHttpError>,
  isRepeatable: (error: RipioHttpError) => boolean
): Effect.Effect<A, E | RipioHttpError> => {
  const mayRepeat = (error: E | RipioHttpError): error is RipioHttpError =>
    error instanceof RipioHttpError &&
    isRepeatable(error) &&
    Duration.isLessThanOrEqualTo(retryAfterOf(error) ?? Duration.zero, maxRetryAfter)

  // `Effect.retry` would step the schedule on every success too, which costs as much as the rest of the call.
  return Effect.catchIf(attempt, mayRepeat, (first) =>
    Effect.flatMap(Schedule.toStepWithMetadata(schedule), (step) => {
      const after = (failure: RipioHttpError): Effect.Effect<A, E | RipioHttpError> =>
        Pull.matchEffect(step(failure), {
          onSuccess: () =>
            Effect.andThen(
              Effect.logDebug(`Trying again: ${failure.message}`),
              Effect.catchIf(attempt, mayRepeat, after)
            ),
          onFailure: Effect.failCause,
          onDone: () => Effect.fail(failure)
        })
      return after(first)
    })
  )
}
