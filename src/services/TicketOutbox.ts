/**
 * The outbox of tickets as a service.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { InvalidSubmission } from "../domain/InvalidSubmission.ts"
import type { NewTicket } from "../domain/NewTicket.ts"
import type { OutboxUnavailable } from "../domain/OutboxUnavailable.ts"

/**
 * Creates tickets that survive a crash: `submit` stores a ticket in your database, and a worker sends it.
 *
 * A ticket is sent at most once, whatever process ends at whatever moment. Each submission ends in exactly one event of the
 * `TicketInbox`: `SubmissionAccepted`, `SubmissionRejected`, `SubmissionNotSent`, or `SubmissionAmbiguous` if it may have
 * created a ticket. An ambiguous submission waits for `TicketOperations.resolve`, or for the response if its process still
 * lives; then a second event follows.
 *
 * **Example** (A complaint and its ticket in one transaction)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as SqlClient from "effect/sql/SqlClient"
 * import type { NewTicket } from "effect-ripio-tickets"
 * import { TicketOutbox } from "effect-ripio-tickets/durable"
 *
 * const complain = Effect.fnUntraced(function* (complaintId: string, ticket: NewTicket) {
 *   const outbox = yield* TicketOutbox
 *   const sql = yield* SqlClient.SqlClient
 *   yield* sql.withTransaction(
 *     Effect.gen(function* () {
 *       yield* sql`INSERT INTO complaints (id, summary) VALUES (${complaintId}, ${ticket.summary})`
 *       yield* outbox.submit(ticket, { id: complaintId })
 *     })
 *   )
 * })
 * ```
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class TicketOutbox extends Context.Service<
  TicketOutbox,
  {
    /**
     * Stores a ticket to be sent. When it returns, the ticket is stored. In a transaction of the outbox's `SqlClient`, it is
     * stored when the transaction commits.
     *
     * The id is yours, such as that of a complaint: 1 to 200 characters without control characters. A ticket is submitted
     * once per id: the same ticket with the same id changes nothing, for as long as ids are remembered (400 days by
     * default).
     *
     * Fails with
     * - `InvalidSubmission` if the id or the ticket is invalid, the files are too large or cannot be read, or another
     *   ticket was submitted with the id. Nothing is stored or changed then;
     * - `OutboxUnavailable` if the database fails. Submit it again with the same id.
     */
    readonly submit: (
      ticket: NewTicket,
      options: { readonly id: string }
    ) => Effect.Effect<void, OutboxUnavailable | InvalidSubmission>
  }
>()("effect-ripio-tickets/TicketOutbox") {}
