import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { unexpectedApiError } from "../domain/Answer.ts"
import type { AwaitOptions } from "../domain/AwaitOptions.ts"
import type { OutcomePending } from "../domain/OutcomePending.ts"
import { notSent, type RipioHttpError, ripioHttpError } from "../domain/RipioHttpError.ts"
import { isOutcome, type SupportTicket, SupportTicketFromWire, type TicketOutcome } from "../domain/SupportTicket.ts"
import { type TicketError, ticketErrorOf } from "../domain/TicketError.ts"
import { isTicketId, type TicketId } from "../domain/TicketId.ts"
import { poller } from "../internal/poller.ts"
import { withSpan } from "../internal/span.ts"
import { RipioHttp } from "./RipioHttp.ts"

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

const decodeTicket = Schema.decodeUnknownResult(SupportTicketFromWire)
const operation = "retrieve"

/**
 * Builds {@link SupportTickets} on `RipioHttp`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSupportTickets = Effect.gen(function* () {
  const http = yield* RipioHttp

  const retrieve = (id: TicketId): Effect.Effect<SupportTicket, TicketError | RipioHttpError> => {
    // The id becomes a part of a URL: what slipped past the types must not.
    if (!isTicketId(id)) return Effect.fail(notSent(operation, "ticketId: expected a UUID in lower case"))
    return http
      .execute(HttpClientRequest.get(`/api/v1/supportTickets/${id}/`), {
        operation,
        decode: (json) =>
          Result.filterOrFail(
            decodeTicket(json),
            (ticket) => ticket.ticketId === id,
            () => "ticketId: is not that of the ticket that was asked for"
          )
      })
      .pipe(
        Effect.catchTag("ApiError", (error) =>
          Effect.fail(
            ticketErrorOf(error, id) ??
              ripioHttpError(operation, error.attempts, unexpectedApiError(error), error.requestId)
          )
        ),
        withSpan("SupportTickets.retrieve", { ticketId: id })
      )
  }

  return SupportTickets.of({
    retrieve,
    awaitOutcome: (id, options) =>
      poller(retrieve, id, options).pipe(
        Effect.flatMap((news) => {
          const untilOutcome: Effect.Effect<TicketOutcome, TicketError | OutcomePending> = Effect.flatMap(
            news,
            (ticket) => (isOutcome(ticket) ? Effect.succeed(ticket) : untilOutcome)
          )
          return untilOutcome
        }),
        withSpan("SupportTickets.awaitOutcome", { ticketId: id })
      ),
    changes: (id, options) =>
      Stream.unwrap(
        Effect.map(poller(retrieve, id, options), (news) => {
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
      ).pipe(Stream.withSpan("SupportTickets.changes", { attributes: { ticketId: id } }))
  })
})
