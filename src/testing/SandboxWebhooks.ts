/**
 * Webhook subscriptions and deliveries of a sandbox.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { SandboxAccount } from "./SandboxAccount.ts"
import type { WebhookContent } from "./SignWebhook.ts"

/**
 * The receiver of webhooks: a URL, called with `fetch`, or a handler in process such as that of
 * `TicketWebhookHandler.make`.
 *
 * @category models
 * @since 0.1.0
 */
export type WebhookTarget = string | URL | ((request: Request) => Promise<Response>)

/**
 * How a sandbox delivers webhooks. By default it delivers each event once, when the ticket ends.
 *
 * @category options
 * @since 0.1.0
 */
export interface SandboxWebhookOptions {
  /** The secret that signs the webhooks. Default: `webhookSecret` of the sandbox. */
  readonly secret?: Redacted.Redacted | undefined
  /** The account whose tickets are reported. Default: the default account of the sandbox. */
  readonly account?: SandboxAccount | undefined
  /** The delay between the end of a ticket and the delivery. The signed time is that of the end. Default: none. */
  readonly delay?: Duration.Input | undefined
  /** How many times each event is delivered. Default: 1. */
  readonly times?: number | undefined
  /** Holds back this number of events, then delivers them in reverse order. Default: 1, in order. */
  readonly reorderWindow?: number | undefined
  /** Whether a forgery precedes each event: the opposite outcome, signed with a wrong secret. Default: `false`. */
  readonly forge?: boolean | undefined
  /** How many times a delivery is retried after a 5xx or without a response: after 1 s, 2 s, 4 s and so on. Default: 5. */
  readonly retries?: number | undefined
}

/**
 * One delivery attempt of a webhook.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxDelivery {
  /** The time of the attempt in milliseconds of the `Clock`. */
  readonly at: number
  readonly content: WebhookContent
  /** 1 for the first attempt, and one more for each retry. */
  readonly attempt: number
  readonly forged: boolean
  /** The status of the response, or `undefined` if none has arrived. */
  readonly status: number | undefined
}
