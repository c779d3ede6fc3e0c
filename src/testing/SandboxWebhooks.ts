import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { SandboxAccount } from "./SandboxAccount.ts"
import type { WebhookContent } from "./SignWebhook.ts"

/**
 * Where a sandbox sends webhooks: a URL, by `fetch`, or a handler in process such as that of `TicketWebhookHandler.make`.
 *
 * @category models
 * @since 0.1.0
 */
export type WebhookTarget = string | URL | ((request: Request) => Promise<Response>)

/**
 * How a sandbox sends webhooks. By default each event is sent once, at the moment at which its ticket ends.
 *
 * @category options
 * @since 0.1.0
 */
export interface SandboxWebhookOptions {
  /** What they are signed with. Default: the sandbox's `webhookSecret`. */
  readonly secret?: Redacted.Redacted
  /** Whose tickets they are of. Default: the sandbox's own account. */
  readonly account?: SandboxAccount
  /** How long after its ticket has ended an event is sent. The signed moment is that of the end. Default: at once. */
  readonly delay?: Duration.Input
  /** How often each event is sent. Default: 1. */
  readonly times?: number
  /** Holds events back until there are so many, and sends the last first. Default: 1, in order. */
  readonly reorderWindow?: number
  /** Sends before each event one that says the opposite, and that is signed with a secret of somebody else. */
  readonly forge?: boolean
  /** How often one is sent again that is answered with a 5xx or not at all: after 1 s, then 2 s, 4 s... Default: 5. */
  readonly retries?: number
}

/**
 * A webhook that a sandbox has sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxDelivery {
  /** Milliseconds of the `Clock` at which it was sent. */
  readonly at: number
  readonly content: WebhookContent
  /** 1, or more if it was sent again for want of a good answer. */
  readonly attempt: number
  readonly forged: boolean
  /** The status of the answer, or `undefined` if none came (yet). */
  readonly status: number | undefined
}
