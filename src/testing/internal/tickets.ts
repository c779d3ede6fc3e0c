import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CustomerId } from "../../domain/CustomerId.ts"
import { IssueKey } from "../../domain/IssueKey.ts"
import type { TicketOutcome } from "../../domain/SupportTicket.ts"
import { TicketId } from "../../domain/TicketId.ts"
import type { OutcomeOptions } from "../SandboxOptions.ts"
import type { SandboxFile, SandboxTicket } from "../SandboxTicket.ts"

export type Outcome = "Created" | "Failed"

/** What a customer said. */
export interface Content {
  readonly customerId: CustomerId
  readonly summary: string
  readonly description: string
  readonly files: ReadonlyArray<SandboxFile>
}

export interface Ticket {
  readonly ticketId: TicketId
  readonly clientId: string
  readonly issueKey: IssueKey
  readonly at: number
  /** Nothing is known of what is in a ticket that a test put there. */
  readonly content: Content | undefined
  /** What it becomes, from the millisecond `at` on. Nothing has to run meanwhile: the time of the question decides. */
  end: { readonly outcome: Outcome; readonly at: number } | undefined
}

const hasEnded = (ticket: Ticket, now: number) => ticket.end !== undefined && ticket.end.at <= now

const outcomeOf = (ticket: Ticket, now: number) => (hasEnded(ticket, now) ? ticket.end?.outcome : undefined)

/** The body of a retrieve answer. */
export const toWire = (ticket: Ticket, now: number) => {
  const outcome = outcomeOf(ticket, now)
  return {
    ticketId: ticket.ticketId,
    status: outcome === undefined ? "PENDING" : outcome === "Created" ? "CREATED" : "FAILED",
    issueKey: outcome === "Created" ? ticket.issueKey : null
  }
}

/** Waits for a ticket's end, and tells it unless the ticket has ended in another way meanwhile. */
export const whenEnded = (ticket: Ticket, tell: (outcome: TicketOutcome) => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { end, issueKey, ticketId } = ticket
    if (end === undefined) return
    yield* Effect.sleep(Math.max(0, end.at - (yield* Clock.currentTimeMillis)))
    if (ticket.end !== end) return
    yield* tell(end.outcome === "Created" ? { _tag: "Created", ticketId, issueKey } : { _tag: "Failed", ticketId })
  })

/** The tickets of one sandbox. */
export class Tickets {
  readonly #tickets = new Map<TicketId, Ticket>()
  #made = 0

  /** How tickets end that come by a request. */
  ending: OutcomeOptions = {}

  /** Is told of each ticket when it is known how and when it ends. */
  onEnding: (ticket: Ticket) => void = () => {}

  /** A ticket that is not kept yet. */
  make(
    like: OutcomeOptions & {
      readonly clientId: string
      readonly ticketId?: TicketId
      readonly issueKey?: IssueKey
      readonly content?: Content
    },
    now: number
  ): Ticket {
    const number = ++this.#made
    const outcome = like.outcome ?? "Created"
    return {
      ticketId: like.ticketId ?? TicketId.make(`00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`),
      clientId: like.clientId,
      issueKey: like.issueKey ?? IssueKey.make(`SUP-${1000 + number}`),
      at: now,
      content: like.content,
      end: outcome === "Pending" ? undefined : { outcome, at: now + Duration.toMillis(like.after ?? "3 seconds") }
    }
  }

  add(ticket: Ticket): void {
    if (this.#tickets.has(ticket.ticketId)) throw new Error(`Sandbox: there is a ticket ${ticket.ticketId} already`)
    this.#tickets.set(ticket.ticketId, ticket)
    this.onEnding(ticket)
  }

  find(ticketId: TicketId, clientId: string): Ticket | undefined {
    const ticket = this.#tickets.get(ticketId)
    return ticket?.clientId === clientId ? ticket : undefined
  }

  /** Those of an account that are going to end. */
  endingAfter(clientId: string, now: number): ReadonlyArray<Ticket> {
    return [...this.#tickets.values()].filter(
      (ticket) => ticket.clientId === clientId && ticket.end !== undefined && ticket.end.at > now
    )
  }

  /** Those that came by a request. */
  created(now: number): ReadonlyArray<SandboxTicket> {
    return [...this.#tickets.values()].flatMap((ticket) => {
      const { at, clientId, content, ticketId } = ticket
      return content === undefined
        ? []
        : [{ ticketId, clientId, at, ...content, state: outcomeOf(ticket, now) ?? "Pending" }]
    })
  }

  complete(ticketId: TicketId, outcome: Outcome, now: number): void {
    const ticket = this.#tickets.get(ticketId)
    if (ticket === undefined) throw new Error(`Sandbox: there is no ticket ${ticketId}; make it with seed`)
    if (hasEnded(ticket, now) && ticket.end?.outcome !== outcome) {
      throw new Error(`Sandbox: ticket ${ticketId} has ended as ${ticket.end?.outcome}, and an outcome does not change`)
    }
    if (hasEnded(ticket, now)) return
    ticket.end = { outcome, at: now }
    this.onEnding(ticket)
  }
}
