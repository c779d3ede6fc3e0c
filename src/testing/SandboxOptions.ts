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
 * Options of a sandbox: its token endpoint, and the ids of its tickets.
 *
 * @category options
 * @since 0.1.0
 */
export interface SandboxOptions {
  /** The lifetime of a token. Default: 10 hours, as in the example of the API documentation. */
  readonly tokenLifetime?: Duration.Input | undefined
  /** The case of the field names in a token response. Real servers use both. Default: `camelCase`. */
  readonly tokenResponseCase?: "camelCase" | "snake_case" | undefined
  /**
   * Determines the ids and the issue keys of the tickets, an integer from 0 to 2^48 - 1. With seed `0` the first ticket is
   * `00000000-0000-4000-8000-000000000001`, with the issue key `SUP-1001`. Default: random, so that a restarted sandbox does
   * not repeat ids that a persistent inbox remembers.
   */
  readonly seed?: number | undefined
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
  /** Default: the next id. The option `seed` of the sandbox determines the first. */
  readonly ticketId?: TicketId | undefined
  /** The account that the ticket belongs to. Default: the default account of the sandbox. */
  readonly account?: SandboxAccount | undefined
  /** The issue key of the ticket if its outcome is `Created`. Default: the next key, see `seed`. */
  readonly issueKey?: IssueKey | undefined
}
