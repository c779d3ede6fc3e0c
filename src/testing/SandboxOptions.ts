/**
 * Options of a sandbox and of the tickets in it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { IssueKey } from "../domain/IssueKey.ts"
import type { TicketId } from "../domain/TicketId.ts"
import type { SandboxAccount } from "./SandboxAccount.ts"

/**
 * Options of the token endpoint of a sandbox.
 *
 * @category options
 * @since 0.1.0
 */
export interface SandboxOptions {
  /** The lifetime of a token. Default: 10 hours, as in the example of the API documentation. */
  readonly tokenLifetime?: Duration.Input | undefined
  /** The case of the field names in a token response. Real servers use both. Default: `camelCase`. */
  readonly tokenResponseCase?: "camelCase" | "snake_case" | undefined
}

/**
 * How and when a ticket ends.
 *
 * @category options
 * @since 0.1.0
 */
export interface OutcomeOptions {
  /** The outcome. A `Pending` ticket ends only by `complete`. Default: `Created`. */
  readonly outcome?: "Created" | "Failed" | "Pending" | undefined
  /** How long the ticket stays pending after it was accepted, by the `Clock`. Default: 3 seconds. */
  readonly after?: Duration.Input | undefined
}

/**
 * Options of a ticket that a test adds to a sandbox.
 *
 * @category options
 * @since 0.1.0
 */
export interface SeedOptions extends OutcomeOptions {
  /** Default: the next id, from `00000000-0000-4000-8000-000000000001`. */
  readonly ticketId?: TicketId | undefined
  /** The account that the ticket belongs to. Default: the default account of the sandbox. */
  readonly account?: SandboxAccount | undefined
  /** The issue key of the ticket if its outcome is `Created`. Default: `SUP-1001` for the first ticket, and so on. */
  readonly issueKey?: IssueKey | undefined
}
