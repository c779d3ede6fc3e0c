import type * as Duration from "effect/Duration"
import type { IssueKey } from "../domain/IssueKey.ts"
import type { TicketId } from "../domain/TicketId.ts"
import type { SandboxAccount } from "./SandboxAccount.ts"

/**
 * How a sandbox gives out tokens.
 *
 * @category options
 * @since 0.1.0
 */
export interface SandboxOptions {
  /** How long a token is good. Default: 10 hours, as in the API owner's example. */
  readonly tokenLifetime?: Duration.Input
  /** The names in the token endpoint's answer: both are seen in the field. Default: `camelCase`. */
  readonly tokenResponseCase?: "camelCase" | "snake_case"
}

/**
 * What becomes of a ticket.
 *
 * @category options
 * @since 0.1.0
 */
export interface OutcomeOptions {
  /** How it ends; with `Pending` it does not, unless by `complete`. Default: `Created`. */
  readonly outcome?: "Created" | "Failed" | "Pending"
  /** How long it stays pending, counted by the `Clock` from when it came. Default: 3 seconds. */
  readonly after?: Duration.Input
}

/**
 * A ticket that a test starts from.
 *
 * @category options
 * @since 0.1.0
 */
export interface SeedOptions extends OutcomeOptions {
  /** Default: `00000000-0000-4000-8000-000000000001`, and counting. */
  readonly ticketId?: TicketId
  /** Whose it is. Default: the sandbox's own account. */
  readonly account?: SandboxAccount
  /** The key under which it is registered, if it ever is. Default: `SUP-1001`, and counting along with the ids. */
  readonly issueKey?: IssueKey
}
