/**
 * Tickets that requests created in a sandbox.
 *
 * @since 0.1.0
 */
import type { CustomerId } from "../domain/CustomerId.ts"
import type { TicketId } from "../domain/TicketId.ts"

/**
 * A file of a ticket, as the sandbox received it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxFile {
  readonly name: string
  readonly type: string
  /** The number of bytes of the file. */
  readonly size: number
  /** The content: of a file of more than 16 MiB, only the first 16 MiB. */
  readonly bytes: Uint8Array
}

/**
 * A ticket that a request created in a sandbox, with its content.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxTicket {
  readonly ticketId: TicketId
  /** The client id of the account that the ticket belongs to. */
  readonly clientId: string
  /** The time of the request in milliseconds of the `Clock`. */
  readonly at: number
  readonly customerId: CustomerId
  readonly summary: string
  readonly description: string
  readonly files: ReadonlyArray<SandboxFile>
  /** The state at the time of the call that returned this ticket. */
  readonly state: "Pending" | "Created" | "Failed"
}
