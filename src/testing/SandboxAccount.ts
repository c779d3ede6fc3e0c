/**
 * Accounts of a sandbox.
 *
 * @since 0.1.0
 */
import type * as Redacted from "effect/Redacted"

/**
 * The credentials of one account of a sandbox. A ticket belongs to one account and is visible only to that account.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxAccount {
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
}
