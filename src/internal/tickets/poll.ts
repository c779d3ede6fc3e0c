import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { AwaitOptions } from "../../domain/AwaitOptions.ts"
import type { InvalidOption } from "../../domain/InvalidOption.ts"
import { OutcomePending } from "../../domain/OutcomePending.ts"
import { describe } from "../../domain/describe.ts"
import { pollingSchedule } from "../../domain/PollingSchedule.ts"
import { invalidRequest, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { sanitize } from "../../domain/sanitize.ts"
import { isOutcome, type SupportTicket, type TicketOutcome } from "../../domain/SupportTicket.ts"
import type { TicketError } from "../../domain/TicketError.ts"
import { isTicketId, TicketId } from "../../domain/TicketId.ts"
import { CurrentPoll, endWait, type Poll, type PolledAccount } from "../http/gate/currentPoll.ts"
import { atLeastMinDelay, lengthen, requestedDelay } from "../http/retry.ts"
import { endEarly, startTimer } from "../http/timeoutOrElse.ts"
import { monotonicMillis, wallClockOffset } from "../http/monotonic.ts"
import { addPollCounts } from "../tracing.ts"
import { defaultWaitOptions, type WaitOptions, waitOptions } from "../options.ts"
import type { KnownOutcomes } from "./knownOutcomes.ts"
import type { Retrieve } from "./retrieve.ts"

/** What a poll returned: the ticket, or the error that does not end the wait. */
export type PollResult = SupportTicket | RipioHttpError

/** The next state of a ticket: at once for the first poll, after a delay for every other one. */
export type NextState = Effect.Effect<SupportTicket, TicketError | OutcomePending>

/** A wait for one ticket. */
export interface Wait {
  /** Returns the next state of the ticket each time it runs. It fails with `OutcomePending` at the deadline. */
  readonly next: NextState
  /** Has to run when the wait is over. */
  readonly end: Effect.Effect<void>
}

/** Creates a {@link Wait}. */
export const makePoller = (
  retrieve: Retrieve,
  ticketId: TicketId,
  outcomes: KnownOutcomes | undefined,
  options?: AwaitOptions
): Effect.Effect<Wait> =>
  Effect.map(Clock.Clock, (clock) => {
    const poller = new Poller(retrieve, ticketId, outcomes, clock, waitOptions(options))
    return { next: nextState(poller), end: endOf(poller) }
  })

// Declared at the top level, so that the closure holds the poller and nothing else.
const nextState = (poller: Poller): NextState => Effect.suspend(() => poller.next())

const endOf = (poller: Poller): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    endWait(poller, fiber)
    addPollCounts(fiber, poller.sentPolls, poller.failedPolls)
    return Effect.void
  })

// A longer `Retry-After` is not obeyed: an hour later, the server may say otherwise.
const maxPause = Duration.hours(1)

/** One wait for one ticket. A class, because an object takes less memory than closures for each of 100,000 waits. */
class Poller implements Poll {
  readonly retrieve: Retrieve
  readonly ticketId: TicketId
  readonly outcomes: KnownOutcomes | undefined
  readonly schedule: Schedule.Schedule<unknown, PollResult>
  readonly clock: Clock.Clock
  readonly wallClockOffset: number
  readonly start: number
  readonly end: number
  step: ((now: number, input: PollResult) => Pull.Pull<[unknown, Duration.Duration], never, unknown>) | undefined
  polls = 0
  failedPolls = 0
  intervalMillis = 1000
  isHeld = false
  account: PolledAccount | undefined
  lastTicket: SupportTicket | undefined
  lastError: RipioHttpError | undefined
  lastResult: PollResult | undefined

  constructor(
    retrieve: Retrieve,
    ticketId: TicketId,
    outcomes: KnownOutcomes | undefined,
    clock: Clock.Clock,
    options: Result.Result<WaitOptions, InvalidOption>
  ) {
    const { deadline, schedule } = Result.getOrElse(options, () => defaultWaitOptions)
    this.retrieve = retrieve
    this.ticketId = ticketId
    this.outcomes = outcomes
    this.schedule = schedule ?? outcomes?.schedule ?? pollingSchedule
    this.clock = clock
    this.wallClockOffset = wallClockOffset(clock)
    this.start = this.now
    this.end = this.start + Duration.toMillis(deadline)
    if (!isTicketId(ticketId)) {
      this.lastError = invalidRequest("awaitOutcome", "ticketId: expected a UUID in lower case")
    } else if (Result.isFailure(options)) {
      this.lastError = invalidRequest("awaitOutcome", options.failure.message)
    }
  }

  next(): NextState {
    if (this.isInvalid) return this.failPending()
    const { lastResult } = this
    if (lastResult === undefined) return this.poll()
    return Pull.matchEffect(this.limit(this.nextDelay(lastResult)), {
      onSuccess: (delay) =>
        Duration.isDuration(delay) ? this.pollAfter(delay, lastResult) : Effect.succeed<SupportTicket>(delay),
      onFailure: (cause) => this.failSchedule(cause),
      onDone: () => this.failPending()
    })
  }

  /** The schedule is the caller's. If it dies, the wait ends, and the id of the ticket and its last state are not lost. */
  failSchedule(cause: Cause.Cause<OutcomePending>): Effect.Effect<never, OutcomePending> {
    const defect = cause.reasons.find(Cause.isDieReason)
    if (defect === undefined) return Effect.failCause(cause)
    this.lastError = invalidRequest("awaitOutcome", `schedule: ${sanitize.text(describe(defect.defect))}`)
    return Effect.andThen(
      Effect.ignoreCause(Effect.logError("awaitOutcome: the polling schedule failed", cause)),
      this.failPending()
    )
  }

  // Monotonic, so that wall-clock changes do not move the deadline.
  get now(): number {
    return monotonicMillis(this.clock)
  }

  get isInvalid(): boolean {
    return this.lastError?.reason._tag === "InvalidRequest"
  }

  /** The milliseconds until the deadline, or 0 after it. */
  get remaining(): number {
    return Math.max(this.end - this.now, 0)
  }

  /** Ends an effect at the deadline, or with the outcome if a webhook reports it meanwhile. */
  limit<A, E>(
    effect: Effect.Effect<A, E>,
    orElse: () => Effect.Effect<A, OutcomePending> = () => this.failPending()
  ): Effect.Effect<A | TicketOutcome, E | OutcomePending> {
    if (Exit.isExit(effect)) return effect
    return endEarly<A, E, A | TicketOutcome, OutcomePending>(effect, (end, run) => {
      const duration = Duration.millis(this.remaining)
      const cancelTimer = startTimer(duration, this.clock, run, () => end(Effect.suspend(orElse)))
      const unsubscribe = this.outcomes?.subscribe(this.ticketId, (outcome) => end(Effect.succeed(outcome)), run)
      return () => {
        cancelTimer()
        unsubscribe?.()
      }
    })
  }

  /** Sleeps, and then continues, or ends with the outcome if a webhook reports it meanwhile. */
  sleep(duration: Duration.Duration, orElse: () => NextState): NextState {
    const { clock, outcomes, ticketId } = this
    if (outcomes === undefined) return Effect.flatMap(clock.sleep(duration), orElse)
    return Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        const run = Effect.runForkWith(fiber.context)
        const cancelTimer = startTimer(duration, clock, run, () => {
          unsubscribe()
          resume(Effect.suspend(orElse))
        })
        const unsubscribe = outcomes.subscribe(
          ticketId,
          (outcome) => {
            cancelTimer()
            resume(Effect.succeed(outcome))
          },
          run
        )
        return Effect.sync(() => {
          cancelTimer()
          unsubscribe()
        })
      })
    )
  }

  failPending(): Effect.Effect<never, OutcomePending> {
    const { account, isHeld, lastTicket, now, start, ticketId } = this
    // A wait that was held back did not poll itself. The failure of the account is the reason, unless the wait is invalid.
    const isAccountReason = !this.isInvalid && (isHeld || account?.isDown === true)
    const lastError = (isAccountReason ? account?.lastFailure : undefined) ?? this.lastError
    return Effect.fail(
      new OutcomePending(
        {
          // The id may be invalid at run time, or not a string. `lastError` says so.
          ticketId: TicketId.make(sanitize.text(describe(ticketId)), { disableChecks: true }),
          ...(lastTicket === undefined ? {} : { lastTicket }),
          ...(lastError === undefined ? {} : { lastError }),
          polls: this.sentPolls,
          elapsed: Duration.millis(Math.round(now - start))
        },
        { disableChecks: true }
      )
    )
  }

  /** The polls without the one that waits for the gate. */
  get sentPolls(): number {
    return this.isHeld ? this.polls - 1 : this.polls
  }

  /** The next step of the schedule. It begins here and not with the wait, because its first effect may take time too. */
  nextDelay(lastResult: PollResult): Pull.Pull<Duration.Duration, never, unknown> {
    return Effect.suspend(() => {
      const now = Math.round(this.now + this.wallClockOffset)
      const pull =
        this.step === undefined
          ? Effect.flatMap(Schedule.toStep(this.schedule), (step) => {
              this.step = step
              return step(now, lastResult)
            })
          : this.step(now, lastResult)
      return Effect.map(pull, ([, delay]) => atLeastMinDelay(delay))
    })
  }

  /** Polls after the delay, or fails at the deadline. */
  pollAfter(delay: Duration.Duration, lastResult: PollResult): NextState {
    const requested = lastResult._tag === "RipioHttpError" ? requestedDelay(lastResult) : undefined
    return requested === undefined
      ? this.sleepAndPoll(delay)
      : Effect.flatMap(lengthen(delay, Duration.min(requested, maxPause)), (delay) => this.sleepAndPoll(delay))
  }

  sleepAndPoll(delay: Duration.Duration): NextState {
    const { remaining } = this
    this.intervalMillis = Duration.toMillis(delay)
    return Duration.toMillis(delay) < remaining
      ? this.sleep(delay, () => this.poll())
      : this.sleep(Duration.millis(remaining), () => this.failPending())
  }

  poll(): NextState {
    const { outcomes } = this
    const result = outcomes === undefined ? this.limit(this.request()) : this.requestUnlessSettled(outcomes)
    return Effect.matchEffect(result, {
      onSuccess: (ticket) => {
        this.lastResult = this.lastTicket = ticket
        return Effect.succeed(ticket)
      },
      onFailure: (error) => {
        if (error._tag !== "RipioHttpError") return Effect.fail(error)
        this.lastResult = this.lastError = error
        this.failedPolls++
        return Effect.flatMap(logFailedPoll(error, this.ticketId), () => this.next())
      }
    })
  }

  request(): Effect.Effect<SupportTicket, TicketError | RipioHttpError | OutcomePending> {
    // On a busy machine, or after it slept, the delay may have ended after the deadline.
    if (this.remaining === 0) return this.failPending()
    this.polls++
    this.isHeld = false
    return Effect.provideService(this.retrieve(this.ticketId), CurrentPoll, this)
  }

  // Skips the request if a webhook settled the ticket meanwhile.
  requestUnlessSettled(
    outcomes: KnownOutcomes
  ): Effect.Effect<SupportTicket, TicketError | RipioHttpError | OutcomePending> {
    const ticket = Effect.flatMap(outcomes.get(this.ticketId), (known) =>
      Option.isSome(known)
        ? Effect.succeed(known.value)
        : Effect.flatMap(this.request(), (ticket): Effect.Effect<SupportTicket> => {
            if (!isOutcome(ticket)) return Effect.succeed(ticket)
            this.lastTicket = ticket
            return Effect.catch(Effect.as(outcomes.record(ticket), ticket), ({ known }) => Effect.succeed(known))
          })
    )
    return this.limit(ticket, () => {
      const { lastTicket } = this
      // The outcome may be known, and only `record` not have ended.
      return lastTicket !== undefined && isOutcome(lastTicket) ? Effect.succeed(lastTicket) : this.failPending()
    })
  }
}

const logFailedPoll = ({ message }: RipioHttpError, ticketId: TicketId): Effect.Effect<void> =>
  Effect.ignoreCause(Effect.annotateLogs(Effect.logDebug(`A poll failed: ${message}`), { ticketId }))
