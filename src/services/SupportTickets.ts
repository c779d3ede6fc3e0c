/**
 * The support tickets of an account as a service.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { AwaitOptions } from "../domain/AwaitOptions.ts"
import type { CreateAmbiguous } from "../domain/CreateAmbiguous.ts"
import type { NewTicket } from "../domain/NewTicket.ts"
import type { OutcomePending } from "../domain/OutcomePending.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import { isOutcome, type Pending, type SupportTicket, type TicketOutcome } from "../domain/SupportTicket.ts"
import type { NotEnabled, TicketError } from "../domain/TicketError.ts"
import type { TicketId } from "../domain/TicketId.ts"
import type { TicketRejected } from "../domain/TicketRejected.ts"
import { accountViewOf, setAccountView } from "../internal/http/gate/accountView.ts"
import { AccountName, TicketMetrics } from "../internal/metrics.ts"
import { makeCreate } from "../internal/tickets/create.ts"
import { toKnownOutcomes } from "../internal/tickets/knownOutcomes.ts"
import { makePoller, type NextState } from "../internal/tickets/poll.ts"
import { makeRaise } from "../internal/tickets/raise.ts"
import { makeRetrieve, type Retrieve } from "../internal/tickets/retrieve.ts"
import { withSpan, withStreamSpan } from "../internal/tracing.ts"
import { RipioHttp } from "./RipioHttp.ts"
import { TicketOutcomes } from "./TicketOutcomes.ts"

/**
 * The support tickets of one account.
 *
 * No method has a requirement: the dependencies are resolved when the layer is built.
 *
 * **Example** (The outcome of a ticket)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { SupportTickets, TicketId } from "effect-ripio-tickets"
 *
 * const issueKey = Effect.gen(function* () {
 *   const tickets = yield* SupportTickets
 *   const outcome = yield* tickets.awaitOutcome(TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"))
 *   return outcome._tag === "Created" ? outcome.issueKey : "could not be registered"
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class SupportTickets extends Context.Service<
  SupportTickets,
  {
    /**
     * Returns the current state of a ticket.
     *
     * Fails with
     * - `NotEnabled` (code 20061), `NotFound` (code 40017) or `Unauthenticated`, which the caller has to act on;
     * - `RipioHttpError` if there is no usable response.
     *
     * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket
     */
    readonly retrieve: (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>
    /**
     * Creates a ticket and returns it as `Pending`.
     *
     * The ticket is sent at most once. The request is repeated only if it certainly was not sent, and
     * sent once more with a new token if the API rejects the token.
     *
     * Fails with
     * - `RipioHttpError` if no ticket was created: nothing was sent, or the response came from something in front of the
     *   API. The reason of an invalid value in `ticket` is `InvalidRequest`;
     * - `NotEnabled`, `Unauthenticated` or `TicketRejected` if the API rejected the ticket;
     * - `CreateAmbiguous` if the ticket may have been created: the response was lost, late, unreadable or a 5xx.
     *
     * An interruption cancels the call until the ticket is handed to the transport. After that the caller is released at
     * once and the exchange goes on. A warning in the log then has the id of the ticket, or the details of
     * `CreateAmbiguous`. Closing the layer waits for it, at most until its timeout.
     *
     * @see https://docs.ripio.com/ramps-api/support-tickets/create-support-ticket
     */
    readonly create: (
      ticket: NewTicket
    ) => Effect.Effect<Pending, NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError>
    /**
     * Creates a ticket and waits for its outcome.
     *
     * Fails with
     * - the errors of `create`, if the ticket was not created or may not have been. Invalid options are the reason
     *   `InvalidRequest`, and nothing is sent;
     * - `OutcomePending`, with the id of the ticket, for everything that ends the wait after the ticket was created: the
     *   deadline, or a `NotEnabled`, `NotFound` or `Unauthenticated`, which is then its `lastError`.
     *
     * If it is interrupted while it waits, a warning in the log has the id of the ticket.
     */
    readonly raise: (
      ticket: NewTicket,
      options?: AwaitOptions
    ) => Effect.Effect<
      TicketOutcome,
      NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError | OutcomePending
    >
    /**
     * Waits for the outcome of a ticket: polls at once, then on the schedule, until the ticket is `Created` or `Failed`.
     *
     * A `RipioHttpError` of a poll does not end the wait. If its response asks for a delay, the next poll waits at least
     * that long.
     *
     * Fails with
     * - `NotEnabled`, `NotFound` or `Unauthenticated` as soon as a poll does;
     * - `OutcomePending` at the deadline, which also cancels a poll in flight, at the end of the schedule, and for an
     *   invalid argument, which its `lastError` names.
     */
    readonly awaitOutcome: (
      id: TicketId,
      options?: AwaitOptions
    ) => Effect.Effect<TicketOutcome, TicketError | OutcomePending>
    /**
     * The states of a ticket, each once, starting with the current one. The stream ends with the outcome. It polls and
     * fails as `awaitOutcome` does.
     */
    readonly changes: (
      id: TicketId,
      options?: AwaitOptions
    ) => Stream.Stream<SupportTicket, TicketError | OutcomePending>
  }
>()("effect-ripio-tickets/SupportTickets") {}

/** Creates {@link SupportTickets} on `RipioHttp`. */
export const makeSupportTickets = Effect.gen(function* () {
  const http = yield* RipioHttp
  const outcomes = Option.getOrUndefined(Option.map(yield* Effect.serviceOption(TicketOutcomes), toKnownOutcomes))

  const retrieve = makeRetrieve((request, options) => http.execute(request, options))
  const metrics = new TicketMetrics(yield* AccountName)
  yield* metrics.register
  const create = makeCreate((request, options) => http.execute(request, options), metrics)

  const awaitOutcome = (
    retrieve: Retrieve,
    id: TicketId,
    options: AwaitOptions | undefined
  ): Effect.Effect<TicketOutcome, TicketError | OutcomePending> =>
    makePoller(retrieve, id, outcomes, options).pipe(
      Effect.flatMap(({ end, next }) =>
        // One frame, because each of 100,000 waits has it.
        Effect.onExit(untilOutcome(next), (exit) => Effect.andThen(end, metrics.received(exit)))
      ),
      withSpan("SupportTickets.awaitOutcome", { attributes: { ticketId: id } })
    )

  const service = SupportTickets.of({
    retrieve,
    create,
    awaitOutcome: (id, options) => awaitOutcome(retrieve, id, options),
    raise: makeRaise(create, retrieve, awaitOutcome),
    changes: (id, options) =>
      Stream.unwrap(
        Effect.map(makePoller(retrieve, id, outcomes, options), ({ end, next }) =>
          Stream.ensuring(distinctStates(Effect.onExit(next, (exit) => metrics.received(exit))), end)
        )
      ).pipe(withStreamSpan("SupportTickets.changes", { ticketId: id }))
  })
  return setAccountView(service, accountViewOf(http))
})

/** Repeats until a state is the outcome. */
const untilOutcome = (next: NextState): Effect.Effect<TicketOutcome, TicketError | OutcomePending> => {
  const loop: Effect.Effect<TicketOutcome, TicketError | OutcomePending> = Effect.flatMap(next, (ticket) =>
    isOutcome(ticket) ? Effect.succeed(ticket) : loop
  )
  return loop
}

/** A stream of the states that differ from the state before, up to the outcome. */
const distinctStates = (next: NextState): Stream.Stream<SupportTicket, TicketError | OutcomePending> => {
  const nextOtherThan = (previous: SupportTicket | undefined): NextState =>
    Effect.flatMap(next, (ticket) =>
      ticket._tag === previous?._tag ? nextOtherThan(previous) : Effect.succeed(ticket)
    )
  return Stream.unfold<SupportTicket | undefined, SupportTicket, TicketError | OutcomePending, never>(
    undefined,
    (previous) =>
      previous !== undefined && isOutcome(previous)
        ? Effect.succeed(undefined)
        : Effect.map(nextOtherThan(previous), (ticket) => [ticket, ticket])
  )
}
