import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { ApiError } from "../domain/ApiError.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"

const attempts = Metric.counter("ripio_client_attempts", {
  description: "Requests sent to Ripio, by operation: token requests, retries and polls included",
  incremental: true
})

const failures = Metric.counter("ripio_client_failures", {
  description: "Calls that ended in an error, by operation and error",
  incremental: true
})

const retries = Metric.counter("ripio_client_retries", {
  description: "Attempts that repeat a failed one, by operation",
  incremental: true
})

/** Counts the polls of `awaitOutcome` and `changes`. */
export const polls = Metric.counter("ripio_client_polls", {
  description: "Times that a ticket was asked for while waiting for its outcome",
  incremental: true
})

export const tokenRenewals = Metric.counter("ripio_client_token_renewals", {
  description: "Access tokens obtained, the first one included",
  incremental: true
})

const tokenAge = Metric.gauge("ripio_client_token_age_seconds", {
  description: "Age of the access token at its last use"
})

/** @param age of the token, in milliseconds */
export const tokenUsed = (age: number, context: Context.Context<never>): void =>
  tokenAge.updateUnsafe(age / 1000, context)

/** The series of one operation. Their labels are few and known beforehand: no ticket, no account. */
export const forOperation = (operation: string) => {
  const label = Metric.withAttributes({ operation })
  const [attempted, repeated, failed] = [label(attempts), label(retries), label(failures)]
  const byError = new Map<string, typeof failed>()
  return {
    attempt: (number: number, context: Context.Context<never>): void => {
      attempted.updateUnsafe(1, context)
      if (number > 1) repeated.updateUnsafe(1, context)
    },
    failure: (failure: Unauthenticated | ApiError | RipioHttpError): Effect.Effect<void> => {
      const error = "reason" in failure ? failure.reason._tag : failure._tag
      const counter = byError.get(error) ?? Metric.withAttributes(failed, { error })
      byError.set(error, counter)
      return Metric.update(counter, 1)
    }
  }
}
