import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { describe } from "../../../domain/describe.ts"
import { maxRetryAfter } from "../../../domain/RequestOptions.ts"
import { RateLimited, type RipioHttpError } from "../../../domain/RipioHttpError.ts"
import { sanitize } from "../../../domain/sanitize.ts"
import { withoutStackTrace } from "../../../domain/withoutStackTrace.ts"
import type { AccountMetrics } from "../../metrics.ts"
import { addGateWait } from "../../tracing.ts"
import type { AccountView } from "./accountView.ts"
import type { Poll, PolledAccount } from "./currentPoll.ts"
import { monotonicMillis } from "../monotonic.ts"
import { GrowingPause, Outage } from "./outage.ts"
import { AccountPause } from "./pause.ts"
import type { ReserveRequest } from "./rateLimit.ts"
import { requestedDelay } from "../retry.ts"
import { startTimer } from "../timeoutOrElse.ts"
import { Release } from "./release.ts"
import { type AnyFiber, Permit, type Visit, Waiter } from "./visit.ts"
import { WaitQueue } from "./waitQueue.ts"

/** The failure to reach the API, or `undefined` if there was a response. */
type FailureOf<E> = (error: E) => RipioHttpError | undefined

// A longer `Retry-After` is not obeyed: an hour later, the server may say otherwise.
const maxPause = 60 * 60 * 1000

// While polls wait, at most this many calls in a row go before the oldest poll.
const maxCallsInRow = 3

/**
 * The gate of one account: it limits the requests in flight, holds all of them back while the API asks for it, and lets
 * one poll at a time probe in an outage.
 *
 * Effect's `Semaphore` serves waiters strictly in order and knows neither classes nor pauses, and its `CircuitBreaker`
 * fails calls where polls have to wait.
 */
export class AccountGate implements PolledAccount, AccountView {
  lastFailure: RipioHttpError | undefined
  private isOpen: boolean
  private inFlight = 0
  private waitCount = 0
  private callsInRow = 0
  private isPumping = false
  private isPumpScheduled = false
  private readonly calls = new WaitQueue<Waiter>()
  private readonly polls = new WaitQueue<Waiter>()
  private readonly outage = new Outage()
  private readonly throttling = new GrowingPause()
  private readonly pause = new AccountPause()
  private isPauseLong = false
  private release: Release | undefined
  private reserved: { readonly at: number; readonly until: number } | undefined
  private isReserving = false
  private timer: { readonly at: number; readonly cancel: () => void } | undefined
  // Of the layer, so that all times of the gate are of one clock.
  readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly concurrency: number
  private readonly account: string | undefined
  private readonly reserve: ReserveRequest | undefined
  private readonly metrics: AccountMetrics

  constructor(options: {
    readonly context: Context.Context<never>
    readonly concurrency: number
    readonly account: string | undefined
    readonly reserve: ReserveRequest | undefined
    readonly metrics: AccountMetrics
  }) {
    this.context = options.context
    this.clock = Context.get(options.context, Clock.Clock)
    this.dispatcher = Context.get(options.context, Scheduler.Scheduler).makeDispatcher()
    this.concurrency = options.concurrency
    this.account = options.account
    this.reserve = options.reserve
    this.metrics = options.metrics
    this.isOpen = this.reserve === undefined
  }

  get isDown(): boolean {
    return this.outage.isActive
  }

  get maxConcurrency(): number {
    return this.concurrency
  }

  heldBack(now: number): { readonly until: number | undefined } | undefined {
    if (now < this.pause.pollAt) return { until: this.pause.pollAt }
    return this.outage.isActive ? { until: undefined } : undefined
  }

  /** A wait polls this account from now on. */
  join(poll: Poll, context: Context.Context<never>): void {
    if (poll.account !== undefined) return
    poll.account = this
    this.waitCount++
    this.metrics.addWaiters(1, context)
  }

  leave(poll: Poll, context: Context.Context<never>): void {
    this.waitCount--
    this.metrics.addWaiters(-1, context)
    this.outage.forget(poll)
  }

  /** Whether a visit has to wait for the end of a pause or of an outage. */
  isHoldingBack(visit: Visit): boolean {
    if (this.isOpen) return false
    if (visit.poll === undefined) return this.now < this.pause.callAt
    return this.outage.isActive || this.now < this.pause.pollAt
  }

  /** Gives a permit to a visit that has none, if one is free and nothing is held back. Returns whether the visit has one. */
  enter(visit: Visit): boolean {
    if (visit.permit !== undefined) return true
    if (!this.isOpen || this.inFlight >= this.concurrency) return false
    this.inFlight++
    visit.permit = new Permit(visit.poll, false)
    return true
  }

  /** Waits for a permit. `end` must run when the visit is over, also if the wait was interrupted. */
  wait(visit: Visit): Effect.Effect<void, RipioHttpError> {
    return Effect.suspend(() => {
      const since = this.now
      return Effect.map(
        Effect.callback<void, RipioHttpError>((resume) => {
          this.enqueue(visit, since, resume)
        }),
        () => {
          const waited = this.now - since
          if (waited === 0) return
          this.metrics.waitedForGate(waited, visit.fiber.context)
          addGateWait(visit.fiber, waited)
        }
      )
    })
  }

  /** Ends a visit: returns its permit with what the exit says about the account, or leaves the queue. */
  end<A, E>(visit: Visit, exit: Exit.Exit<A, E>, failureOf: FailureOf<E>): void {
    const permit = this.takePermit(visit)
    if (permit !== undefined) {
      this.returnPermit(permit, exit, failureOf, visit.fiber)
    } else if (visit.waiter !== undefined) {
      this.abandon(visit.waiter)
    }
  }

  /** Takes the permit of a visit whose request goes on after the visit. `returnPermit` must run when the request is over. */
  takePermit(visit: Visit): Permit | undefined {
    const { permit } = visit
    visit.permit = undefined
    return permit
  }

  /**
   * Returns a permit, with what the exit of its use says about the account. Never throws: a defect of the program's clock or
   * random numbers must not hide how the request ended.
   */
  returnPermit<A, E>(permit: Permit, exit: Exit.Exit<A, E>, failureOf: FailureOf<E>, fiber: AnyFiber): void {
    try {
      // First, because returning the permit may send the next request.
      this.observe(exit, failureOf, permit.poll, fiber, permit.isSent)
    } catch (defect) {
      this.logDefect(defect, fiber)
    }
    try {
      this.freePermit(permit.isProbe)
    } catch (defect) {
      this.logDefect(defect, fiber)
    }
  }

  /** Reads what an exit says about the account. */
  observe<A, E>(
    exit: Exit.Exit<A, E>,
    failureOf: FailureOf<E>,
    poll: Poll | undefined,
    fiber: AnyFiber,
    mayPause: boolean
  ): void {
    if (Exit.isSuccess(exit)) return this.succeeded(fiber)
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    // An interruption or a defect says nothing about the account.
    if (error === undefined) return
    const failure = failureOf(error)
    if (failure === undefined) return this.succeeded(fiber)
    if (failure.reason._tag === "InvalidRequest") return
    this.lastFailure = failure
    if (mayPause) this.holdBack(failure, fiber)
    switch (failure.reason._tag) {
      case "TransportFailed":
      case "TimedOut":
      case "ServerFailed":
        if (poll !== undefined) this.pollFailed(poll, failure, fiber)
        return
      default:
        this.responded(fiber)
    }
  }

  /** Interrupts what is in the queue, because the layer closes. */
  close(): void {
    // Emptied first, because a program may repeat an interrupted call at once.
    const waiters: Array<Waiter> = []
    for (const queue of [this.calls, this.polls]) {
      for (let waiter = queue.first; waiter !== undefined; waiter = queue.first) {
        this.dequeue(waiter)
        waiters.push(waiter)
      }
    }
    this.wakeAt(Infinity)
    for (const waiter of waiters) waiter.resume(Effect.interrupt)
  }

  private get now(): number {
    return monotonicMillis(this.clock)
  }

  private readonly random = (): number => Context.get(this.context, Random.Random).nextDoubleUnsafe()

  /** The API responded, which is a success of the account. */
  private succeeded(fiber: AnyFiber): void {
    this.throttling.reset()
    this.lastFailure = undefined
    this.responded(fiber)
  }

  private pollFailed(poll: Poll, failure: RipioHttpError, fiber: AnyFiber): void {
    // The wait has ended, and is not one of those that are counted.
    if (poll.account !== this) return
    if (!this.outage.failed(poll, failure, this.waitCount, this.now, this.random)) return
    this.isOpen = false
    this.log(
      Effect.logWarning(
        `The Ripio API is down: ${failure.message}. ${countOf(this.waitCount, "wait is", "waits are")} held back, and one poll at a time probes it`
      ),
      fiber
    )
  }

  private responded(fiber: AnyFiber): void {
    // The usual case reads no clock.
    const now = this.outage.isActive ? this.now : 0
    if (this.outage.isActive)
      for (let item = this.polls.first; item !== undefined; item = item.next) this.save(item, now)
    const duration = this.outage.succeeded(now)
    if (duration === undefined) return
    this.log(
      Effect.logInfo(
        `The Ripio API responds again after ${Duration.format(Duration.millis(Math.round(duration)))}. About ${countOf(this.outage.saved, "poll was", "polls were")} saved`
      ),
      fiber
    )
    this.startRelease(now, false)
    this.pump()
  }

  /** Logs in a separate fiber, so that a logger that fails or waits changes no result. */
  private log(line: Effect.Effect<void>, { context }: Pick<AnyFiber, "context">): void {
    const { account } = this
    Effect.runForkWith(context)(
      Effect.ignoreCause(account === undefined ? line : Effect.annotateLogs(line, { account }))
    )
  }

  private logDefect(defect: unknown, of: Pick<AnyFiber, "context">): void {
    this.log(Effect.logError(`The account gate failed: ${sanitize.text(describe(defect))}`), of)
  }

  /** About how many polls its schedule would have sent meanwhile. */
  private save({ since, visit: { poll } }: Waiter, now: number): void {
    if (poll === undefined || this.outage.since === undefined) return
    this.outage.saved += Math.floor((now - Math.max(since, this.outage.since)) / poll.intervalMillis)
  }

  /** Pauses the account if the response asks for it. */
  private holdBack(failure: RipioHttpError, fiber: AnyFiber): void {
    const { reason } = failure
    if (reason._tag !== "RateLimited" && reason._tag !== "ServerFailed") return
    const { now } = this
    const requested = requestedDelay(failure)
    const millis = requested === undefined ? 0 : Math.min(Duration.toMillis(requested), maxPause)
    if (millis > 0) {
      if (!this.pause.request(now, now + millis, reason.status)) return
      this.release = undefined
      this.isOpen = false
      this.warnOfLongPause(millis, reason.status, fiber)
      this.failHeldCalls(now)
    } else if (reason.status === 429 && now >= this.pause.pollAt) {
      this.pause.holdPolls(now + this.throttling.next(0))
      this.isOpen = false
    }
  }

  private warnOfLongPause(millis: number, status: number, fiber: AnyFiber): void {
    if (this.isPauseLong || millis <= Duration.toMillis(maxRetryAfter)) return
    this.isPauseLong = true
    this.log(
      Effect.logWarning(
        `The Ripio API asks to send nothing for ${Duration.format(Duration.millis(millis))} (HTTP ${status}). Calls fail with RateLimited until its last minute, and waits are held back until its end`
      ),
      fiber
    )
  }

  /** Fails the calls in the queue that are held back for too long. They are in the order in which they came. */
  private failHeldCalls(now: number): void {
    for (let waiter = this.calls.first; waiter !== undefined; waiter = this.calls.first) {
      const error = this.tooLong(waiter.visit, waiter.heldBefore, now)
      if (error === undefined) return
      this.dequeue(waiter)
      waiter.resume(Effect.fail(error))
    }
  }

  /** The error of a call that pauses would hold back for longer than a call obeys a `Retry-After`. */
  private tooLong(visit: Visit, heldBefore: number, now: number): RipioHttpError | undefined {
    const { pause } = this
    if (visit.poll !== undefined || now >= pause.callAt) return undefined
    const remaining = pause.callAt - now
    if (pause.heldMillis(now) - heldBefore + remaining <= Duration.toMillis(maxRetryAfter)) return undefined
    const retryAfter = Duration.millis(Math.ceil(remaining))
    return visit.heldBack(
      withoutStackTrace(() => new RateLimited({ status: pause.status, retryAfter, mayHaveBeenSent: false }))
    )
  }

  private startRelease(now: number, includesCalls: boolean): void {
    const waiting = this.polls.size + (includesCalls ? this.calls.size : 0)
    if (waiting > 0) this.release = new Release(now, waiting, includesCalls, this.random)
  }

  private enqueue(visit: Visit, now: number, resume: (effect: Effect.Effect<void, RipioHttpError>) => void): void {
    const heldBefore = this.pause.heldMillis(now)
    const error = this.tooLong(visit, heldBefore, now)
    if (error !== undefined) return resume(Effect.fail(error))
    const waiter = new Waiter(visit, now, heldBefore, resume)
    visit.waiter = waiter
    this.isOpen = false
    if (visit.poll === undefined) {
      this.calls.add(waiter)
    } else {
      // After a refused token, the poll has sent a request.
      visit.poll.isHeld = visit.attempts === 0
      this.polls.add(waiter)
    }
    this.pump()
  }

  private abandon(waiter: Waiter): void {
    this.save(waiter, this.now)
    this.dequeue(waiter)
    this.pumpSoon()
  }

  private dequeue(waiter: Waiter): void {
    const { visit } = waiter
    const queue = visit.poll === undefined ? this.calls : this.polls
    queue.remove(waiter)
    visit.waiter = undefined
  }

  private freePermit(isProbe: boolean): void {
    this.inFlight--
    if (isProbe && this.outage.isActive) this.outage.scheduleProbe(this.now, this.random)
    if (!this.isOpen) this.pumpSoon()
  }

  /**
   * Gives permits when the code that runs now has ended. It may interrupt more visits, as the end of a program does, and
   * nothing must be sent for those.
   */
  private pumpSoon(): void {
    if (this.isPumpScheduled) return
    this.isPumpScheduled = true
    this.dispatcher.scheduleTask(() => {
      this.isPumpScheduled = false
      this.pumpAlone()
    }, 0)
  }

  /** Runs {@link pump} outside of a fiber, where an error that is thrown would end the process. */
  private pumpAlone(): void {
    try {
      this.pump()
    } catch (defect) {
      this.logDefect(defect, this)
    }
  }

  /** Gives permits to waiters, as many as there may be now. */
  private pump(): void {
    // A waiter that receives its permit runs at once, and may come back here.
    if (this.isPumping) return
    this.isPumping = true
    try {
      while (this.grantNext());
    } finally {
      this.isPumping = false
    }
    const isIdle = this.calls.size + this.polls.size === 0
    if (isIdle) {
      this.release = undefined
      this.wakeAt(Infinity)
    }
    this.isOpen = isIdle && !this.pause.isActive && !this.outage.isActive && this.reserve === undefined
  }

  /** Gives a permit to the next waiter, if there is one that may have it now. */
  private grantNext(): boolean {
    if (this.inFlight >= this.concurrency || this.calls.size + this.polls.size === 0) return false
    const { now, outage, pause } = this
    const ended = pause.expire(now)
    if (ended !== undefined) this.startRelease(now, ended === "all")
    if (ended === "all") this.isPauseLong = false
    if (now < pause.callAt) return this.wakeAt(pause.callAt)
    const { release } = this
    const isPaced = release?.holdsBack(now) === true
    const isCallHeld = isPaced && release.includesCalls
    const isPollHeld = now < pause.pollAt || (outage.isActive ? now < outage.nextProbe : isPaced)
    const call = isCallHeld ? undefined : this.calls.first
    const poll = isPollHeld ? undefined : this.polls.first
    if (call === undefined && poll === undefined) {
      const nextStep = isPaced ? release.nextStep(now, this.random) : now
      const callAt = this.calls.size === 0 ? Infinity : nextStep
      const pollAt =
        this.polls.size === 0 ? Infinity : Math.max(pause.pollAt, outage.isActive ? outage.nextProbe : nextStep)
      return this.wakeAt(Math.min(callAt, pollAt))
    }
    const isPollNext = call === undefined || (poll !== undefined && this.callsInRow >= maxCallsInRow)
    const waiter = isPollNext ? poll : call
    if (waiter === undefined) return false
    if (this.reserve !== undefined && !this.takeReservation(this.reserve, waiter.visit.fiber, now)) return false
    this.grant(waiter, now)
    return true
  }

  private grant(waiter: Waiter, now: number): void {
    const { outage, release } = this
    const { visit } = waiter
    const { poll } = visit
    let isProbe = false
    this.dequeue(waiter)
    this.inFlight++
    if (poll !== undefined) {
      this.callsInRow = 0
      poll.isHeld = false
      if (outage.isActive) {
        this.save(waiter, now)
        isProbe = true
        outage.probeStarted(now)
      }
    } else {
      this.callsInRow = this.polls.size === 0 ? 0 : this.callsInRow + 1
    }
    // Calls that it does not spread must neither delay it nor end it.
    if (release !== undefined && (poll !== undefined || release.includesCalls)) {
      release.sent(now)
      if (!this.isReleasing(release, now)) this.release = undefined
    }
    visit.permit = new Permit(poll, isProbe)
    waiter.resume(Effect.void)
  }

  /** Whether a waiter has waited since before the release. Each queue is in the order of arrival. */
  private isReleasing({ includesCalls, start }: Release, now: number): boolean {
    const call = includesCalls ? this.calls.first : undefined
    // Polls that are held back by something else are released after it.
    const poll = this.outage.isActive || now < this.pause.pollAt ? undefined : this.polls.first
    return (call !== undefined && call.since <= start) || (poll !== undefined && poll.since <= start)
  }

  /** Takes the request that the rate limit allows next. Reserves it first, one at a time, so that the order is ours. */
  private takeReservation(reserve: ReserveRequest, { context }: AnyFiber, now: number): boolean {
    if (this.reserved !== undefined && now > this.reserved.until) this.reserved = undefined
    if (this.reserved === undefined && !this.isReserving) {
      this.isReserving = true
      const fiber = Effect.runForkWith(context)(Effect.provideService(reserve, Clock.Clock, this.clock))
      fiber.addObserver((exit) => {
        this.isReserving = false
        // A defect of the limiter must not stop the account.
        const { delay, lifetime } = Exit.isSuccess(exit) ? exit.value : { delay: 0, lifetime: 1000 }
        const at = this.now + delay
        this.reserved = { at, until: at + lifetime }
        this.pump()
      })
    }
    const { reserved } = this
    if (reserved === undefined) return false
    if (this.now < reserved.at) return this.wakeAt(reserved.at)
    this.reserved = undefined
    return true
  }

  /** Runs {@link pump} at a time. Returns `false`, because no waiter receives a permit now. */
  private wakeAt(at: number): false {
    if (this.timer?.at === at) return false
    this.timer?.cancel()
    this.timer = undefined
    if (at === Infinity) return false
    const duration = Duration.millis(Math.max(Math.ceil(at - this.now), 1))
    const cancel = startTimer(duration, this.clock, Effect.runForkWith(this.context), () => {
      this.timer = undefined
      this.pumpAlone()
    })
    this.timer = { at, cancel }
    return false
  }
}

const countOf = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`
