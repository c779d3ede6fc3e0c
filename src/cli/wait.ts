import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { OutcomePending } from "../domain/OutcomePending.ts"
import { pollingSchedule } from "../domain/PollingSchedule.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import type { SupportTicket, TicketOutcome } from "../domain/SupportTicket.ts"
import type { TicketError } from "../domain/TicketError.ts"
import type { TicketId } from "../domain/TicketId.ts"
import { SupportTickets } from "../services/SupportTickets.ts"
import { Output } from "./output.ts"

type PollResult = SupportTicket | RipioHttpError

const refreshInterval = Duration.millis(250)

/**
 * Waits for the outcome of a ticket. A terminal shows how long it has waited, and the last poll.
 *
 * @param isNew whether the program has created the ticket. Then every error is `OutcomePending`, as with `raise`.
 */
export const waitForOutcome = Effect.fnUntraced(function* (
  ticketId: TicketId,
  { deadline, isNew }: { readonly deadline: Duration.Duration | undefined; readonly isNew: boolean }
) {
  const tickets = yield* SupportTickets
  const output = yield* Output
  const start = yield* Clock.currentTimeMillis
  const elapsed = Effect.map(Clock.currentTimeMillis, (now) => Duration.millis(now - start))
  const results: { polls: number; last: PollResult | undefined } = { polls: 0, last: undefined }

  // The schedule receives the result of each poll that does not end the wait.
  const schedule = pollingSchedule.pipe(
    Schedule.setInputType<PollResult>(),
    Schedule.tap(({ input }) =>
      Effect.sync(() => {
        results.polls++
        results.last = input
      })
    )
  )
  const wait = Effect.catch(tickets.awaitOutcome(ticketId, { schedule, deadline }), (error) =>
    isNew && error._tag !== "OutcomePending"
      ? Effect.flatMap(elapsed, (elapsed) => Effect.fail(toPending(ticketId, elapsed, results, error)))
      : Effect.fail(error)
  )
  const showProgress = Effect.flatMap(elapsed, (elapsed) => output.progress(describeProgress(elapsed, results)))
  const keepShowing = Effect.forever(Effect.andThen(showProgress, Effect.sleep(refreshInterval)))
  return yield* Effect.ensuring(Effect.raceFirst(wait, keepShowing), output.clearProgress)
})

interface PollResults {
  readonly polls: number
  readonly last: PollResult | undefined
}

const toPending = (
  ticketId: TicketId,
  elapsed: Duration.Duration,
  { last, polls }: PollResults,
  lastError: TicketError
): OutcomePending =>
  new OutcomePending({
    ticketId,
    elapsed,
    polls: polls + 1,
    lastError,
    ...(last === undefined || last._tag === "RipioHttpError" ? {} : { lastTicket: last })
  })

const describeProgress = (elapsed: Duration.Duration, { last, polls }: PollResults): string => {
  const seconds = Math.floor(Duration.toSeconds(elapsed))
  const time = seconds === 0 ? "0s" : Duration.format(Duration.seconds(seconds))
  const error = last?._tag === "RipioHttpError" ? `. The last one failed: ${last.reason.message}` : ""
  return `Pending for ${time}, ${polls === 1 ? "1 poll" : `${polls} polls`}${error}`
}

/** A ticket as one line of text. */
export const ticketLine = (ticket: SupportTicket | TicketOutcome): string =>
  `${ticket.ticketId} ${ticket._tag}${ticket._tag === "Created" ? ` ${ticket.issueKey}` : ""}`
