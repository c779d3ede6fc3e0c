import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type { OutcomeContradiction } from "../../domain/OutcomeContradiction.ts"
import type { RipioHttpError } from "../../domain/RipioHttpError.ts"
import type { SupportTicket, TicketOutcome } from "../../domain/SupportTicket.ts"
import type { TicketId } from "../../domain/TicketId.ts"

type OutcomeListener = (outcome: TicketOutcome) => void

type Run = <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>

/** The outcomes that webhooks report. */
interface Outcomes {
  readonly get: (id: TicketId) => Effect.Effect<Option.Option<TicketOutcome>>
  readonly await: (id: TicketId) => Effect.Effect<TicketOutcome>
  readonly record: (outcome: TicketOutcome) => Effect.Effect<void, OutcomeContradiction>
  readonly schedule: Schedule.Schedule<Duration.Duration, SupportTicket | RipioHttpError>
}

/** The outcomes that webhooks report, for a wait. */
export interface KnownOutcomes extends Omit<Outcomes, "await"> {
  /** Calls the listener once, with the outcome of a ticket when it is recorded, or at once. Returns how to stop that. */
  readonly subscribe: (id: TicketId, listener: OutcomeListener, run: Run) => () => void
}

/** Listeners for outcomes. They take no fiber each, because 100,000 tickets may be awaited. */
export class OutcomeListeners {
  private readonly listeners = new Map<TicketId, Array<OutcomeListener>>()

  get size(): number {
    let size = 0
    for (const listeners of this.listeners.values()) size += listeners.length
    return size
  }

  /** Returns how to remove the listener. */
  add(id: TicketId, listener: OutcomeListener): () => void {
    const listeners = this.listeners.get(id)
    if (listeners === undefined) this.listeners.set(id, [listener])
    else listeners.push(listener)
    return () => this.remove(id, listener)
  }

  private remove(id: TicketId, listener: OutcomeListener): void {
    const listeners = this.listeners.get(id) ?? []
    const index = listeners.indexOf(listener)
    if (index < 0) return
    if (listeners.length === 1) this.listeners.delete(id)
    else listeners.splice(index, 1)
  }

  /** Calls and removes the listeners of a ticket. */
  notify(outcome: TicketOutcome): void {
    const listeners = this.listeners.get(outcome.ticketId) ?? []
    this.listeners.delete(outcome.ticketId)
    for (const listener of listeners) listener(outcome)
  }
}

type Subscribe = KnownOutcomes["subscribe"]

const subscriptions = new WeakMap<object, Subscribe>()

/** Remembers how to subscribe to a service. For one that a program replaces, each subscription takes a fiber. */
export const setSubscribe = <Service extends object>(service: Service, subscribe: Subscribe): Service => {
  subscriptions.set(service, subscribe)
  return service
}

export const toKnownOutcomes = (outcomes: Outcomes): KnownOutcomes => ({
  get: (id) => outcomes.get(id),
  record: (outcome) => outcomes.record(outcome),
  schedule: outcomes.schedule,
  subscribe:
    subscriptions.get(outcomes) ??
    ((id, listener, run) => {
      const fiber = run(Effect.map(outcomes.await(id), listener))
      return () => fiber.interruptUnsafe()
    })
})
