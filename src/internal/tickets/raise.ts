import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import type { AwaitOptions } from "../../domain/AwaitOptions.ts"
import type { CreateAmbiguous } from "../../domain/CreateAmbiguous.ts"
import type { NewTicket } from "../../domain/NewTicket.ts"
import { OutcomePending } from "../../domain/OutcomePending.ts"
import { describe } from "../../domain/describe.ts"
import { invalidRequest, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { sanitize } from "../../domain/sanitize.ts"
import type { SupportTicket, TicketOutcome } from "../../domain/SupportTicket.ts"
import type { NotEnabled, TicketError } from "../../domain/TicketError.ts"
import type { TicketId } from "../../domain/TicketId.ts"
import type { TicketRejected } from "../../domain/TicketRejected.ts"
import { waitOptions } from "../options.ts"
import { monotonicMillis } from "../http/monotonic.ts"
import type { Create } from "./create.ts"
import type { Retrieve } from "./retrieve.ts"

const operation = "raise"

/** Creates a ticket and waits for its outcome. */
export type Raise = (
  ticket: NewTicket,
  options?: AwaitOptions
) => Effect.Effect<
  TicketOutcome,
  NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError | OutcomePending
>

/** After the ticket is created, every failure carries its id: it is `OutcomePending`. */
export const makeRaise =
  (
    create: Create,
    retrieve: Retrieve,
    awaitOutcome: (
      retrieve: Retrieve,
      id: TicketId,
      options: AwaitOptions | undefined
    ) => Effect.Effect<TicketOutcome, TicketError | OutcomePending>
  ): Raise =>
  (ticket, options) => {
    // Checked before anything is sent, and not read again.
    const checked = waitOptions(options)
    if (Result.isFailure(checked)) return Effect.fail(invalidRequest(operation, checked.failure.message))
    return Effect.flatMap(create(ticket), ({ ticketId }) =>
      Effect.flatMap(Clock.Clock, (clock) => {
        const start = monotonicMillis(clock)
        let polls = 0
        let lastTicket: SupportTicket | undefined
        const recorded: Retrieve = (id) => {
          polls++
          return Effect.tap(retrieve(id), (ticket) =>
            Effect.sync(() => {
              lastTicket = ticket
            })
          )
        }
        const pending = (lastError: TicketError | undefined) =>
          new OutcomePending({
            ticketId,
            polls,
            elapsed: Duration.millis(Math.round(monotonicMillis(clock) - start)),
            ...(lastTicket === undefined ? {} : { lastTicket }),
            ...(lastError === undefined ? {} : { lastError })
          })
        return awaitOutcome(recorded, ticketId, checked.success).pipe(
          Effect.mapError((error) => (error._tag === "OutcomePending" ? error : pending(error))),
          Effect.catchDefect((defect) =>
            Effect.andThen(
              Effect.ignoreCause(
                Effect.annotateLogs(
                  Effect.logError(`raise: the wait for ticket ${ticketId} failed: ${sanitize.text(describe(defect))}`),
                  { ticketId }
                )
              ),
              Effect.fail(pending(undefined))
            )
          ),
          Effect.onInterrupt(() =>
            Effect.ignoreCause(
              Effect.annotateLogs(Effect.logWarning(`raise: interrupted. Ticket ${ticketId} was created`), { ticketId })
            )
          )
        )
      })
    )
  }
