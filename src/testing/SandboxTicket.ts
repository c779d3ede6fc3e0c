import type { CustomerId } from "../domain/CustomerId.ts"
import type { TicketId } from "../domain/TicketId.ts"

/**
 * A file as it arrived with a ticket.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxFile {
  readonly name: string
  readonly type: string
  readonly bytes: Uint8Array
}

/**
 * A ticket that a sandbox was asked to create, with what was in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SandboxTicket {
  readonly ticketId: TicketId
  /** The account that it belongs to. */
  readonly clientId: string
  /** Milliseconds of the `Clock` at which it came. */
  readonly at: number
  readonly customerId: CustomerId
  readonly summary: string
  readonly description: string
  readonly files: ReadonlyArray<SandboxFile>
  /** What has become of it by now. */
  readonly state: "Pending" | "Created" | "Failed"
}
