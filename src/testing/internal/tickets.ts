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

export interface TicketContent {
  readonly customerId: CustomerId
  readonly summary: string
  readonly description: string
  readonly files: ReadonlyArray<SandboxFile>
}

export interface Ticket {
  readonly ticketId: TicketId
  readonly clientId: string
  readonly issueKey: IssueKey
  /** The millisecond at which it was accepted. */
  readonly at: number
  /** `undefined` for a seeded ticket. */
  readonly content: TicketContent | undefined
  /** The outcome, effective from the millisecond `at`. Each read compares `at` with the clock, so no fiber has to run. */
  end: { readonly outcome: Outcome; readonly at: number } | undefined
}

/** The outcome of a ticket at this time, or `undefined` while it is pending. */
export const outcomeAt = ({ end }: Ticket, now: number): Outcome | undefined =>
  end !== undefined && end.at <= now ? end.outcome : undefined

/** A ticket in the JSON of the API. */
export const toWire = ({ issueKey, ticketId }: Ticket, outcome: Outcome | undefined) => ({
  ticketId,
  status: outcome === undefined ? "PENDING" : outcome === "Created" ? "CREATED" : "FAILED",
  issueKey: outcome === "Created" ? issueKey : null
})

/** Waits for the end of a ticket and reports its outcome, unless `complete` has replaced that end meanwhile. */
export const notifyAtEnd = (
  ticket: Ticket,
  notify: (outcome: TicketOutcome) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { end, issueKey, ticketId } = ticket
    if (end === undefined) return
    yield* Effect.sleep(Math.max(0, end.at - (yield* Clock.currentTimeMillis)))
    if (ticket.end !== end) return
    yield* notify(end.outcome === "Created" ? { _tag: "Created", ticketId, issueKey } : { _tag: "Failed", ticketId })
  })

const maxSeed = 2 ** 48 - 1

// Not from `Random`: a draw here would shift the sequence of a test that seeds `Random`.
const randomSeed = (): number => Number.parseInt(crypto.randomUUID().replace("-", "").slice(0, 12), 16)

/** The tickets of one sandbox. */
export class Tickets {
  readonly #tickets = new Map<TicketId, Ticket>()
  /** The first digits of every id. A persistent inbox remembers ids, so another sandbox must not repeat them. */
  readonly #idPrefix: string
  readonly #issueKeyBase: number
  #count = 0

  constructor(seed = randomSeed()) {
    if (!Number.isSafeInteger(seed) || seed < 0 || seed > maxSeed) {
      throw new Error("Sandbox: seed must be an integer from 0 to 2 ** 48 - 1.")
    }
    const digits = seed.toString(16).padStart(12, "0")
    this.#idPrefix = `${digits.slice(0, 8)}-${digits.slice(8)}-4000-8000`
    this.#issueKeyBase = 1000 * (1 + (seed % 1_000_000))
  }

  /** The outcome of tickets that requests create. */
  createOptions: OutcomeOptions = {}

  /** Called with each ticket when its end is set. */
  onEndSet: (ticket: Ticket) => void = () => {}

  /** Makes a ticket without storing it. */
  make(
    options: OutcomeOptions & {
      readonly clientId: string
      readonly ticketId?: TicketId | undefined
      readonly issueKey?: IssueKey | undefined
      readonly content?: TicketContent | undefined
    },
    now: number
  ): Ticket {
    const number = ++this.#count
    const outcome = options.outcome ?? "Created"
    return {
      ticketId: options.ticketId ?? TicketId.make(`${this.#idPrefix}-${`${number}`.padStart(12, "0")}`),
      clientId: options.clientId,
      issueKey: options.issueKey ?? IssueKey.make(`SUP-${this.#issueKeyBase + number}`),
      at: now,
      content: options.content,
      end: outcome === "Pending" ? undefined : { outcome, at: now + Duration.toMillis(options.after ?? "3 seconds") }
    }
  }

  add(ticket: Ticket): void {
    if (this.#tickets.has(ticket.ticketId)) {
      throw new Error(`Sandbox: there is a ticket ${ticket.ticketId} already. Pass another ticketId.`)
    }
    this.#tickets.set(ticket.ticketId, ticket)
    this.onEndSet(ticket)
  }

  find(ticketId: TicketId, clientId: string): Ticket | undefined {
    const ticket = this.#tickets.get(ticketId)
    return ticket?.clientId === clientId ? ticket : undefined
  }

  /** The tickets of an account that end after this time. */
  endingAfter(clientId: string, now: number): ReadonlyArray<Ticket> {
    return [...this.#tickets.values()].filter(
      (ticket) => ticket.clientId === clientId && ticket.end !== undefined && ticket.end.at > now
    )
  }

  /** The stored tickets that requests created, without seeded tickets. */
  created(now: number): ReadonlyArray<SandboxTicket> {
    return [...this.#tickets.values()].flatMap((ticket) => {
      const { at, clientId, content, ticketId } = ticket
      return content === undefined
        ? []
        : [{ ticketId, clientId, at, ...content, state: outcomeAt(ticket, now) ?? "Pending" }]
    })
  }

  complete(ticketId: TicketId, outcome: Outcome, now: number): void {
    const ticket = this.#tickets.get(ticketId)
    if (ticket === undefined) throw new Error(`Sandbox: there is no ticket ${ticketId}. Add the ticket with seed.`)
    const current = outcomeAt(ticket, now)
    if (current === outcome) return
    if (current !== undefined) {
      throw new Error(
        `Sandbox: ticket ${ticketId} has ended as ${current} and cannot become ${outcome}: outcomes are final.`
      )
    }
    ticket.end = { outcome, at: now }
    this.onEndSet(ticket)
  }
}
