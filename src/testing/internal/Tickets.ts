import type { IssueKey } from "../../domain/IssueKey.ts"
import type { TicketId } from "../../domain/TicketId.ts"

export type Outcome = "Created" | "Failed"

interface Ticket {
  readonly ticketId: TicketId
  readonly clientId: string
  readonly issueKey: IssueKey
  /** What it becomes, from the millisecond `at` on. Nothing has to run meanwhile: the time of the question decides. */
  end: { readonly outcome: Outcome; readonly at: number } | undefined
}

const hasEnded = (ticket: Ticket, now: number) => ticket.end !== undefined && ticket.end.at <= now

/** The body of a retrieve answer. */
export const toWire = (ticket: Ticket, now: number) => {
  const outcome = hasEnded(ticket, now) ? ticket.end?.outcome : undefined
  return {
    ticketId: ticket.ticketId,
    status: outcome === undefined ? "PENDING" : outcome === "Created" ? "CREATED" : "FAILED",
    issueKey: outcome === "Created" ? ticket.issueKey : null
  }
}

/** The tickets of one sandbox. */
export class Tickets {
  readonly #tickets = new Map<TicketId, Ticket>()

  /** The number of the next ticket: its id and its issue key are made from it. */
  get next(): number {
    return this.#tickets.size + 1
  }

  add(ticket: Ticket): void {
    if (this.#tickets.has(ticket.ticketId)) throw new Error(`Sandbox: there is a ticket ${ticket.ticketId} already`)
    this.#tickets.set(ticket.ticketId, ticket)
  }

  find(ticketId: TicketId, clientId: string): Ticket | undefined {
    const ticket = this.#tickets.get(ticketId)
    return ticket?.clientId === clientId ? ticket : undefined
  }

  settle(ticketId: TicketId, outcome: Outcome, now: number): void {
    const ticket = this.#tickets.get(ticketId)
    if (ticket === undefined) throw new Error(`Sandbox: there is no ticket ${ticketId}; make it with seed`)
    if (hasEnded(ticket, now) && ticket.end?.outcome !== outcome) {
      throw new Error(`Sandbox: ticket ${ticketId} has ended as ${ticket.end?.outcome}, and an outcome does not change`)
    }
    ticket.end = { outcome, at: now }
  }
}
