/**
 * Requests in the journal of a sandbox.
 *
 * @since 0.1.0
 */
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
 * A request that a sandbox received. Credentials are `Redacted`; compare them through `Redacted.value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxRequest {
  /** The time of arrival in milliseconds of the `Clock`. */
  readonly at: number
  /** `undefined` if no endpoint has this path and method. */
  readonly route: Route | undefined
  readonly method: string
  /** The path without the query. */
  readonly path: string
  readonly ticketId: TicketId | undefined
  /** The headers by their names in lower case. */
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** The account of the client id or of the valid token in the request. */
  readonly clientId: string | undefined
  /** The status of the response, or `undefined` if none has been sent. */
  readonly status: number | undefined
  /** The injected fault that applied to the request. */
  readonly fault: Fault | undefined
}
