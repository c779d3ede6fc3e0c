import type * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { TicketEvent } from "../../domain/TicketEvent.ts"
import type { WebhookRejectedReason } from "../../domain/WebhookRejected.ts"

const deliveries = Metric.counter("ripio_webhook_deliveries", {
  description: "Webhooks verified, by the event that they brought or the reason for which they were rejected",
  incremental: true
})

const series = new Map<string, Effect.Effect<void>>()

/** Counts one delivery. There are nine results at most, so the effects are made once. */
export const count = (result: TicketEvent["_tag"] | WebhookRejectedReason["_tag"]): Effect.Effect<void> => {
  const known = series.get(result)
  if (known !== undefined) return known
  const made = Metric.update(Metric.withAttributes(deliveries, { result }), 1)
  series.set(result, made)
  return made
}

/** Counts what the inbox gave up on. */
export const deadLetters = Metric.counter("ripio_webhook_dead_letters", {
  description: "Events that the inbox set aside after their last attempt",
  incremental: true
})

/** Counts tickets that were told to have ended in two ways. */
export const contradictions = Metric.counter("ripio_ticket_contradictions", {
  description: "Outcomes that contradict the one already known of their ticket",
  incremental: true
})
