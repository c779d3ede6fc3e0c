import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import type { InboxEvent } from "../../domain/InboxEvent.ts"
import { OutcomeContradiction } from "../../domain/OutcomeContradiction.ts"
import type { RipioHttpError } from "../../domain/RipioHttpError.ts"
import { sanitize } from "../../domain/sanitize.ts"
import { isOutcome, type SupportTicket, type TicketOutcome } from "../../domain/SupportTicket.ts"
import type { NotEnabled, TicketError } from "../../domain/TicketError.ts"
import { dedupeKeyOf } from "../../domain/TicketEvent.ts"
import { isTicketId, type TicketId } from "../../domain/TicketId.ts"
import { TrackerUnavailable } from "../../domain/TrackerUnavailable.ts"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"
import { CurrentPoll, endWait, type Poll } from "../http/gate/currentPoll.ts"
import { lengthen, requestedDelay } from "../http/retry.ts"
import { endEarly, startTimer } from "../http/timeoutOrElse.ts"
import { contradictions, trackingCounter } from "../metrics.ts"
import { type Account, findingOf, heldDelay, responded } from "./account.ts"
import { type Claim, type ClaimRows, done, ended, returned, type Settlement, type WorkerState } from "./claims.ts"
import { delayAt } from "./delayAt.ts"
import { decodeTracking, encodeTracking, type TrackEntry } from "./trackerEntry.ts"

/** What the queue of a tracker on SQL can do beyond a queue. */
export interface TrackedRows {
  /** Runs an effect in a transaction. */
  readonly transaction: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, unknown>
  readonly find: (
    id: TicketId
  ) => Effect.Effect<{ readonly element: unknown; readonly state: string } | undefined, unknown>
  /** Ends the tracking, and replaces the element if there is another one. `false` if it had ended. */
  readonly complete: (id: TicketId, element?: unknown) => Effect.Effect<boolean, unknown>
  readonly replace: (id: TicketId, element: unknown) => Effect.Effect<void, unknown>
  readonly claims: ClaimRows
}

export interface TrackerOptions {
  readonly store: PersistedQueueStore["Service"]
  readonly queue: string
  /** Absent on a store that is only a queue. */
  readonly rows: TrackedRows | undefined
  readonly schedule: Schedule.Schedule<unknown, number>
  readonly deadline: Duration.Duration
  /** Stores what cannot be decoded. */
  readonly addDeadLetter: (claim: Claim, failure: string) => Effect.Effect<void, unknown>
}

/** What a worker of the tracker uses. */
export interface Poller {
  readonly retrieve: (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>
  readonly account: Account
  readonly publish: (event: InboxEvent) => Effect.Effect<void, unknown>
  /** The outcomes that this process knows. */
  readonly outcomes:
    | {
        readonly get: (id: TicketId) => Effect.Effect<Option.Option<TicketOutcome>>
        readonly record: (outcome: TicketOutcome) => Effect.Effect<void, OutcomeContradiction>
      }
    | undefined
}

export interface Tracker {
  readonly track: (
    id: TicketId,
    options: { readonly since?: number | undefined; readonly deadline?: Duration.Duration | undefined }
  ) => Effect.Effect<void, TrackerUnavailable>
  /** Ends the tracking of a ticket whose outcome a webhook says. Reports a contradiction to an earlier outcome. */
  readonly settle: (outcome: TicketOutcome) => Effect.Effect<void, unknown>
  readonly claimRows: ClaimRows | undefined
  readonly handle: (poller: Poller) => (claim: Claim, state: WorkerState) => Effect.Effect<Settlement>
}

// Stores delay by whole seconds and poll once a second, so the last moments before a deadline are waited for in memory.
const wakeUpMillis = 2500

// SQLite may be early by a second. What is handled this close to its deadline waits for it, and is not polled again.
const lastMoments = wakeUpMillis + 1100

// A longer `Retry-After` is not obeyed: an hour later, the server may say otherwise.
const maxPause = Duration.hours(1)

// How long a poll waits for the gate before the ticket gives its place to another one.
const maxHeldMillis = 1000

const maxErrors = 10_000

type PollError = NotEnabled | Unauthenticated | RipioHttpError

export const makeTracker = ({ addDeadLetter, deadline, queue, rows, schedule, store }: TrackerOptions): Tracker => {
  const lastErrors = new Map<TicketId, PollError>()
  const rememberError = (id: TicketId, error: PollError) => {
    if (lastErrors.size >= maxErrors) lastErrors.clear()
    lastErrors.set(id, error)
  }
  const completed = rows === undefined ? done : ended
  const transaction = rows?.transaction ?? (<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, unknown> => effect)

  const track: Tracker["track"] = (id, options) =>
    Effect.gen(function* () {
      if (!isTicketId(id)) return yield* new TrackerUnavailable({ issue: "ticketId: expected a UUID in lower case" })
      const now = yield* Clock.currentTimeMillis
      const since = options.since ?? now
      const limit = Duration.toMillis(options.deadline ?? deadline)
      const element = yield* Effect.orDie(
        encodeTracking({
          _tag: "Track",
          v: 1,
          ticketId: id,
          since,
          deadline: Number.isFinite(limit) ? Math.round(since + limit) : null
        })
      )
      yield* Effect.mapError(
        store.offer({ name: queue, id, element, isCustomId: true }),
        (cause) => new TrackerUnavailable({ cause })
      )
    }).pipe(Effect.catchDefect((cause) => Effect.fail(new TrackerUnavailable({ cause }))))

  const settleRow = (outcome: TicketOutcome, isTracked: boolean): Effect.Effect<void, unknown> =>
    rows === undefined
      ? Effect.void
      : Effect.gen(function* () {
          const { ticketId } = outcome
          const element = yield* Effect.orDie(encodeTracking({ _tag: "Settled", v: 1, ticketId, outcome }))
          // The row keeps `track` from polling later.
          if (!isTracked) yield* store.offer({ name: queue, id: ticketId, element, isCustomId: true })
          if (yield* rows.complete(ticketId, element)) return
          const row = yield* rows.find(ticketId)
          const stored = Option.getOrUndefined(yield* Effect.option(decodeTracking(row?.element)))
          if (stored?._tag !== "Settled") yield* rows.replace(ticketId, element)
          else if (!isSame(stored.outcome, outcome)) yield* reportContradiction(stored.outcome, outcome)
        })

  const outcomeEvent = (outcome: TicketOutcome, at: number): InboxEvent => {
    const issuedAt = DateTime.makeUnsafe(at)
    const { ticketId } = outcome
    const payload =
      outcome._tag === "Created"
        ? { _tag: "TicketCreated" as const, ticketId, issueKey: outcome.issueKey, issuedAt }
        : { _tag: "TicketFailed" as const, ticketId, issuedAt }
    // The key of an event about a ticket is absent only if the issue key is too long for one.
    return { ...payload, source: "poll", dedupeKey: dedupeKeyOf(payload) ?? `poll:${ticketId}` }
  }

  const again = (delay: Duration.Duration, reason: string): Settlement => ({ _tag: "Again", delay, reason })

  const handleTrack = Effect.fnUntraced(function* (
    { deadline, ticketId }: TrackEntry,
    { attempts }: Claim,
    { account, outcomes, publish, retrieve }: Poller,
    state: WorkerState
  ): Effect.fn.Return<Settlement, unknown> {
    const clock = yield* Clock.Clock
    const remaining = () => (deadline === null ? Infinity : deadline - clock.currentTimeMillisUnsafe())
    let polls = attempts - 1

    /** Ends the tracking with an event, unless a webhook has ended it. */
    const finish = (event: InboxEvent, tag: "Overdue" | "Failed") =>
      transaction(
        Effect.gen(function* () {
          if (rows !== undefined && !(yield* rows.complete(ticketId))) return false
          yield* publish(event)
          return true
        })
      ).pipe(
        Effect.flatMap((isFirst) =>
          isFirst
            ? Effect.andThen(
                Effect.annotateLogs(
                  Effect.logWarning(
                    tag === "Overdue"
                      ? `Ticket ${ticketId} has no outcome at its deadline and is no longer polled`
                      : `Ticket ${ticketId} cannot be tracked, because the account has no such ticket`
                  ),
                  { ticketId }
                ),
                trackingCounter(tag)
              )
            : Effect.void
        ),
        Effect.andThen(forget(ticketId)),
        Effect.as(completed)
      )

    const overdue = () => {
      const lastError = lastErrors.get(ticketId) ?? account.lastFailure()
      return finish(
        {
          _tag: "TrackingOverdue",
          ticketId,
          polls,
          issuedAt: DateTime.makeUnsafe(clock.currentTimeMillisUnsafe()),
          dedupeKey: `TRACKING.OVERDUE:${ticketId}`,
          ...(lastError === undefined ? {} : { lastError })
        },
        "Overdue"
      )
    }

    const settled = (outcome: TicketOutcome, isPolled: boolean) =>
      Effect.gen(function* () {
        yield* transaction(
          Effect.andThen(publish(outcomeEvent(outcome, clock.currentTimeMillisUnsafe())), settleRow(outcome, true))
        )
        // A contradiction is logged where it is found.
        if (isPolled && outcomes !== undefined) yield* Effect.ignore(outcomes.record(outcome))
        yield* Effect.annotateLogs(
          Effect.logInfo(
            outcome._tag === "Created"
              ? `Ticket ${ticketId} is registered as ${outcome.issueKey}`
              : `Ticket ${ticketId} could not be registered`
          ),
          { ticketId }
        )
        yield* trackingCounter(outcome._tag)
        yield* forget(ticketId)
        return completed
      })

    /** The ticket is handled again after the delay, or in time for its deadline. */
    const later = (delay: Duration.Duration, reason: string): Settlement => {
      const left = remaining()
      return Duration.toMillis(delay) < left - wakeUpMillis
        ? again(delay, reason)
        : again(Duration.millis(Math.max(left - wakeUpMillis, 0)), reason)
    }

    const known = outcomes === undefined ? Option.none() : yield* outcomes.get(ticketId)
    if (Option.isSome(known)) return yield* settled(known.value, false)

    const left = remaining()
    if (left <= 0) return yield* overdue()
    if (polls > 0 && left <= lastMoments) {
      const isOverdue = yield* endEarly(Effect.as(Effect.sleep(left), true), (end) =>
        state.onStop(() => end(Effect.succeed(false)))
      )
      return isOverdue ? yield* overdue() : returned
    }

    const scheduled = yield* delayAt(schedule, attempts)
    const heldFor = account.pollsHeldFor()
    if (heldFor !== undefined) {
      const otherwise = scheduled ?? Duration.seconds(30)
      return later(heldDelay(heldFor, yield* Random.next, otherwise), "the account is held back")
    }
    if (state.isStopping) return returned

    const poll: Poll = {
      ticketId,
      intervalMillis: Duration.toMillis(scheduled ?? 1000),
      isHeld: false,
      account: undefined
    }
    polls++
    const response = retrieve(ticketId).pipe(
      Effect.provideService(CurrentPoll, poll),
      Effect.match({
        onFailure: (error) => ({ _tag: "Error" as const, error }),
        onSuccess: (ticket) => ({ _tag: "Ticket" as const, ticket })
      })
    )
    const result = yield* Effect.ensuring(
      endPoll(response, poll, { clock, remaining, state }),
      Effect.withFiber((fiber) => Effect.sync(() => endWait(poll, fiber)))
    )
    switch (result._tag) {
      case "Stopped":
        return returned
      case "Held":
        return later(scheduled ?? Duration.seconds(1), "the account is held back")
      case "Overdue":
        return yield* overdue()
      case "Ticket": {
        const { ticket } = result
        yield* account.report(responded, ticketId)
        if (isOutcome(ticket)) return yield* settled(ticket, true)
        return scheduled === undefined ? yield* overdue() : later(scheduled, "the ticket is pending")
      }
      case "Error": {
        const { error } = result
        // No ticket is sent while polls fail either: the gate decides for both when the account is down.
        const finding = findingOf(error)
        if (finding._tag !== "Failed") yield* account.report(finding, ticketId)
        if (error._tag === "NotFound") {
          const issuedAt = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
          const dedupeKey = `TRACKING.FAILED:${ticketId}`
          return yield* finish({ _tag: "TrackingFailed", ticketId, error, issuedAt, dedupeKey }, "Failed")
        }
        rememberError(ticketId, error)
        yield* Effect.annotateLogs(Effect.logDebug(`A poll failed: ${error.message}`), { ticketId })
        if (scheduled === undefined) return yield* overdue()
        const requested = error._tag === "RipioHttpError" ? requestedDelay(error) : undefined
        const delay = yield* lengthen(
          scheduled,
          requested === undefined ? undefined : Duration.min(requested, maxPause)
        )
        return later(
          // A store that counts whole seconds may be early by one.
          requested === undefined || rows === undefined ? delay : Duration.sum(delay, Duration.seconds(1)),
          sanitize.message(error.message)
        )
      }
    }
  })

  const forget = (id: TicketId) => Effect.sync(() => lastErrors.delete(id))

  const handle: Tracker["handle"] = (poller) => (claim, state) =>
    Effect.matchEffect(decodeTracking(claim.element), {
      onFailure: (error) =>
        addDeadLetter(claim, sanitize.message(error.message)).pipe(
          Effect.as(done),
          Effect.catchCause((cause) =>
            Effect.as(
              Effect.logWarning(`A dead letter of ${queue} cannot be stored yet`, cause),
              again(Duration.seconds(1), "the dead letter could not be stored")
            )
          )
        ),
      onSuccess: (entry) =>
        entry._tag === "Settled"
          ? Effect.succeed(done)
          : handleTrack(entry, claim, poller, state).pipe(
              Effect.catchCause((cause) =>
                Effect.as(
                  Effect.annotateLogs(Effect.logWarning(`Ticket ${entry.ticketId} is tracked again in 1 s`, cause), {
                    ticketId: entry.ticketId
                  }),
                  again(Duration.seconds(1), "the result could not be stored")
                )
              )
            )
    })

  return { track, settle: (outcome) => settleRow(outcome, false), claimRows: rows?.claims, handle }
}

const checkMillis = 250

/** Ends a poll at the deadline, when the worker ends, or if the poll waits for the gate for too long. */
const endPoll = <A>(
  response: Effect.Effect<A>,
  poll: Poll,
  {
    clock,
    remaining,
    state
  }: { readonly clock: Clock.Clock; readonly remaining: () => number; readonly state: WorkerState }
): Effect.Effect<A | { readonly _tag: "Held" | "Overdue" | "Stopped" }> =>
  endEarly<A, never, { readonly _tag: "Held" | "Overdue" | "Stopped" }, never>(response, (end, run) => {
    let heldMillis = 0
    let cancelTimer = () => {}
    const waitForCheck = () => {
      const millis = Math.min(checkMillis, Math.max(remaining(), 0))
      cancelTimer = startTimer(Duration.millis(millis), clock, run, check)
    }
    const check = () => {
      heldMillis = poll.isHeld ? heldMillis + checkMillis : 0
      if (remaining() <= 0) end(Effect.succeed({ _tag: "Overdue" }))
      else if (heldMillis >= maxHeldMillis) end(Effect.succeed({ _tag: "Held" }))
      else waitForCheck()
    }
    waitForCheck()
    const unsubscribe = state.onStop(() => end(Effect.succeed({ _tag: "Stopped" })))
    return () => {
      cancelTimer()
      unsubscribe()
    }
  })

const reportContradiction = (known: TicketOutcome, received: TicketOutcome): Effect.Effect<void> =>
  Effect.andThen(
    Metric.update(contradictions({}), 1),
    Effect.logError(withoutStackTrace(() => new OutcomeContradiction({ known, received })).message)
  )

const isSame = (one: TicketOutcome, other: TicketOutcome): boolean =>
  one._tag === "Created" ? other._tag === "Created" && one.issueKey === other.issueKey : one._tag === other._tag
