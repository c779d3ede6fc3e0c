import type * as Redacted from "effect/Redacted"
import type { TicketId } from "../domain/TicketId.ts"
import type { Fault } from "./Fault.ts"

/**
 * An endpoint of the sandbox: the token endpoint, Create Support Ticket or Retrieve Support Ticket.
 *
 * @category models
 * @since 0.1.0
 */
export type Route = "token" | "create" | "retrieve"

/**
 * A request as a sandbox received it. Credentials are `Redacted`; a test may compare them through `Redacted.value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxRequest {
  /** Milliseconds of the `Clock` at which it came. */
  readonly at: number
  /** `undefined` if no endpoint has this path and method. */
  readonly route: Route | undefined
  readonly method: string
  /** The path alone, without the query. */
  readonly path: string
  readonly ticketId: TicketId | undefined
  /** The names are in lower case. */
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** The account whose client id or good token it carried. */
  readonly clientId: string | undefined
  /** The status that was answered, or `undefined` if no answer left (yet). */
  readonly status: number | undefined
  /** The injected fault that it met. */
  readonly fault: Fault | undefined
}
