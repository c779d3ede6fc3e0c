/**
 * What people do with durable work, as a service.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hasProperty, isString } from "effect/Predicate"
import type { SqlClient } from "effect/sql/SqlClient"
import type { DeadLetter } from "../domain/DeadLetter.ts"
import { OperationsUnavailable } from "../domain/OperationsUnavailable.ts"
import type { QueueDeadLetter, QueueItem, QueueItemState, QueueName, TicketCounts } from "../domain/QueueItem.ts"
import { isTicketId, type TicketId } from "../domain/TicketId.ts"
import type { Contents } from "../internal/durable/contents.ts"
import type { Outbox } from "../internal/durable/outbox.ts"
import {
  type AmbiguousSubmission,
  decodeAmbiguous,
  decodeEntry,
  encodeEntry,
  rowId
} from "../internal/durable/outboxEntry.ts"
import type { QueueRow, QueueTable } from "../internal/durable/queueTable.ts"
import type { DeadLetterIndex } from "../internal/webhooks/deadLetters.ts"
import type { TicketInbox } from "./TicketInbox.ts"

/**
 * Counts, lists and repairs what the outbox, the tracker and the inbox hold.
 *
 * Every change is one transaction and is safe while workers run.
 *
 * **Example** (Resolve what may have created a ticket)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import type { TicketId } from "effect-ripio-tickets"
 * import { TicketOperations } from "effect-ripio-tickets/durable"
 *
 * const resolveAll = Effect.fnUntraced(function* (find: (customerId: string) => TicketId | undefined) {
 *   const operations = yield* TicketOperations
 *   for (const { evidence, id } of yield* operations.list({ queue: "outbox", state: "ambiguous" })) {
 *     const ticketId = evidence === undefined ? undefined : find(evidence.customerId)
 *     yield* operations.resolve(id, ticketId === undefined ? "resend" : { ticketId })
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class TicketOperations extends Context.Service<
  TicketOperations,
  {
    /** How much there is in each queue. */
    readonly count: Effect.Effect<TicketCounts, OperationsUnavailable>
    /** The items of a queue in one state, oldest first, 100 at a time. `after` is the `position` of the last one. */
    readonly list: (options: ListOptions) => Effect.Effect<ReadonlyArray<QueueItem>, OperationsUnavailable>
    /** The items that no handler could handle, or that could not be decoded. */
    readonly deadLetters: Effect.Effect<ReadonlyArray<QueueDeadLetter>, OperationsUnavailable>
    /** Handles a dead letter again. `false` if there is none with this `dedupeKey`. */
    readonly requeue: (dedupeKey: string) => Effect.Effect<boolean, OperationsUnavailable>
    /** Ends the tracking of a ticket without an event. A webhook is still handled. `false` if it is not tracked. */
    readonly untrack: (id: TicketId) => Effect.Effect<boolean, OperationsUnavailable>
    /**
     * Ends the wait of an ambiguous submission: it was this ticket, or it is sent again. Wait until its request has
     * certainly ended, and look for the ticket first: after `"resend"` there may be two.
     *
     * `false` if the submission is not ambiguous, for example because its response arrived after all.
     */
    readonly resolve: (
      id: string,
      resolution: { readonly ticketId: TicketId } | "resend"
    ) => Effect.Effect<boolean, OperationsUnavailable>
    /**
     * Erases what is stored about a submission: its content, if it is ambiguous, and the data of its customer. An
     * ambiguous submission then no longer waits. Its id stays known, so that it is not submitted again.
     *
     * `false` if there is no such submission, or if it has not ended.
     */
    readonly purge: (id: string) => Effect.Effect<boolean, OperationsUnavailable>
  }
>()("effect-ripio-tickets/TicketOperations") {}

/**
 * What to list.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListOptions {
  readonly queue: QueueName
  /** `waiting` by default. */
  readonly state?: QueueItemState | undefined
  /** Lists what follows this position. */
  readonly after?: number | undefined
}

const pageSize = 100

/** Creates {@link TicketOperations} on the queue table. */
export const makeTicketOperations = ({
  ambiguousQueue,
  contents,
  inbox,
  indexes,
  outbox,
  queues,
  sql,
  table
}: {
  readonly sql: SqlClient
  readonly table: QueueTable
  readonly queues: Readonly<Record<QueueName, string>>
  readonly ambiguousQueue: string
  readonly contents: Contents
  readonly outbox: Outbox
  readonly inbox: TicketInbox["Service"]
  /** The dead letters of the queues that are not the inbox. */
  readonly indexes: ReadonlyArray<readonly [QueueName, DeadLetterIndex]>
}): TicketOperations["Service"] => {
  const run = <A>(effect: Effect.Effect<A, unknown>): Effect.Effect<A, OperationsUnavailable> =>
    effect.pipe(
      // JavaScript may pass anything.
      Effect.catchDefect((cause) => Effect.fail(cause)),
      Effect.mapError((cause) => new OperationsUnavailable({ cause }))
    )

  const count = Effect.gen(function* () {
    const counts = yield* table.counts([...Object.values(queues), ambiguousQueue])
    const of = (queue: string) => {
      const found = counts.filter((count) => count.queue === queue)
      const sum = (isClaimed: boolean) =>
        found.reduce((sum, row) => (row.isClaimed === isClaimed ? sum + row.count : sum), 0)
      const oldest = found.reduce((age, row) => Math.max(age, row.oldest), 0)
      return { waiting: sum(false), claimed: sum(true), oldest: Duration.seconds(oldest) }
    }
    let deadLetters = yield* inbox.deadLetterCount
    for (const [, index] of indexes) deadLetters += yield* index.count
    return {
      outbox: of(queues.outbox),
      tracker: of(queues.tracker),
      inbox: of(queues.inbox),
      ambiguous: of(ambiguousQueue).waiting,
      deadLetters
    }
  })

  const deadLetters = Effect.gen(function* () {
    const all = (yield* inbox.deadLetters).map(withQueue("inbox"))
    for (const [queue, index] of indexes) all.push(...(yield* index.list).map(withQueue(queue)))
    return all
  })

  const requeue = (dedupeKey: string) =>
    Effect.gen(function* () {
      if (yield* inbox.requeueDeadLetter(dedupeKey)) return true
      for (const [queue, index] of indexes) {
        const isRequeued = yield* index.requeue(dedupeKey, ({ attempts, dedupeKey }) =>
          // The claim that could not decode it did nothing, and does not count.
          Effect.orDie(Effect.asVoid(table.reopen(queues[queue], dedupeKey, Math.max(attempts - 1, 0))))
        )
        if (isRequeued) return true
      }
      return false
    }).pipe(Effect.catchDefect((cause) => Effect.fail(cause)))

  const findAmbiguous = (id: string) =>
    Effect.gen(function* () {
      const row = yield* table.find(ambiguousQueue, id)
      if (row?.state !== "pending") return undefined
      return yield* decodeAmbiguous(row.element)
    })

  /** The rows of a submission's log. */
  const logOf = (id: string) =>
    Effect.gen(function* () {
      const rows: Array<QueueRow> = []
      for (let n = 1; ; n++) {
        const row = yield* table.find(queues.outbox, rowId(id, n))
        if (row === undefined) break
        rows.push(row)
      }
      return rows
    })

  const purge = (id: string) =>
    sql.withTransaction(
      Effect.gen(function* () {
        const rows = yield* logOf(id)
        const first = rows[0]
        if (first === undefined || rows.some(({ state }) => state === "pending")) return false
        const entry = yield* decodeEntry(first.element)
        const late = yield* table.find(queues.outbox, rowId(id, "late"))
        if (entry._tag === "Purged" || late?.state === "pending") return entry._tag === "Purged"
        const { chunks, fieldChunks, hash } = entry
        yield* contents.erase({ id, hash, fieldChunks, chunks })
        yield* table.remove(ambiguousQueue, id)
        const keep = late === undefined ? rows : [...rows, late]
        for (const [index, row] of keep.entries()) {
          const purged = yield* encodeEntry({ _tag: "Purged", v: 1, id, n: index + 1, hash })
          yield* table.replace(queues.outbox, row.id, purged)
          for (const tag of ["ACCEPTED", "REJECTED", "NOT_SENT", "AMBIGUOUS"]) {
            const key = `SUBMISSION.${tag}:${row.id}`
            const event = yield* table.find(queues.inbox, key)
            if (event?.state === "completed") yield* table.replace(queues.inbox, key, { purged: true })
          }
        }
        return true
      })
    )

  const list = ({ after = 0, queue, state = "waiting" }: ListOptions) => {
    const isAmbiguous = state === "ambiguous"
    if (isAmbiguous && queue !== "outbox") return Effect.succeed([])
    return Effect.flatMap(
      table.list({
        queue: isAmbiguous ? ambiguousQueue : queues[queue],
        state: state === "done" ? "completed" : "pending",
        isClaimed: state === "done" || isAmbiguous ? undefined : state === "claimed",
        after,
        limit: pageSize
      }),
      (rows) => Effect.forEach(rows, (row) => toItem(row, queue, state))
    )
  }

  return TicketOperations.of({
    count: run(count),
    list: (options) => run(Effect.suspend(() => list(options))),
    deadLetters: run(deadLetters),
    requeue: (dedupeKey) => run(requeue(dedupeKey)),
    untrack: (id) => (isTicketId(id) ? run(table.complete(queues.tracker, id)) : Effect.succeed(false)),
    resolve: (id, input) => {
      const resolution = readResolution(input)
      return resolution === undefined
        ? Effect.fail(
            new OperationsUnavailable({
              issue: `resolution: expected "resend", or a ticketId that is a UUID in lower case`
            })
          )
        : run(
            Effect.flatMap(findAmbiguous(id), (submission: AmbiguousSubmission | undefined) =>
              submission === undefined ? Effect.succeed(false) : outbox.resolve(submission, resolution)
            )
          )
    },
    purge: (id) => run(purge(id))
  })
}

/** Reads a resolution once. JavaScript may pass anything. */
const readResolution = (resolution: unknown): { readonly ticketId: TicketId } | "resend" | undefined => {
  try {
    if (resolution === "resend") return resolution
    const ticketId = hasProperty(resolution, "ticketId") ? resolution.ticketId : undefined
    return isTicketId(ticketId) ? { ticketId } : undefined
  } catch {
    // A getter or a proxy.
    return undefined
  }
}

const withQueue =
  (queue: QueueName) =>
  (letter: DeadLetter): QueueDeadLetter => ({ ...letter, queue })

const toItem = (row: QueueRow, queue: QueueName, state: QueueItemState): Effect.Effect<QueueItem> => {
  const element = row.element
  const item = {
    id: queue === "outbox" && state !== "ambiguous" ? row.id.replace(/#[^#]*$/u, "") : row.id,
    queue,
    state,
    kind:
      hasProperty(element, "_tag") && isString(element._tag)
        ? element._tag
        : state === "ambiguous"
          ? "Ambiguous"
          : "Unknown",
    attempts: row.attempts,
    age: Duration.seconds(Math.max(row.age, 0)),
    dueIn: Duration.seconds(Math.max(row.dueIn, 0)),
    position: row.sequence,
    ...(row.lastFailure === undefined ? {} : { lastFailure: row.lastFailure }),
    ...(hasProperty(element, "ticketId") && isTicketId(element.ticketId) ? { ticketId: element.ticketId } : {})
  }
  if (state !== "ambiguous") return Effect.succeed(item)
  return Effect.match(decodeAmbiguous(element), {
    onFailure: () => item,
    onSuccess: ({ evidence }) => ({ ...item, evidence })
  })
}
