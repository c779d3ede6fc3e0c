import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import type { CreateAmbiguous } from "../../domain/CreateAmbiguous.ts"
import { describe } from "../../domain/describe.ts"
import type { InboxEvent } from "../../domain/InboxEvent.ts"
import { InvalidSubmission } from "../../domain/InvalidSubmission.ts"
import type { NewTicket } from "../../domain/NewTicket.ts"
import { OutboxUnavailable } from "../../domain/OutboxUnavailable.ts"
import type { RipioHttpError } from "../../domain/RipioHttpError.ts"
import { sanitize } from "../../domain/sanitize.ts"
import { ticketContentOf } from "../../domain/TicketContent.ts"
import type { NotEnabled } from "../../domain/TicketError.ts"
import type { TicketId } from "../../domain/TicketId.ts"
import type { TicketRejected } from "../../domain/TicketRejected.ts"
import { CurrentWrite, type ObservedWrite } from "../http/currentWrite.ts"
import { monotonicMillis } from "../http/monotonic.ts"
import { requestedDelay } from "../http/retry.ts"
import { submissionCounter } from "../metrics.ts"
import { type Account, type Finding, findingOf, responded } from "./account.ts"
import { type Claim, done, returned, type Settlement, type WorkerState } from "./claims.ts"
import { type Contents, type ContentRef, contentBytes, hashContent } from "./contents.ts"
import { delayAt } from "./delayAt.ts"
import {
  decodeEntry,
  encodeAmbiguous,
  encodeEntry,
  idIssue,
  type LateEntry,
  type OutboxEntry,
  rowId,
  type SendEntry,
  type Verdict,
  type VerdictEntry
} from "./outboxEntry.ts"
import type { QueueTable } from "./queueTable.ts"

/** The queues of an outbox. */
export interface OutboxQueues {
  readonly outbox: string
  /** Holds one pending row for each submission that waits for `resolve`. No worker takes from it. */
  readonly ambiguous: string
}

export interface OutboxOptions {
  readonly sql: SqlClient
  readonly store: PersistedQueueStore["Service"]
  readonly table: QueueTable
  readonly contents: Contents
  readonly queues: OutboxQueues
  readonly maxBytes: number
  readonly maxAge: Duration.Duration
  readonly retry: Schedule.Schedule<unknown, number>
  readonly lockExpiration: Duration.Duration
  /** Stores an event in the inbox. */
  readonly publish: (event: InboxEvent) => Effect.Effect<void, unknown>
  /** Tracks a ticket that was accepted. */
  readonly track: (id: TicketId, acceptedAt: number) => Effect.Effect<void, unknown>
  /** Stores what cannot be decoded. */
  readonly addDeadLetter: (claim: Claim, failure: string) => Effect.Effect<void, unknown>
  /** The milliseconds between two times in which the account was closed. */
  readonly closedMillis: (from: number, to: number) => Effect.Effect<number, unknown>
}

type Create = (
  ticket: NewTicket
) => Effect.Effect<
  { readonly ticketId: TicketId },
  NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError
>

/** What a worker of the outbox uses. */
export interface Sender {
  readonly create: Create
  readonly account: Account
  /** Whether `create` is that of the client, which runs `beforeSend`. A replaced one may not. */
  readonly runsHooks: boolean
}

export interface Outbox {
  readonly submit: (ticket: NewTicket, id: string) => Effect.Effect<void, OutboxUnavailable | InvalidSubmission>
  readonly handle: (sender: Sender) => (claim: Claim, state: WorkerState) => Effect.Effect<Settlement>
  /** Writes what the verdict of an ambiguous submission is. `false` if it is not ambiguous. */
  readonly resolve: (
    submission: ContentRef & Pick<SendEntry, "n" | "customerId" | "submittedAt">,
    resolution: { readonly ticketId: TicketId } | "resend"
  ) => Effect.Effect<boolean, unknown>
}

// A verdict is settled where it was given. Other workers see it only if that process ends in between.
const settleDelay = Duration.seconds(5)

const again = (reason: string, delay = Duration.seconds(1)): Settlement => ({ _tag: "Again", delay, reason })

/** What the worker writes as the next entry of a submission. */
type Next =
  | { readonly _tag: "Verdict"; readonly verdict: Verdict }
  | { readonly _tag: "Resend"; readonly delay: Duration.Duration; readonly tries: number }

export const makeOutbox = ({
  addDeadLetter,
  closedMillis,
  contents,
  lockExpiration,
  maxAge,
  maxBytes,
  publish,
  queues,
  retry,
  sql,
  store,
  table,
  track
}: OutboxOptions): Outbox => {
  const queue = queues.outbox

  /** Offers an entry. If there is one with its number, nothing changes. */
  const offer = (entry: OutboxEntry, id: string, delay?: Duration.Duration) =>
    Effect.flatMap(Effect.orDie(encodeEntry(entry)), (element) =>
      store.offer({
        name: queue,
        id,
        element,
        isCustomId: true,
        delay: delay !== undefined && Duration.isPositive(delay) ? delay : undefined
      })
    )

  const submit = Effect.fnUntraced(
    function* (ticket: NewTicket, id: string): Effect.fn.Return<void, InvalidSubmission | OutboxUnavailable> {
      const issue = idIssue(id)
      if (issue !== undefined) return yield* new InvalidSubmission({ issue })
      const checked = ticketContentOf(ticket)
      if (Result.isFailure(checked)) return yield* new InvalidSubmission({ issue: checked.failure })
      const content = checked.success
      const bytes = contentBytes(content)
      if (bytes > maxBytes) {
        return yield* new InvalidSubmission({
          issue: `files: expected at most ${maxBytes} bytes with the texts, and got ${bytes}`
        })
      }
      const hashed = yield* Effect.mapError(hashContent(content), ({ issue }) => new InvalidSubmission({ issue }))
      const { chunks, fieldChunks, hash } = hashed
      const nonce = crypto.randomUUID()
      const submittedAt = yield* Clock.currentTimeMillis
      const { customerId } = content
      const entry: SendEntry = {
        _tag: "Send",
        v: 1,
        id,
        n: 1,
        hash,
        fieldChunks,
        chunks,
        customerId,
        submittedAt,
        nonce,
        tries: 0
      }
      const isNew = yield* sql
        .withTransaction(
          Effect.gen(function* () {
            // First, so that two concurrent submits with one id wait for each other.
            yield* offer(entry, rowId(id, 1))
            const row = yield* table.find(queue, rowId(id, 1))
            const stored = Option.getOrUndefined(yield* Effect.option(decodeEntry(row?.element)))
            if (stored?.hash !== hash) {
              return yield* new InvalidSubmission({
                issue: "id: expected an id that no other ticket was submitted with"
              })
            }
            if (stored._tag !== "Send" || stored.nonce !== nonce) return false
            yield* contents.store({ id, hash, fieldChunks, chunks }, hashed)
            return true
          })
        )
        .pipe(
          Effect.catchTag("ContentUnreadable", ({ issue }) => Effect.fail(new InvalidSubmission({ issue }))),
          Effect.mapError((cause) => (cause._tag === "InvalidSubmission" ? cause : new OutboxUnavailable({ cause })))
        )
      if (isNew)
        yield* Effect.annotateLogs(Effect.logDebug(`Submission ${sanitize.text(id)} is stored`), { submission: id })
    },
    Effect.catchDefect((cause) => Effect.fail(new OutboxUnavailable({ cause })))
  )

  /** Repeats an effect on the store until it succeeds, or until the worker has ended without it. */
  const persistently = (effect: Effect.Effect<void, unknown>, state: WorkerState): Effect.Effect<boolean> =>
    Effect.gen(function* () {
      for (;;) {
        const exit = yield* Effect.exit(effect)
        if (Exit.isSuccess(exit)) return true
        if (state.isAbandoned) return false
        yield* Effect.logDebug(`${queue}: the store failed, and is tried again in 1 s`, exit.cause)
        yield* Effect.sleep("1 second")
      }
    })

  const evidence = (
    { customerId, submittedAt }: SendEntry,
    reason: string,
    details: { readonly sentAt?: DateTime.Utc; readonly contentHash?: string; readonly requestId?: string } = {}
  ): Verdict => ({
    _tag: "Ambiguous",
    evidence: { customerId, submittedAt: DateTime.makeUnsafe(submittedAt), reason, ...details }
  })

  /**
   * Marks an entry as decided by this process, which then sends the ticket or writes why not. `false` if another process has
   * claimed it meanwhile, or if that remains unknown because the worker ends. A process that finds the mark does not send the
   * ticket, so it is written as late as possible.
   */
  const mark = Effect.fnUntraced(function* (
    entry: SendEntry,
    claim: Claim,
    state: WorkerState
  ): Effect.fn.Return<boolean> {
    const to: SendEntry = { ...entry, begun: crypto.randomUUID() }
    const options = { attempts: claim.attempts, from: claim.element, to: yield* Effect.orDie(encodeEntry(to)) }
    // A connection that breaks leaves open whether the row was changed.
    let isUncertain = false
    for (;;) {
      const changed = yield* Effect.exit(table.mark(queue, claim.id, options))
      if (Exit.isSuccess(changed)) {
        if (changed.value || !isUncertain) return changed.value
        const row = yield* Effect.exit(table.find(queue, claim.id))
        if (Exit.isSuccess(row)) {
          const stored = Option.getOrUndefined(yield* Effect.option(decodeEntry(row.value?.element)))
          return stored?._tag === "Send" && stored.begun === to.begun
        }
      }
      isUncertain = true
      if (state.isStopping) return false
      yield* Effect.sleep("1 second")
    }
  })

  /** Sends a ticket once. Without a mark, it certainly was not sent, and the entry stays the last one. */
  const sendOnce = Effect.fnUntraced(function* (
    entry: SendEntry,
    claim: Claim,
    ticket: NewTicket,
    { account, create, runsHooks }: Sender,
    state: WorkerState
  ): Effect.fn.Return<Next | Settlement> {
    // What is known about the ticket is not lost if a logger fails.
    const report = (finding: Finding, ticketId?: TicketId) => Effect.ignoreCause(account.report(finding, ticketId))
    const sentAt = yield* DateTime.now
    let isMarked = false
    let isRefused = false
    // Not interrupted in between, so that it is known whether the entry has the mark.
    const markOnce = Effect.uninterruptible(
      Effect.suspend(() => (isMarked ? Effect.succeed(true) : mark(entry, claim, state))).pipe(
        Effect.map((isOurs) => {
          isMarked = isOurs
          isRefused = !isOurs
          return isOurs
        })
      )
    )
    const beforeSend = Effect.flatMap(markOnce, (isOurs) => (isOurs ? Effect.void : Effect.interrupt))
    const write: ObservedWrite = { beforeSend, isObserved: false, attempt: undefined }
    const mayStop = () => !isMarked || (write.isObserved && write.attempt?.isHandedOver !== true)
    const context = yield* Effect.context()
    const fiber = Effect.runForkWith(context)(
      Effect.provideService(
        Effect.andThen(
          runsHooks ? Effect.void : beforeSend,
          Effect.suspend(() => create(ticket))
        ),
        CurrentWrite,
        write
      )
    )
    let isStopped = false
    const stopUnsent = () => {
      if (!mayStop() || isStopped) return
      isStopped = true
      fiber.interruptUnsafe()
    }
    const unsubscribe = state.onStop(stopUnsent)
    // A ticket that waits at the gate while the account closes would be ambiguous if this process were killed.
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(100))
      if (fiber.pollUnsafe() === undefined && (state.isStopping || !account.isOpen())) stopUnsent()
    }
    unsubscribe()
    const exit = yield* Fiber.await(fiber)
    if (isRefused) return again("another process sends it")

    /** What follows a request that certainly was not sent, or whose failure created no ticket. */
    const retryUnsent = Effect.fnUntraced(function* (
      reason: string,
      atLeast: Duration.Duration
    ): Effect.fn.Return<Next | Settlement> {
      const tries = isMarked ? entry.tries + 1 : entry.tries + claim.attempts
      const scheduled = yield* delayAt(retry, tries)
      if (scheduled === undefined) return yield* endUnsent(reason)
      const delay = Duration.max(scheduled, atLeast)
      return isMarked ? { _tag: "Resend", tries, delay } : again(reason, delay)
    })
    const endUnsent = (reason: string): Effect.Effect<Next | Settlement> =>
      Effect.map(markOnce, (isOurs) =>
        isOurs ? { _tag: "Verdict", verdict: { _tag: "NotSent", reason } } : again("another process sends it")
      )
    const sentLater: Next | Settlement = isMarked
      ? { _tag: "Resend", delay: Duration.zero, tries: entry.tries }
      : returned

    if (Exit.isSuccess(exit)) {
      yield* report(responded, exit.value.ticketId)
      return { _tag: "Verdict", verdict: { _tag: "Accepted", ticketId: exit.value.ticketId } }
    }
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    if (error === undefined) {
      if (isStopped && mayStop()) return sentLater
      const reason = sanitize.text(`the request ended without a result: ${describe(Cause.squash(exit.cause))}`)
      return isMarked
        ? { _tag: "Verdict", verdict: evidence(entry, reason, { sentAt }) }
        : yield* retryUnsent(reason, Duration.zero)
    }
    switch (error._tag) {
      case "TicketRejected":
        yield* report(responded)
        return { _tag: "Verdict", verdict: { _tag: "Rejected", error } }
      case "CreateAmbiguous": {
        const { contentHash, reason, requestId, sentAt } = error
        yield* report({ _tag: "Failed", error })
        return {
          _tag: "Verdict",
          verdict: evidence(entry, reason.message, {
            sentAt,
            contentHash,
            ...(requestId === undefined ? {} : { requestId })
          })
        }
      }
      case "NotEnabled":
      case "Unauthenticated":
        yield* report(findingOf(error))
        return sentLater
      case "RipioHttpError": {
        yield* report(findingOf(error))
        return error.reason._tag === "InvalidRequest"
          ? yield* endUnsent(error.message)
          : yield* retryUnsent(error.message, requestedDelay(error) ?? Duration.zero)
      }
    }
  })

  const tooOld = Effect.fnUntraced(function* (
    { n, submittedAt }: SendEntry,
    { attempts }: Claim
  ): Effect.fn.Return<boolean, unknown> {
    if (n > 1 || attempts > 1) return false
    const now = yield* Clock.currentTimeMillis
    const limit = Duration.toMillis(maxAge)
    return now - submittedAt > limit && now - submittedAt - (yield* closedMillis(submittedAt, now)) > limit
  })

  const handleSend = Effect.fnUntraced(function* (
    entry: SendEntry,
    claim: Claim,
    sender: Sender,
    state: WorkerState
  ): Effect.fn.Return<Settlement> {
    const clock = yield* Clock.Clock
    const claimedAt = { monotonic: monotonicMillis(clock), wall: clock.currentTimeMillisUnsafe() }
    // Of two clocks the one that has gone further: one of them may stop while the host is suspended.
    const heldFor = () =>
      Math.max(monotonicMillis(clock) - claimedAt.monotonic, clock.currentTimeMillisUnsafe() - claimedAt.wall)
    const mayHaveLostClaim = () => heldFor() > Duration.toMillis(lockExpiration) / 2
    const { chunks, customerId, fieldChunks, hash, id, n, submittedAt } = entry
    const ref: ContentRef = { id, hash, fieldChunks, chunks }
    const common = { v: 1 as const, ...ref, customerId, submittedAt }

    const write = (next: Next): Effect.Effect<Settlement> =>
      Effect.gen(function* () {
        const at = clock.currentTimeMillisUnsafe()
        const isStored = yield* persistently(
          next._tag === "Resend"
            ? offer(
                { _tag: "Send", ...common, n: n + 1, nonce: crypto.randomUUID(), tries: next.tries },
                rowId(id, n + 1),
                next.delay
              )
            : offer({ _tag: "Verdict", ...common, n: n + 1, verdict: next.verdict, at }, rowId(id, n + 1), settleDelay),
          state
        )
        if (!isStored) return again("the next entry could not be stored")
        if (next._tag === "Verdict" && next.verdict._tag !== "Ambiguous" && mayHaveLostClaim()) {
          // Another process may have written the next entry before, without knowing what happened.
          yield* persistently(
            offer({ _tag: "Late", ...common, n, verdict: next.verdict, at }, rowId(id, "late")),
            state
          )
        }
        // At once, because no worker takes the row while the account is closed. If it fails, the row is handled later.
        if (next._tag === "Verdict") {
          yield* Effect.catchCause(settleRow(id, n + 1), (cause) =>
            Effect.logDebug(`The verdict of submission ${sanitize.text(id)} is handled later`, cause)
          )
        }
        yield* logNext(id, next)
        return done
      })

    if (entry.begun !== undefined) {
      return yield* write({
        _tag: "Verdict",
        verdict: evidence(entry, "the process that was to send it ended without a report")
      })
    }
    if (!sender.account.isOpen()) return returned
    for (;;) {
      const read = yield* Effect.exit(
        Effect.gen(function* () {
          if (yield* tooOld(entry, claim)) return { issue: `no worker has sent it within ${Duration.format(maxAge)}` }
          return yield* contents.load(ref).pipe(
            Effect.map((ticket) => ({ ticket })),
            Effect.catchTag("ContentDamaged", ({ issue }) => Effect.succeed({ issue }))
          )
        })
      )
      if (Exit.isFailure(read)) {
        if (state.isStopping) return returned
        yield* Effect.logDebug(`${queue}: the content of ${id} cannot be read yet`, read.cause)
        yield* Effect.sleep("1 second")
        continue
      }
      if ("issue" in read.value) {
        const { issue } = read.value
        return (yield* mark(entry, claim, state))
          ? yield* write({ _tag: "Verdict", verdict: { _tag: "NotSent", reason: issue } })
          : again("another process decides about it")
      }
      if (state.isStopping || !sender.account.isOpen()) return returned
      const next = yield* sendOnce(entry, claim, read.value.ticket, sender, state)
      return next._tag === "Verdict" || next._tag === "Resend" ? yield* write(next) : next
    }
  })

  const eventOf = ({ at, id, n, verdict }: VerdictEntry): InboxEvent => {
    const issuedAt = DateTime.makeUnsafe(at)
    const key = rowId(id, n)
    switch (verdict._tag) {
      case "Accepted": {
        const { ticketId } = verdict
        return { _tag: "SubmissionAccepted", id, ticketId, issuedAt, dedupeKey: `SUBMISSION.ACCEPTED:${key}` }
      }
      case "Rejected":
        return {
          _tag: "SubmissionRejected",
          id,
          error: verdict.error,
          issuedAt,
          dedupeKey: `SUBMISSION.REJECTED:${key}`
        }
      case "NotSent":
        return {
          _tag: "SubmissionNotSent",
          id,
          reason: verdict.reason,
          issuedAt,
          dedupeKey: `SUBMISSION.NOT_SENT:${key}`
        }
      case "Ambiguous": {
        const { evidence } = verdict
        return { _tag: "SubmissionAmbiguous", id, evidence, issuedAt, dedupeKey: `SUBMISSION.AMBIGUOUS:${key}` }
      }
    }
  }

  /** Stores the event of a verdict, tracks its ticket and erases its content. */
  const settle = (entry: VerdictEntry) =>
    Effect.gen(function* () {
      const { at, chunks, customerId, fieldChunks, hash, id, n, submittedAt, verdict } = entry
      yield* publish(eventOf(entry))
      if (verdict._tag === "Accepted") yield* track(verdict.ticketId, at)
      if (verdict._tag !== "Ambiguous") return yield* contents.erase({ id, hash, fieldChunks, chunks })
      const element = yield* Effect.orDie(
        encodeAmbiguous({ v: 1, id, n, hash, fieldChunks, chunks, customerId, submittedAt, evidence: verdict.evidence })
      )
      yield* store.offer({ name: queues.ambiguous, id, element, isCustomId: true })
      // A submission may be ambiguous again after it was resent.
      yield* table.replace(queues.ambiguous, id, element)
      yield* table.reopen(queues.ambiguous, id, 0)
    })

  const settled = (entry: VerdictEntry) =>
    Effect.andThen(
      Effect.annotateLogs(
        entry.verdict._tag === "Ambiguous"
          ? Effect.logWarning(
              `Submission ${sanitize.text(entry.id)} may have created a ticket. Look for it and resolve it: ${entry.verdict.evidence.reason}`
            )
          : Effect.logInfo(`Submission ${sanitize.text(entry.id)}: ${describeVerdict(entry.verdict)}`),
        { submission: entry.id }
      ),
      submissionCounter(entry.verdict._tag)
    )

  /** Settles a verdict that is stored and not settled yet, whichever process gave it. Safe while a worker holds its row. */
  const settleRow = (id: string, n: number): Effect.Effect<void, unknown> =>
    sql
      .withTransaction(
        Effect.gen(function* () {
          const row = yield* table.find(queue, rowId(id, n))
          if (row?.state !== "pending") return undefined
          const entry = yield* decodeEntry(row.element)
          if (entry._tag !== "Verdict") return undefined
          yield* settle(entry)
          yield* table.complete(queue, row.id)
          return entry
        })
      )
      .pipe(Effect.flatMap((entry) => (entry === undefined ? Effect.void : settled(entry))))

  const handleVerdict = ({ id, n }: VerdictEntry): Effect.Effect<Settlement> =>
    settleRow(id, n).pipe(
      Effect.as(done),
      Effect.catchCause((cause) =>
        Effect.as(
          Effect.logWarning(`The verdict of submission ${sanitize.text(id)} cannot be stored yet`, cause),
          again("the verdict could not be stored")
        )
      )
    )

  /** The truth about a submission after its claim was lost. */
  const handleLate = (entry: LateEntry): Effect.Effect<Settlement> =>
    Effect.gen(function* () {
      const { id, n, verdict } = entry
      if (verdict._tag === "Ambiguous") return done
      const row = yield* table.find(queue, rowId(id, n + 1))
      const next = row === undefined ? undefined : yield* decodeEntry(row.element)
      if (next?._tag !== "Verdict" || next.verdict._tag !== "Ambiguous") return done
      const isResolved = yield* sql.withTransaction(
        Effect.gen(function* () {
          if (!(yield* table.complete(queues.ambiguous, id))) return false
          yield* offer({ ...entry, _tag: "Verdict", n: n + 2 }, rowId(id, n + 2))
          yield* settleRow(id, n + 2)
          return true
        })
      )
      if (isResolved) return done
      // Until the ambiguous verdict is settled, there is nothing to resolve.
      if (row?.state === "pending") return again("the verdict before it is not settled yet")
      if (verdict._tag === "Accepted") {
        yield* Effect.logError(
          `Submission ${sanitize.text(id)} was resolved, and its request created ticket ${verdict.ticketId} after all. Check that there are not two`
        )
        yield* track(verdict.ticketId, entry.at)
      }
      return done
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.as(
          Effect.logWarning(`The late result of submission ${sanitize.text(entry.id)} cannot be stored yet`, cause),
          again("the late result could not be stored")
        )
      )
    )

  const handle =
    (sender: Sender) =>
    (claim: Claim, state: WorkerState): Effect.Effect<Settlement> =>
      Effect.matchEffect(decodeEntry(claim.element), {
        onFailure: (error) =>
          addDeadLetter(claim, sanitize.message(error.message)).pipe(
            Effect.as(done),
            Effect.catchCause((cause) =>
              Effect.as(Effect.logWarning(`A dead letter of ${queue} cannot be stored yet`, cause), returned)
            )
          ),
        onSuccess: (entry) => {
          switch (entry._tag) {
            case "Send":
              return handleSend(entry, claim, sender, state)
            case "Verdict":
              return handleVerdict(entry)
            case "Late":
              return handleLate(entry)
            case "Purged":
              return Effect.succeed(done)
          }
        }
      })

  const resolve: Outbox["resolve"] = ({ chunks, customerId, fieldChunks, hash, id, n, submittedAt }, resolution) =>
    sql.withTransaction(
      Effect.gen(function* () {
        if (!(yield* table.complete(queues.ambiguous, id))) return false
        const at = yield* Clock.currentTimeMillis
        const common = { v: 1 as const, id, n: n + 1, hash, fieldChunks, chunks, customerId, submittedAt }
        if (resolution === "resend") {
          yield* offer({ _tag: "Send", ...common, nonce: crypto.randomUUID(), tries: 0 }, rowId(id, n + 1))
          return true
        }
        const { ticketId } = resolution
        yield* offer({ _tag: "Verdict", ...common, at, verdict: { _tag: "Accepted", ticketId } }, rowId(id, n + 1))
        yield* settleRow(id, n + 1)
        return true
      })
    )

  return { submit, handle, resolve }
}

const logNext = (id: string, next: Next): Effect.Effect<void> =>
  next._tag === "Resend"
    ? Effect.annotateLogs(
        Effect.logInfo(
          `Submission ${sanitize.text(id)} was not sent, and is sent again in ${Duration.format(next.delay)}`
        ),
        { submission: id }
      )
    : Effect.void

const describeVerdict = (verdict: Exclude<Verdict, { readonly _tag: "Ambiguous" }>): string => {
  switch (verdict._tag) {
    case "Accepted":
      return `accepted as ticket ${verdict.ticketId}`
    case "Rejected":
      return verdict.error.message
    case "NotSent":
      return `not sent: ${verdict.reason}`
  }
}
