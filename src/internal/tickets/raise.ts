import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import type { AwaitOptions } from "../../domain/AwaitOptions.ts"
import type { CreateAmbiguous } from "../../domain/CreateAmbiguous.ts"
import type { NewTicket } from "../../domain/NewTicket.ts"
import { OutcomePending } from "../../domain/OutcomePending.ts"
import { invalidRequest, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import type { TicketOutcome } from "../../domain/SupportTicket.ts"
import type { NotEnabled, TicketError } from "../../domain/TicketError.ts"
import type { TicketId } from "../../domain/TicketId.ts"
import type { TicketRejected } from "../../domain/TicketRejected.ts"
import { waitOptions } from "../options.ts"
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
        const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
        const start = now()
        let polls = 0
        const counted: Retrieve = (id) => {
          polls++
          return retrieve(id)
        }
        const pending = (lastError: TicketError | undefined) =>
          new OutcomePending({
            ticketId,
            polls,
            elapsed: Duration.millis(Math.round(now() - start)),
            ...(lastError === undefined ? {} : { lastError })
          })
        return awaitOutcome(counted, ticketId, checked.success).pipe(
          Effect.mapError((error) => (error._tag === "OutcomePending" ? error : pending(error))),
          Effect.catchDefect((defect) =>
            Effect.andThen(
              Effect.ignoreCause(Effect.logError(`raise: the wait for ticket ${ticketId} failed`, Cause.die(defect))),
              Effect.fail(pending(undefined))
            )
          ),
          Effect.onInterrupt(() =>
            Effect.ignoreCause(Effect.logWarning(`raise: interrupted. Ticket ${ticketId} was created`))
          )
        )
      })
    )
  }
