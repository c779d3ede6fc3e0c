import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { AwaitOptions } from "../../domain/AwaitOptions.ts"
import type { OutcomeContradiction } from "../../domain/OutcomeContradiction.ts"
import { OutcomePending } from "../../domain/OutcomePending.ts"
import { pollingSchedule } from "../../domain/PollingSchedule.ts"
import { invalidRequest, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { isOutcome, type SupportTicket, type TicketOutcome } from "../../domain/SupportTicket.ts"
import type { TicketError } from "../../domain/TicketError.ts"
import { isTicketId, TicketId } from "../../domain/TicketId.ts"
import { requestedDelay } from "../http/retry.ts"
import { timeoutOrElse } from "../http/timeoutOrElse.ts"
import { polls as pollCount } from "../metrics.ts"
import { nonNegativeDuration } from "../options.ts"
import type { Retrieve } from "./retrieve.ts"

/** What a poll returned: the ticket, or the error that does not end the wait. */
export type PollResult = SupportTicket | RipioHttpError

/** The next state of a ticket: at once for the first poll, after a delay for every other one. */
export type NextState = Effect.Effect<SupportTicket, TicketError | OutcomePending>

/** The outcomes that webhooks report, if the program receives any. */
export interface KnownOutcomes {
  readonly get: (id: TicketId) => Effect.Effect<Option.Option<TicketOutcome>>
  readonly await: (id: TicketId) => Effect.Effect<TicketOutcome>
  readonly record: (outcome: TicketOutcome) => Effect.Effect<void, OutcomeContradiction>
  readonly schedule: Schedule.Schedule<Duration.Duration, PollResult>
}

/**
 * Creates an effect that returns the next state of a ticket each time it runs. It fails with `OutcomePending` at the
 * deadline.
 */
export const makePoller = (
  retrieve: Retrieve,
  ticketId: TicketId,
  outcomes: KnownOutcomes | undefined,
  options: AwaitOptions = {}
): Effect.Effect<NextState> =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.map(Schedule.toStep(options.schedule ?? outcomes?.schedule ?? pollingSchedule), (step) => {
      const poller = new Poller(retrieve, ticketId, outcomes, step, clock, options.deadline ?? defaultDeadline)
      const next = nextState(poller)
      return outcomes === undefined ? next : Effect.raceFirst(outcomes.await(ticketId), next)
    })
  )

// Declared at the top level, so that the closure holds the poller and nothing else.
const nextState = (poller: Poller): NextState => Effect.suspend(() => poller.next())

const defaultDeadline = Duration.minutes(15)

// A longer `Retry-After` is not obeyed: an hour later, the server may say otherwise.
const maxPause = Duration.hours(1)

/** One wait for one ticket. A class, because an object takes less memory than closures for each of 100,000 waits. */
class Poller {
  readonly retrieve: Retrieve
  readonly ticketId: TicketId
  readonly outcomes: KnownOutcomes | undefined
  readonly step: (now: number, input: PollResult) => Pull.Pull<[unknown, Duration.Duration], never, unknown>
  readonly clock: Clock.Clock
  readonly start: number
  readonly end: number
  polls = 0
  lastTicket: SupportTicket | undefined
  lastError: RipioHttpError | undefined
  lastResult: PollResult | undefined

  constructor(
    retrieve: Retrieve,
    ticketId: TicketId,
    outcomes: KnownOutcomes | undefined,
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
    const checked = nonNegativeDuration("deadline", deadline)
    this.end = this.start + (Result.isSuccess(checked) ? Duration.toMillis(checked.success) : 0)
    if (!isTicketId(ticketId)) {
      this.lastError = invalidRequest("awaitOutcome", "ticketId: expected a UUID in lower case")
    } else if (Result.isFailure(checked)) {
      this.lastError = invalidRequest("awaitOutcome", checked.failure.message)
    }
  }

  next(): NextState {
    if (this.lastError?.reason._tag === "InvalidRequest") return this.failPending()
    const { lastResult } = this
    if (lastResult === undefined) return this.pollIfUnsettled()
    return Pull.matchEffect(this.step(this.clock.currentTimeMillisUnsafe(), lastResult), {
      onSuccess: ([, scheduled]) => this.pollAfter(scheduled, lastResult),
      onFailure: Effect.failCause,
      onDone: () => this.failPending()
    })
  }

  // Monotonic, so that wall-clock changes do not move the deadline.
  get now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  /** The milliseconds until the deadline. */
  get remaining(): number {
    return this.end - this.now
  }

  failPending(): Effect.Effect<never, OutcomePending> {
    const { lastError, lastTicket, now, polls, start, ticketId } = this
    return Effect.fail(
      new OutcomePending(
        {
          // The id may be invalid at run time, or not a string. `lastError` says so.
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

  /** Polls after the delay, or fails at the deadline. */
  pollAfter(scheduled: Duration.Duration, lastResult: PollResult): NextState {
    const requested = lastResult._tag === "RipioHttpError" ? requestedDelay(lastResult) : undefined
    const delay = requested === undefined ? scheduled : Duration.max(scheduled, Duration.min(requested, maxPause))
    const { remaining } = this
    return Duration.toMillis(delay) < remaining
      ? Effect.flatMap(this.clock.sleep(delay), () => this.pollIfUnsettled())
      : Effect.flatMap(this.clock.sleep(Duration.millis(remaining)), () => this.failPending())
  }

  // Skips the poll if a webhook settled the ticket meanwhile.
  pollIfUnsettled(): NextState {
    const { outcomes, ticketId } = this
    return outcomes === undefined
      ? this.poll()
      : Effect.flatMap(outcomes.get(ticketId), Option.match({ onNone: () => this.poll(), onSome: Effect.succeed }))
  }

  poll(): NextState {
    // On a busy machine, or after it slept, the delay may have ended after the deadline.
    const { remaining } = this
    if (remaining <= 0) return this.failPending()
    this.polls++
    const counted = Effect.withFiber((fiber) => {
      pollCount.updateUnsafe(1, fiber.context)
      return this.retrieve(this.ticketId)
    })
    const limited = timeoutOrElse(counted, {
      duration: Duration.millis(remaining),
      orElse: () => this.failPending()
    })
    return Effect.matchEffect(limited, {
      onSuccess: (ticket) => {
        this.lastResult = this.lastTicket = ticket
        if (this.outcomes === undefined || !isOutcome(ticket)) return Effect.succeed(ticket)
        return Effect.catch(Effect.as(this.outcomes.record(ticket), ticket), ({ known }) => Effect.succeed(known))
      },
      onFailure: (error) => {
        if (error._tag !== "RipioHttpError") return Effect.fail(error)
        this.lastResult = this.lastError = error
        return this.next()
      }
    })
  }
}
