import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { AwaitOptions } from "../../domain/AwaitOptions.ts"
import { OutcomePending } from "../../domain/OutcomePending.ts"
import { pollingSchedule } from "../../domain/PollingSchedule.ts"
import { notSent, retryAfterOf, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { isOutcome, type SupportTicket } from "../../domain/SupportTicket.ts"
import type { TicketError } from "../../domain/TicketError.ts"
import { isTicketId, TicketId } from "../../domain/TicketId.ts"
import type { TicketOutcomes } from "../../services/TicketOutcomes.ts"
import { polls as pollCount } from "../metrics.ts"
import { timeLimit } from "../http/timeoutOrElse.ts"

type Retrieve = (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>
type News = SupportTicket | RipioHttpError
type Sight = Effect.Effect<SupportTicket, TicketError | OutcomePending>

/**
 * Builds an effect that gives the next sight of a ticket each time it is run: the first at once, each further one after
 * a wait. It fails when the deadline comes first.
 */
export const poller = (
  retrieve: Retrieve,
  ticketId: TicketId,
  outcomes: TicketOutcomes["Service"] | undefined,
  options: AwaitOptions = {}
): Effect.Effect<Sight> =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.map(Schedule.toStep(options.schedule ?? outcomes?.schedule ?? pollingSchedule), (step) => {
      const poller = new Poller(retrieve, ticketId, outcomes, step, clock, options.deadline ?? defaultDeadline)
      const next = sightsOf(poller)
      return outcomes === undefined ? next : Effect.raceFirst(outcomes.await(ticketId), next)
    })
  )

// Out here, a closure holds the poller and nothing else.
const sightsOf = (poller: Poller): Sight => Effect.suspend(() => poller.next())

const defaultDeadline = Duration.minutes(15)

// However long an answer asks to wait: an hour later it may say otherwise.
const longestPause = Duration.hours(1)

/** One who waits for one ticket. A class, as a process may have a hundred thousand: an object is smaller than closures. */
class Poller {
  readonly retrieve: Retrieve
  readonly ticketId: TicketId
  readonly outcomes: TicketOutcomes["Service"] | undefined
  readonly step: (now: number, input: News) => Pull.Pull<[unknown, Duration.Duration], never, unknown>
  readonly clock: Clock.Clock
  readonly start: number
  readonly end: number
  polls = 0
  lastTicket: SupportTicket | undefined
  lastError: RipioHttpError | undefined
  news: News | undefined

  constructor(
    retrieve: Retrieve,
    ticketId: TicketId,
    outcomes: TicketOutcomes["Service"] | undefined,
    step: Poller["step"],
    clock: Clock.Clock,
    deadline: Duration.Input
  ) {
    this.retrieve = retrieve
    this.ticketId = ticketId
    this.outcomes = outcomes
    this.step = step
    this.clock = clock
    this.start = this.now
    const patience = Option.filter(Duration.fromInput(deadline), (duration) => !Duration.isNegative(duration))
    this.end = this.start + (Option.isSome(patience) ? Duration.toMillis(patience.value) : 0)
    // What slipped past the types must not reach the API.
    if (!isTicketId(ticketId)) this.lastError = notSent("awaitOutcome", "ticketId: expected a UUID in lower case")
    else if (Option.isNone(patience)) {
      this.lastError = notSent("awaitOutcome", "deadline: expected a duration that is not negative")
    }
  }

  /** The next sight: at once for the first, after a wait for each further one. */
  next(): Sight {
    if (this.lastError?.reason._tag === "InvalidRequest") return this.giveUp()
    const { news } = this
    if (news === undefined) return this.pollUnlessKnown()
    return Pull.matchEffect(this.step(this.clock.currentTimeMillisUnsafe(), news), {
      onSuccess: ([, scheduled]) => this.pollAfter(scheduled, news),
      onFailure: Effect.failCause,
      onDone: () => this.giveUp()
    })
  }

  // Not the time of day, which may be set back or forth.
  get now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  /** The milliseconds until the deadline. */
  get left(): number {
    return this.end - this.now
  }

  giveUp(): Effect.Effect<never, OutcomePending> {
    const { lastError, lastTicket, now, polls, start, ticketId } = this
    return Effect.fail(
      new OutcomePending(
        {
          // An id that slipped past the types, be it no text at all, is what `lastError` tells of.
          ticketId: TicketId.make(String(ticketId), { disableChecks: true }),
          ...(lastTicket === undefined ? {} : { lastTicket }),
          ...(lastError === undefined ? {} : { lastError }),
          polls,
          elapsed: Duration.millis(Math.round(now - start))
        },
        { disableChecks: true }
      )
    )
  }

  /** Polls once the wait is over, or fails at the deadline. */
  pollAfter(scheduled: Duration.Duration, news: News): Sight {
    const asked = news._tag === "RipioHttpError" ? retryAfterOf(news) : undefined
    const delay = asked === undefined ? scheduled : Duration.max(scheduled, Duration.min(asked, longestPause))
    const { left } = this
    return Duration.toMillis(delay) < left
      ? Effect.flatMap(this.clock.sleep(delay), () => this.pollUnlessKnown())
      : Effect.flatMap(this.clock.sleep(Duration.millis(left)), () => this.giveUp())
  }

  // An outcome that is told just as a wait ends leaves nothing to ask for.
  pollUnlessKnown(): Sight {
    const { outcomes, ticketId } = this
    return outcomes === undefined
      ? this.poll()
      : Effect.flatMap(outcomes.get(ticketId), Option.match({ onNone: () => this.poll(), onSome: Effect.succeed }))
  }

  poll(): Sight {
    // What came before may have taken longer than it should, on a machine that is busy or was asleep.
    const { left } = this
    if (left <= 0) return this.giveUp()
    this.polls++
    const counted = Effect.withFiber((fiber) => {
      pollCount.updateUnsafe(1, fiber.context)
      return this.retrieve(this.ticketId)
    })
    const sight = timeLimit(counted, Duration.millis(left), () => this.giveUp())
    return Effect.matchEffect(sight, {
      onSuccess: (ticket) => {
        this.news = this.lastTicket = ticket
        if (this.outcomes === undefined || !isOutcome(ticket)) return Effect.succeed(ticket)
        return Effect.catch(Effect.as(this.outcomes.record(ticket), ticket), ({ known }) => Effect.succeed(known))
      },
      onFailure: (error) => {
        if (error._tag !== "RipioHttpError") return Effect.fail(error)
        this.news = this.lastError = error
        return this.next()
      }
    })
  }
}
