import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
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

/** @param grantedAt when the token was granted, in milliseconds of the `Clock` */
export const tokenUsed = (grantedAt: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Metric.update(tokenAge, (now - grantedAt) / 1000))

/** The series of one operation. Their labels are few and known beforehand: no ticket, no account. */
export const forOperation = (operation: string) => {
  const label = Metric.withAttributes({ operation })
  const [attempted, repeated] = [label(attempts), label(retries)]
  return {
    attempt: (number: number): Effect.Effect<void> =>
      number === 1
        ? Metric.update(attempted, 1)
        : Effect.andThen(Metric.update(attempted, 1), Metric.update(repeated, 1)),
    failure: (error: Unauthenticated | ApiError | RipioHttpError): Effect.Effect<void> =>
      Metric.update(
        Metric.withAttributes(failures, { operation, error: "reason" in error ? error.reason._tag : error._tag }),
        1
      )
  }
}
