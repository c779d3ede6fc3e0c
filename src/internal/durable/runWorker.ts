import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import type { CreateAmbiguous } from "../../domain/CreateAmbiguous.ts"
import type { InboxEvent } from "../../domain/InboxEvent.ts"
import type { NewTicket } from "../../domain/NewTicket.ts"
import type { OutcomeContradiction } from "../../domain/OutcomeContradiction.ts"
import type { RipioHttpError } from "../../domain/RipioHttpError.ts"
import type { SupportTicket, TicketOutcome } from "../../domain/SupportTicket.ts"
import type { NotEnabled, TicketError } from "../../domain/TicketError.ts"
import type { TicketId } from "../../domain/TicketId.ts"
import type { TicketRejected } from "../../domain/TicketRejected.ts"
import type { AccountView } from "../http/gate/accountView.ts"
import { makeAccount } from "./account.ts"
import { makeWorker } from "./claims.ts"
import type { OutboxEngine, TrackerEngine } from "./engines.ts"
import { makeTakeTogether } from "./takeTogether.ts"

/** Runs the handlers of an outbox, of a tracker or of both until the scope closes. */
export const runWorker = ({
  grace,
  inbox,
  outbox,
  outcomes,
  tickets,
  tracker,
  view
}: {
  readonly tickets: {
    readonly create: (
      ticket: NewTicket
    ) => Effect.Effect<
      { readonly ticketId: TicketId },
      NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError
    >
    readonly retrieve: (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>
  }
  readonly view: AccountView | undefined
  readonly inbox: { readonly offer: (event: InboxEvent) => Effect.Effect<void, unknown> }
  readonly outcomes:
    | {
        readonly get: (id: TicketId) => Effect.Effect<Option.Option<TicketOutcome>>
        readonly record: (outcome: TicketOutcome) => Effect.Effect<void, OutcomeContradiction>
      }
    | undefined
  readonly outbox?: { readonly engine: OutboxEngine; readonly concurrency: number }
  readonly tracker: { readonly engine: TrackerEngine; readonly concurrency: number }
  readonly grace: Duration.Duration
}): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const account = yield* makeAccount({
      retrieve: tickets.retrieve,
      view,
      // In an outage, each ticket that is sent may be ambiguous.
      isKnown: outbox === undefined || outbox.concurrency === 0,
      onClosed: outbox?.engine.recordClosed
    })
    const worker = yield* makeWorker(grace)
    if (outbox !== undefined) {
      const { concurrency, engine } = outbox
      yield* Effect.forkScoped(engine.housekeeping)
      yield* worker.start({
        store: engine.store,
        queue: engine.queue,
        // More would wait at the gate, and be ambiguous if this process were killed.
        concurrency: Math.min(concurrency, view?.maxConcurrency ?? concurrency),
        ready: () => account.opened,
        handle: engine.outbox.handle({
          create: tickets.create,
          account,
          runsHooks: view !== undefined
        })
      })
    }
    const { concurrency, engine } = tracker
    yield* worker.start({
      store: engine.store,
      queue: engine.queue,
      concurrency,
      ready: makeTakeTogether(),
      rows: engine.tracker.claimRows,
      handle: engine.tracker.handle({ retrieve: tickets.retrieve, account, publish: inbox.offer, outcomes })
    })
  })
