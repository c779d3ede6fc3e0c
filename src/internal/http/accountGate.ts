import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { describe } from "../../domain/describe.ts"
import { maxRetryAfter } from "../../domain/RequestOptions.ts"
import { RateLimited, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { sanitize } from "../../domain/sanitize.ts"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"
import { gateWait } from "../metrics.ts"
import { monotonicMillis } from "./monotonic.ts"
import { addGateWait } from "../tracing.ts"
import type { AccountView } from "./accountView.ts"
import type { Poll, PolledAccount } from "./currentPoll.ts"
import { GrowingPause, Outage } from "./outage.ts"
import type { ReserveRequest } from "./rateLimit.ts"
import { requestedDelay } from "./retry.ts"
import { startTimer } from "./timeoutOrElse.ts"
import { type Linked, WaitQueue } from "./waitQueue.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The failure to reach the API, or `undefined` if there was a response. */
type FailureOf<E> = (error: E) => RipioHttpError | undefined

/** One call or poll at the gate. */
export interface Visit {
  readonly fiber: AnyFiber
  /** The wait that polls, or `undefined` for a call of the program. */
  readonly poll: Poll | undefined
  /** The error of a call that is not sent, because the account is held back for too long. */
  readonly heldBack: (reason: RateLimited) => RipioHttpError
  /** Set by the gate while the visit may send. */
  permit: Permit | undefined
  /** Set by the gate while the visit is in the queue. */
  waiter: Waiter | undefined
}

// A longer `Retry-After` is not obeyed: an hour later, the server may say otherwise.
const maxPause = 60 * 60 * 1000

// While polls wait, at most this many calls in a row go before the oldest poll.
const maxCallsInRow = 3

// The queue is released over this time after a pause, at a rate with these bounds between two requests.
const releaseMillis = 1500
const minInterval = 0.75
const maxInterval = 20

// A release that could not send for longer than this does not catch up, because that would be a burst.
const maxLag = 30

// A reserved request that was not sent in time belongs to a window that has passed.
const reservationLifetime = 100

/** A visit in the queue. */
export class Waiter implements Linked<Waiter> {
  readonly visit: Visit
  readonly since: number
  previous: Waiter | undefined
  next: Waiter | undefined
  readonly resume: (effect: Effect.Effect<void, RipioHttpError>) => void

  constructor(visit: Visit, since: number, resume: (effect: Effect.Effect<void, RipioHttpError>) => void) {
    this.visit = visit
    this.since = since
    this.resume = resume
  }
}

/** The right to send one request. */
export class Permit {
  readonly poll: Poll | undefined
  readonly isProbe: boolean
  /** Whether a request was sent. Without a token there is none, and a `Retry-After` of the token endpoint is not ours. */
  isSent = false

  constructor(poll: Poll | undefined, isProbe: boolean) {
    this.poll = poll
    this.isProbe = isProbe
  }
}

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
  private readonly calls = new WaitQueue<Waiter>()
  private readonly polls = new WaitQueue<Waiter>()
  private readonly outage = new Outage()
  private readonly throttling = new GrowingPause()
  // If the response asked for no time, only polls pause: the retry policy of a call decides.
  private pause: { readonly until: number; readonly status: number; readonly isRequested: boolean } | undefined
  private release:
    | { readonly interval: number; readonly includesCalls: boolean; nextAt: number; remaining: number }
    | undefined
  private reservedAt: number | undefined
  private isReserving = false
  private timer: { readonly at: number; readonly cancel: () => void } | undefined
  // Of the last visitor that had to wait. Timers need a clock, and fibers a context.
  private context: Context.Context<never> | undefined
  private clock: Clock.Clock | undefined
  private random = () => 0
  private readonly concurrency: number
  private readonly account: string | undefined
  private readonly reserve: ReserveRequest | undefined

  constructor(options: {
    readonly concurrency: number
    readonly account: string | undefined
    readonly reserve: ReserveRequest | undefined
  }) {
    this.concurrency = options.concurrency
    this.account = options.account
    this.reserve = options.reserve
    this.isOpen = this.reserve === undefined
  }

  get isDown(): boolean {
    return this.outage.isActive
  }

  get maxConcurrency(): number {
    return this.concurrency
  }

  heldBack(now: number): { readonly until: number | undefined } | undefined {
    if (this.pause !== undefined && now < this.pause.until) return { until: this.pause.until }
    return this.outage.isActive ? { until: undefined } : undefined
  }

  /** A wait polls this account from now on. */
  join(poll: Poll): void {
    if (poll.account !== undefined) return
    poll.account = this
    this.waitCount++
  }

  leave(poll: Poll): void {
    this.waitCount--
    this.outage.forget(poll)
  }

  /** Whether a visit has to wait for the end of a pause or of an outage. */
  isHoldingBack(visit: Visit): boolean {
    if (this.isOpen) return false
    if (visit.poll !== undefined && this.outage.isActive) return true
    return this.isPausedFor(visit, monotonicMillis(visit.fiber.getRef(Clock.Clock)))
  }

  /** Whether a pause holds a visit back. */
  private isPausedFor({ poll }: Visit, now: number): boolean {
    return this.pause !== undefined && now < this.pause.until && (this.pause.isRequested || poll !== undefined)
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
      const since = monotonicMillis(this.prepare(visit.fiber))
      return Effect.map(
        Effect.callback<void, RipioHttpError>((resume) => {
          this.enqueue(visit, since, resume)
        }),
        () => {
          const waited = this.now - since
          gateWait.updateUnsafe(waited / 1000, visit.fiber.context)
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
    if (Exit.isSuccess(exit)) {
      this.throttling.reset()
      this.lastFailure = undefined
      return this.responded(fiber)
    }
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    // An interruption or a defect says nothing about the account.
    if (error === undefined) return
    const failure = failureOf(error)
    if (failure === undefined) {
      this.lastFailure = undefined
      return this.responded(fiber)
    }
    if (failure.reason._tag === "InvalidRequest") return
    this.lastFailure = failure
    const clock = this.prepare(fiber)
    if (mayPause) this.holdBack(failure, monotonicMillis(clock))
    switch (failure.reason._tag) {
      case "TransportFailed":
      case "TimedOut":
      case "ServerFailed":
        if (poll !== undefined) this.pollFailed(poll, failure, monotonicMillis(clock), fiber)
        return
      default:
        this.responded(fiber)
    }
  }

  private get now(): number {
    return this.clock === undefined ? 0 : monotonicMillis(this.clock)
  }

  private prepare(fiber: AnyFiber): Clock.Clock {
    const random = fiber.getRef(Random.Random)
    this.random = () => random.nextDoubleUnsafe()
    this.context = fiber.context
    return (this.clock = fiber.getRef(Clock.Clock))
  }

  private pollFailed(poll: Poll, failure: RipioHttpError, now: number, fiber: AnyFiber): void {
    if (!this.outage.failed(poll, this.waitCount, now, this.random)) return
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
    const now = this.outage.isActive ? monotonicMillis(this.prepare(fiber)) : 0
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
  private log(line: Effect.Effect<void>, fiber: AnyFiber): void {
    const { account } = this
    Effect.runForkWith(fiber.context)(
      Effect.ignoreCause(account === undefined ? line : Effect.annotateLogs(line, { account }))
    )
  }

  private logDefect(defect: unknown, fiber: AnyFiber): void {
    this.log(Effect.logError(`The account gate failed: ${sanitize.text(describe(defect))}`), fiber)
  }

  /** About how many polls its schedule would have sent meanwhile. */
  private save({ since, visit: { poll } }: Waiter, now: number): void {
    if (poll === undefined || this.outage.since === undefined) return
    this.outage.saved += Math.floor((now - Math.max(since, this.outage.since)) / poll.intervalMillis)
  }

  /** Pauses the account if the response asks for it. */
  private holdBack(failure: RipioHttpError, now: number): void {
    const { reason } = failure
    if (reason._tag !== "RateLimited" && reason._tag !== "ServerFailed") return
    const requested = requestedDelay(failure)
    let millis = requested === undefined ? 0 : Math.min(Duration.toMillis(requested), maxPause)
    const isRequested = millis > 0
    if (!isRequested) {
      if (reason.status !== 429 || (this.pause !== undefined && now < this.pause.until)) return
      millis = this.throttling.next(0)
    }
    const until = now + millis
    if (this.pause !== undefined && until <= this.pause.until) return
    this.pause = { until, status: reason.status, isRequested }
    this.release = undefined
    this.isOpen = false
    // The first call fails only if all do, because they wait for the same moment.
    for (let waiter = this.calls.first; waiter !== undefined; waiter = this.calls.first) {
      const error = this.tooLong(waiter.visit, now)
      if (error === undefined) return
      this.dequeue(waiter)
      waiter.resume(Effect.fail(error))
    }
  }

  /** The error of a call that would wait for longer than a call obeys a `Retry-After`. */
  private tooLong({ heldBack, poll }: Visit, now: number): RipioHttpError | undefined {
    if (poll !== undefined || this.pause === undefined) return undefined
    const { status, until } = this.pause
    const retryAfter = Duration.millis(Math.ceil(until - now))
    return Duration.isGreaterThan(retryAfter, maxRetryAfter)
      ? heldBack(withoutStackTrace(() => new RateLimited({ status, retryAfter, mayHaveBeenSent: false })))
      : undefined
  }

  private startRelease(now: number, includesCalls: boolean): void {
    const waiting = this.polls.size + (includesCalls ? this.calls.size : 0)
    if (waiting === 0) return
    const interval = Math.min(Math.max(releaseMillis / waiting, minInterval), maxInterval)
    // Processes that were held back together do not return at the same moment. The call that ends the pause is alone, and
    // its retry has a jitter.
    const start = waiting === 1 ? now : now + this.random() * 4 * maxInterval
    this.release = { interval, includesCalls, nextAt: start, remaining: waiting }
  }

  private enqueue(visit: Visit, now: number, resume: (effect: Effect.Effect<void, RipioHttpError>) => void): void {
    const error = this.tooLong(visit, now)
    if (error !== undefined) return resume(Effect.fail(error))
    const waiter = new Waiter(visit, now, resume)
    visit.waiter = waiter
    this.isOpen = false
    if (visit.poll === undefined) {
      this.calls.add(waiter)
    } else {
      visit.poll.isHeld = true
      this.polls.add(waiter)
    }
    this.pump()
  }

  private abandon(waiter: Waiter): void {
    this.save(waiter, this.now)
    this.dequeue(waiter)
    this.pump()
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
    if (!this.isOpen) this.pump()
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
    this.isOpen = isIdle && this.pause === undefined && !this.outage.isActive && this.reserve === undefined
  }

  /** Gives a permit to the next waiter, if there is one that may have it now. */
  private grantNext(): boolean {
    if (this.inFlight >= this.concurrency || this.calls.size + this.polls.size === 0) return false
    const { now, outage } = this
    if (this.pause !== undefined && now >= this.pause.until) {
      this.startRelease(now, this.pause.isRequested)
      this.pause = undefined
    }
    const { pause } = this
    if (pause?.isRequested === true) return this.wakeAt(pause.until)
    const { release } = this
    const isPaced = release !== undefined && now < release.nextAt
    const call = isPaced && release.includesCalls ? undefined : this.calls.first
    const isPollHeld = pause !== undefined || (outage.isActive ? now < outage.nextProbe : isPaced)
    const poll = isPollHeld ? undefined : this.polls.first
    if (call === undefined && poll === undefined) {
      // In steps, because a timer for each of many waiters would take time.
      const nextStep = isPaced ? Math.max(release.nextAt, now + 5 + 10 * this.random()) : Infinity
      const nextProbe = outage.isActive && this.polls.size > 0 ? outage.nextProbe : Infinity
      if (pause !== undefined) return this.wakeAt(Math.max(pause.until, outage.isActive ? nextProbe : 0))
      return this.wakeAt(Math.min(nextStep, nextProbe))
    }
    if (this.reserve !== undefined && !this.takeReservation(this.reserve, now)) return false
    const isPollNext = call === undefined || (poll !== undefined && this.callsInRow >= maxCallsInRow)
    const waiter = isPollNext ? poll : call
    if (waiter !== undefined) this.grant(waiter, now)
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
        outage.probeStarted()
      }
    } else {
      this.callsInRow = this.polls.size === 0 ? 0 : this.callsInRow + 1
    }
    if (release !== undefined) {
      release.nextAt = Math.max(release.nextAt, now - maxLag) + release.interval
      if (--release.remaining === 0) this.release = undefined
    }
    visit.permit = new Permit(poll, isProbe)
    waiter.resume(Effect.void)
  }

  /** Takes the request that the rate limit allows next. Reserves it first, one at a time, so that the order is ours. */
  private takeReservation(reserve: ReserveRequest, now: number): boolean {
    if (this.reservedAt !== undefined && now > this.reservedAt + reservationLifetime) this.reservedAt = undefined
    if (this.reservedAt === undefined && !this.isReserving && this.context !== undefined) {
      this.isReserving = true
      const fiber = Effect.runForkWith(this.context)(reserve)
      fiber.addObserver((exit) => {
        this.isReserving = false
        // A defect of the limiter must not stop the account.
        this.reservedAt = this.now + (Exit.isSuccess(exit) ? exit.value : 0)
        this.pump()
      })
    }
    if (this.reservedAt === undefined) return false
    if (this.now < this.reservedAt) return this.wakeAt(this.reservedAt)
    this.reservedAt = undefined
    return true
  }

  /** Runs {@link pump} at a time. Returns `false`, because no waiter receives a permit now. */
  private wakeAt(at: number): false {
    const { clock, context } = this
    if (this.timer?.at === at || clock === undefined || context === undefined) return false
    this.timer?.cancel()
    this.timer = undefined
    if (at === Infinity) return false
    const duration = Duration.millis(Math.max(Math.ceil(at - this.now), 1))
    const cancel = startTimer(duration, clock, Effect.runForkWith(context), () => {
      this.timer = undefined
      this.pump()
    })
    this.timer = { at, cancel }
    return false
  }
}

const countOf = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`
