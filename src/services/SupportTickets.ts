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
import type { TicketRejected } from "../domain/TicketRejected.ts"
import type { TicketId } from "../domain/TicketId.ts"
import { makeCreate } from "../internal/tickets/create.ts"
import { poller } from "../internal/tickets/poll.ts"
import { makeRetrieve } from "../internal/tickets/retrieve.ts"
import { withSpan, withStreamSpan } from "../internal/tracing.ts"
import { RipioHttp } from "./RipioHttp.ts"
import { TicketOutcomes } from "./TicketOutcomes.ts"

/**
 * The support tickets of one account.
 *
 * No method has a requirement: whatever it needs was resolved when the layer was built.
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
     * The ticket as it is now.
     *
     * Fails with `NotEnabled` (code 20061), `NotFound` (code 40017) or `Unauthenticated`, which the caller has to act on,
     * and with `RipioHttpError` if there is no usable answer.
     *
     * @see Retrieve Support Ticket
     */
    readonly retrieve: (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>
    /**
     * Raises a ticket, and gives it as it was accepted.
     *
     * It is sent at most once. Only what certainly did not leave is repeated by the retry policy (no connection), and what
     * was refused for its token alone is sent again with a new one.
     *
     * Fails with
     * - `RipioHttpError` if it certainly was not taken: nothing was sent, or the API refused to look at it. A bad value in
     *   `ticket` is the reason `InvalidRequest`;
     * - `NotEnabled`, `Unauthenticated`, or `TicketRejected` if the API refused it;
     * - `CreateAmbiguous` if it may have been taken: the answer was lost, late, unreadable or a 5xx. See there how to find
     *   out. An interruption has no error to say so, and logs a warning instead.
     *
     * @see Create Support Ticket
     */
    readonly create: (
      ticket: NewTicket
    ) => Effect.Effect<Pending, NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError>
    /**
     * Raises a ticket and waits for its outcome: `create`, then `awaitOutcome`, with the errors of both. A ticket that may
     * or may not exist is not waited for.
     */
    readonly raise: (
      ticket: NewTicket,
      options?: AwaitOptions
    ) => Effect.Effect<TicketOutcome, TicketError | TicketRejected | CreateAmbiguous | RipioHttpError | OutcomePending>
    /**
     * Waits for the ticket's outcome: asks at once, then on the schedule, until it is `Created` or `Failed`.
     *
     * A `TicketError` ends the waiting at once. A `RipioHttpError` is no news of the ticket: the waiting goes on, and if
     * the answer asked to wait, the next wait is at least as long. Fails with `OutcomePending` when the deadline comes
     * first; the deadline cuts off a request that is under way.
     */
    readonly awaitOutcome: (
      id: TicketId,
      options?: AwaitOptions
    ) => Effect.Effect<TicketOutcome, TicketError | OutcomePending>
    /**
     * The states that the ticket goes through, each once, beginning with the one that it is in. Ends with the outcome;
     * waits and fails as `awaitOutcome` does.
     */
    readonly changes: (
      id: TicketId,
      options?: AwaitOptions
    ) => Stream.Stream<SupportTicket, TicketError | OutcomePending>
  }
>()("effect-ripio-tickets/SupportTickets") {}

/**
 * Builds {@link SupportTickets} on `RipioHttp`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSupportTickets = Effect.gen(function* () {
  const http = yield* RipioHttp
  const outcomes = Option.getOrUndefined(yield* Effect.serviceOption(TicketOutcomes))

  const retrieve = makeRetrieve(http)
  const create = makeCreate(http)

  const awaitOutcome = (
    id: TicketId,
    options?: AwaitOptions
  ): Effect.Effect<TicketOutcome, TicketError | OutcomePending> =>
    poller(retrieve, id, outcomes, options).pipe(
      Effect.flatMap(untilOutcome),
      withSpan("SupportTickets.awaitOutcome", { ticketId: id })
    )

  return SupportTickets.of({
    retrieve,
    create,
    awaitOutcome,
    raise: (ticket, options) => Effect.flatMap(create(ticket), ({ ticketId }) => awaitOutcome(ticketId, options)),
    changes: (id, options) =>
      Stream.unwrap(
        Effect.map(poller(retrieve, id, outcomes, options), (news) => {
          const other = (seen: SupportTicket | undefined): Effect.Effect<SupportTicket, TicketError | OutcomePending> =>
            Effect.flatMap(news, (ticket) => (ticket._tag === seen?._tag ? other(seen) : Effect.succeed(ticket)))
          return Stream.unfold<SupportTicket | undefined, SupportTicket, TicketError | OutcomePending, never>(
            undefined,
            (seen) =>
              seen !== undefined && isOutcome(seen)
                ? Effect.succeed(undefined)
                : Effect.map(other(seen), (ticket) => [ticket, ticket])
          )
        })
      ).pipe(withStreamSpan("SupportTickets.changes", { ticketId: id }))
  })
})

/** Takes one sight of a ticket after the other until one is its outcome. */
const untilOutcome = <E>(news: Effect.Effect<SupportTicket, E>): Effect.Effect<TicketOutcome, E> => {
  const again: Effect.Effect<TicketOutcome, E> = Effect.flatMap(news, (ticket) =>
    isOutcome(ticket) ? Effect.succeed(ticket) : again
  )
  return again
}
