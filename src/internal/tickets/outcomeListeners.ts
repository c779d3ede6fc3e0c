import type { TicketOutcome } from "../../domain/SupportTicket.ts"
import type { TicketId } from "../../domain/TicketId.ts"

/** Receives the outcome of a ticket, once. */
export interface OutcomeListener {
  settled(outcome: TicketOutcome): void
}

/** The listeners of a `TicketOutcomes`. */
export interface OutcomeListeners {
  /** Adds a listener, or returns the outcome if it is known. */
  readonly add: (id: TicketId, listener: OutcomeListener) => TicketOutcome | undefined
  readonly remove: (id: TicketId, listener: OutcomeListener) => void
}

// By service, because a listener takes much less memory than a fiber in `await` for each of many waits. A service that a
// program made has none.
const listenersOf = new WeakMap<object, OutcomeListeners>()

export const setListeners = (service: object, listeners: OutcomeListeners): void => {
  listenersOf.set(service, listeners)
}

export const getListeners = (service: object): OutcomeListeners | undefined => listenersOf.get(service)
