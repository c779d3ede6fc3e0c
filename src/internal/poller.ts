import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { AwaitOptions } from "../domain/AwaitOptions.ts"
import { OutcomePending } from "../domain/OutcomePending.ts"
import { pollingSchedule } from "../domain/PollingSchedule.ts"
import { notSent, retryAfterOf, type RipioHttpError } from "../domain/RipioHttpError.ts"
import { isOutcome, type SupportTicket } from "../domain/SupportTicket.ts"
import type { TicketError } from "../domain/TicketError.ts"
import { isTicketId, TicketId } from "../domain/TicketId.ts"
import type { TicketOutcomes } from "../services/TicketOutcomes.ts"
import { polls as pollCount } from "./metrics.ts"

/**
 * Builds an effect that gives the next sight of a ticket each time it is run: the first at once, each further one after
 * a wait. It fails when the deadline comes first.
 */
export const poller = Effect.fnUntraced(function* (
  retrieve: (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>,
  ticketId: TicketId,
  outcomes: TicketOutcomes["Service"] | undefined,
  { deadline = Duration.minutes(15), schedule = outcomes?.schedule ?? pollingSchedule }: AwaitOptions = {}
) {
  const clock = yield* Clock.Clock
  const step = yield* Schedule.toStep(schedule)
  const start = clock.currentTimeMillisUnsafe()
  const patience = Option.filter(Duration.fromInput(deadline), (duration) => !Duration.isNegative(duration))
  const end = start + Option.match(patience, { onNone: () => 0, onSome: Duration.toMillis })

  let polls = 0
  let lastTicket: SupportTicket | undefined
  let lastError: RipioHttpError | undefined
  let news: SupportTicket | RipioHttpError | undefined
  // What slipped past the types must not reach the API.
  if (!isTicketId(ticketId)) lastError = notSent("awaitOutcome", "ticketId: expected a UUID in lower case")
  else if (Option.isNone(patience)) {
    lastError = notSent("awaitOutcome", "deadline: expected a duration that is not negative")
  }

  const left = () => Duration.millis(end - clock.currentTimeMillisUnsafe())

  const giveUp = Effect.suspend(() =>
    Effect.fail(
      new OutcomePending(
        {
          // An id that slipped past the types, be it no text at all, is what `lastError` tells of.
          ticketId: TicketId.make(String(ticketId), { disableChecks: true }),
          ...(lastTicket === undefined ? {} : { lastTicket }),
          ...(lastError === undefined ? {} : { lastError }),
          polls,
          elapsed: Duration.millis(clock.currentTimeMillisUnsafe() - start)
        },
        { disableChecks: true }
      )
    )
  )

  /** Sleeps until the next poll is due, or fails at the deadline. */
  const wait = (after: SupportTicket | RipioHttpError) =>
    Pull.matchEffect(step(clock.currentTimeMillisUnsafe(), after), {
      onSuccess: ([, scheduled]) => {
        const asked = after._tag === "RipioHttpError" ? retryAfterOf(after) : undefined
        const delay = asked === undefined ? scheduled : Duration.max(scheduled, asked)
        return Duration.isLessThan(delay, left()) ? Effect.sleep(delay) : Effect.andThen(Effect.sleep(left()), giveUp)
      },
      onFailure: Effect.failCause,
      onDone: () => giveUp
    })

  const poll: Effect.Effect<SupportTicket, TicketError | OutcomePending> = Effect.suspend(() => {
    polls++
    return Effect.andThen(Metric.update(pollCount, 1), retrieve(ticketId)).pipe(
      Effect.timeoutOrElse({ duration: left(), orElse: () => giveUp }),
      Effect.matchEffect({
        onSuccess: (ticket) => {
          news = lastTicket = ticket
          if (outcomes === undefined || !isOutcome(ticket)) return Effect.succeed(ticket)
          return Effect.catch(Effect.as(outcomes.settle(ticket), ticket), ({ known }) => Effect.succeed(known))
        },
        onFailure: (error) => {
          if (error._tag !== "RipioHttpError") return Effect.fail(error)
          news = lastError = error
          return next
        }
      })
    )
  })

  // An outcome that is told just as a wait ends leaves nothing to ask for.
  const pollUnlessKnown: typeof poll =
    outcomes === undefined
      ? poll
      : Effect.flatMap(outcomes.known(ticketId), Option.match({ onNone: () => poll, onSome: Effect.succeed }))

  const next: Effect.Effect<SupportTicket, TicketError | OutcomePending> = Effect.suspend(() => {
    if (lastError?.reason._tag === "InvalidRequest" || clock.currentTimeMillisUnsafe() >= end) return giveUp
    return news === undefined ? pollUnlessKnown : Effect.andThen(wait(news), pollUnlessKnown)
  })
  return outcomes === undefined ? next : Effect.raceFirst(outcomes.await(ticketId), next)
})
