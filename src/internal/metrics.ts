import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { ApiError } from "../domain/ApiError.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import type { WebhookRejectedReason } from "../domain/WebhookRejected.ts"

/** Remembers the results of a function. To label a metric costs more than to update it, and there are few labels. */
const memoize = <A>(create: (key: string) => A): ((key: string) => A) => {
  const results = new Map<string, A>()
  return (key) => {
    const known = results.get(key)
    if (known !== undefined) return known
    const result = create(key)
    results.set(key, result)
    return result
  }
}

const attempts = Metric.counter("ripio_client_attempts", {
  description: "Requests sent to Ripio by operation, including token requests, retries and polls",
  incremental: true
})

const failures = Metric.counter("ripio_client_failures", {
  description: "Failed calls by operation and error",
  incremental: true
})

const retries = Metric.counter("ripio_client_retries", {
  description: "Retries by operation",
  incremental: true
})

/** Counts the polls of `awaitOutcome` and `changes`. */
export const polls = Metric.counter("ripio_client_polls", {
  description: "Polls of tickets whose outcome is awaited",
  incremental: true
})

export const tokenRenewals = Metric.counter("ripio_client_token_renewals", {
  description: "Access tokens received, including the first one",
  incremental: true
})

const tokenAge = Metric.gauge("ripio_client_token_age_seconds", {
  description: "Age of the access token at its last use"
})

/** @param ageMillis the age of the token in milliseconds */
export const tokenUsed = (ageMillis: number, context: Context.Context<never>): void =>
  tokenAge.updateUnsafe(ageMillis / 1000, context)

/** The metrics of one operation. No label contains a ticket or an account. */
export const forOperation = memoize((operation) => {
  const label = Metric.withAttributes({ operation })
  const [attempted, repeated, failed] = [label(attempts), label(retries), label(failures)]
  const failedWith = memoize((error) => Metric.withAttributes(failed, { error }))
  return {
    attempt: (number: number, context: Context.Context<never>): void => {
      attempted.updateUnsafe(1, context)
      if (number > 1) repeated.updateUnsafe(1, context)
    },
    failure: (failure: Unauthenticated | ApiError | RipioHttpError): Effect.Effect<void> =>
      Metric.update(failedWith("reason" in failure ? failure.reason._tag : failure._tag), 1)
  }
})

const webhookDeliveries = Metric.counter("ripio_webhook_deliveries", {
  description: "Webhook deliveries by event, or by the reason of the rejection",
  incremental: true
})

const deliveriesWith = memoize((result) => Metric.update(Metric.withAttributes(webhookDeliveries, { result }), 1))

/** How long calls and polls waited for the account gate. Those that did not wait are not counted. */
export const gateWait = Metric.histogram("ripio_client_gate_wait_seconds", {
  description: "Waiting times of calls and polls at the account gate",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
})

/** Counts one webhook delivery. */
export const countDelivery = (result: TicketEvent["_tag"] | WebhookRejectedReason["_tag"]): Effect.Effect<void> =>
  deliveriesWith(result)

/** Counts the events that the inbox moved to the dead letters. */
export const deadLetters = Metric.counter("ripio_webhook_dead_letters", {
  description: "Events that failed in every attempt",
  incremental: true
})

/** Counts the tickets for which two outcomes were reported. */
export const contradictions = Metric.counter("ripio_ticket_contradictions", {
  description: "Outcomes that contradict the known outcome of their ticket",
  incremental: true
})

const submissions = Metric.counter("ripio_durable_submissions", {
  description: "Submissions by how they ended",
  incremental: true
})

/** Counts the submissions of an outbox. */
export const submissionCounter = memoize((result) => Metric.update(Metric.withAttributes(submissions, { result }), 1))

const trackings = Metric.counter("ripio_durable_trackings", {
  description: "Tracked tickets by how the tracking ended",
  incremental: true
})

/** Counts the tickets of a tracker. */
export const trackingCounter = memoize((result) => Metric.update(Metric.withAttributes(trackings, { result }), 1))

/** The number of elements that wait in a queue or are handled. */
export const queueSize = Metric.gauge("ripio_durable_queue_size", {
  description: "Elements of a queue that are not done"
})

/** The age of the oldest element that waits in a queue or is handled. */
export const queueAge = Metric.gauge("ripio_durable_queue_age_seconds", {
  description: "Age of the oldest element of a queue that is not done"
})
