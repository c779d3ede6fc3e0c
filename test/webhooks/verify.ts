import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  TicketWebhooks,
  TicketWebhooksLive,
  type TicketWebhooksOptions,
  type WebhookDelivery
} from "../../src/index.ts"
import { secret, setClockToIssueTime } from "./fixtures.ts"

/** Verifies a delivery on the current time of the clock. */
export const verifyNow = (delivery: WebhookDelivery, options: Partial<TicketWebhooksOptions> = {}) =>
  TicketWebhooks.use((webhooks) => webhooks.verify(delivery)).pipe(
    Effect.provide(Layer.orDie(TicketWebhooksLive.layer({ secrets: [secret], ...options })))
  )

/** Verifies a delivery at the issue time of the fixtures. */
export const verify = (delivery: WebhookDelivery, options?: Partial<TicketWebhooksOptions>) =>
  Effect.andThen(setClockToIssueTime, verifyNow(delivery, options))

/** Why a delivery is rejected at the issue time of the fixtures. */
export const rejectionOf = (delivery: WebhookDelivery, options?: Partial<TicketWebhooksOptions>) =>
  Effect.map(Effect.flip(verify(delivery, options)), ({ reason }) => reason)
