/**
 * Layers of durable work: the outbox, the tracker, the inbox and their operations on one database, and the worker.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import { checkOption, checkOptionsObject, InvalidOption } from "../domain/InvalidOption.ts"
import { pollingSchedule } from "../domain/PollingSchedule.ts"
import { sanitize } from "../domain/sanitize.ts"
import { outcomeOfEvent } from "../domain/EventOutcome.ts"
import type { UnsupportedStore } from "../domain/UnsupportedStore.ts"
import { makeClaimRows } from "../internal/durable/claimRows.ts"
import type { Claim } from "../internal/durable/claims.ts"
import { makeClosedTimes } from "../internal/durable/closedTimes.ts"
import { makeContents } from "../internal/durable/contents.ts"
import { outboxEngineOf, setOutboxEngine, trackerEngineOf } from "../internal/durable/engines.ts"
import { makeOutbox } from "../internal/durable/outbox.ts"
import { contentTable, makeQueueTable, queueTable } from "../internal/durable/queueTable.ts"
import { checkDatabase, checkQueueTable, createTables } from "../internal/durable/startChecks.ts"
import { StoreTiming } from "../internal/durable/storeTiming.ts"
import { runWorker } from "../internal/durable/runWorker.ts"
import { accountViewOf } from "../internal/http/gate/accountView.ts"
import { deadLetters as deadLettersAdded, queueAge, queueSize, registerSubmissions } from "../internal/metrics.ts"
import {
  nonNegativeDuration,
  nonNegativeInt,
  positiveDuration,
  positiveInt,
  scheduleOption
} from "../internal/options.ts"
import { inTextStore, toUnavailable } from "../internal/webhooks/deadLetters.ts"
import { SupportTickets } from "../services/SupportTickets.ts"
import { makeTicketInbox, TicketInbox } from "../services/TicketInbox.ts"
import { makeTicketOperations, TicketOperations } from "../services/TicketOperations.ts"
import { TicketOutbox } from "../services/TicketOutbox.ts"
import { TicketOutcomes } from "../services/TicketOutcomes.ts"
import { makeTicketTracker, TicketTracker, type TrackerScheduleOptions } from "../services/TicketTracker.ts"

/**
 * How durable work is stored and repeated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends TrackerScheduleOptions {
  /** The name of the queues in the database: `ripio` by default. Use one name per account. */
  readonly name?: string | undefined
  /** The largest content of a submission in bytes, texts and files together: 256 MiB by default. */
  readonly maxBytes?: number | undefined
  /**
   * How old a submission may be when a worker first claims it: 24 hours by default. The time in which the account was
   * closed does not count. An older one is not sent, because a restored backup would send old submissions again.
   */
  readonly maxAge?: Duration.Input | undefined
  /**
   * The delays before a ticket that certainly was not sent is sent again. Its input is the number of such failures. The
   * default starts with 1 s, doubles up to 5 minutes and does not end. When it ends, the event is `SubmissionNotSent`.
   */
  readonly retry?: Schedule.Schedule<unknown, number> | undefined
  /** How long ids are remembered after they are done: 400 days by default. An older one may be submitted again. */
  readonly rememberFor?: Duration.Input | undefined
}

const defaultRetry = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("5 minutes")])

const checkOptions = (options: Options) =>
  Result.gen(function* () {
    yield* checkOptionsObject(options)
    return {
      name: yield* checkOption("name", () => {
        const { name = "ripio" } = options
        return /^[\w.-]{1,60}$/u.test(name)
          ? Result.succeed(name)
          : Result.fail(
              new InvalidOption({ option: "name", issue: "expected 1 to 60 letters, digits, dots or dashes" })
            )
      }),
      schedule: yield* checkOption("schedule", () => scheduleOption(options.schedule ?? pollingSchedule)),
      deadline: yield* checkOption("deadline", () =>
        nonNegativeDuration("deadline", options.deadline ?? Duration.hours(24))
      ),
      maxBytes: yield* checkOption("maxBytes", () => positiveInt("maxBytes", options.maxBytes ?? 256 * 1024 * 1024)),
      maxAge: yield* checkOption("maxAge", () => positiveDuration("maxAge", options.maxAge ?? Duration.hours(24))),
      retry: yield* checkOption("retry", () => scheduleOption(options.retry ?? defaultRetry)),
      rememberFor: yield* checkOption("rememberFor", () =>
        positiveDuration("rememberFor", options.rememberFor ?? Duration.days(400))
      )
    }
  })

const keyValueStore = (client: SqlClient.SqlClient, table: string) =>
  Effect.map(
    Layer.build(
      Layer.provide(Layer.fresh(KeyValueStore.layerSql({ table })), Layer.succeed(SqlClient.SqlClient, client))
    ),
    Context.get(KeyValueStore.KeyValueStore)
  )

/**
 * The outbox, the tracker, the inbox and their operations on one `SqlClient`: PostgreSQL for any number of processes, or
 * SQLite for those of one machine. Nothing is sent or polled before a `worker` runs, in this process or in another one.
 *
 * The tables are those of `effect/persistence`, under the names `ripio_queue`, `ripio_contents` and `ripio_dead_letters`.
 * They are created on the first start.
 *
 * Fails with
 * - `InvalidOption` for an option that cannot work;
 * - `UnsupportedStore` if tickets could be lost or sent twice on this database: MySQL and SQL Server, a PostgreSQL whose time
 *   zone is not UTC, or a queue table of an unknown version of `effect`.
 *
 * **Example** (All parts in one process)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { FetchTransport, Ripio, TicketInboxLive } from "effect-ripio-tickets"
 * import { DurableTickets } from "effect-ripio-tickets/durable"
 * import { NodeSqlite } from "effect-ripio-tickets/node"
 *
 * const desk = Layer.mergeAll(
 *   DurableTickets.worker(),
 *   TicketInboxLive.handler((event) => Effect.log(event._tag, event.dedupeKey))
 * ).pipe(
 *   Layer.provideMerge(DurableTickets.layer()),
 *   Layer.provide(NodeSqlite.layer({ filename: "tickets.db" })),
 *   Layer.provide(Ripio.layerConfig),
 *   Layer.provide(FetchTransport.layer)
 * )
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  TicketOutbox | TicketTracker | TicketInbox | TicketOperations,
  InvalidOption | UnsupportedStore,
  SqlClient.SqlClient
> => Layer.effectContext(make(options))

const make = Effect.fnUntraced(function* (options: Options) {
  const { deadline, maxAge, maxBytes, name, rememberFor, retry, schedule } = yield* Effect.fromResult(
    checkOptions(options)
  )
  const sql = yield* SqlClient.SqlClient
  const { lockExpiration, lockRefreshInterval, pollInterval } = yield* StoreTiming
  yield* checkDatabase(sql)
  yield* registerSubmissions
  const store = yield* createTables(
    PersistedQueue.makeStoreSql({ tableName: queueTable, lockExpiration, lockRefreshInterval, pollInterval })
  )
  yield* checkQueueTable(sql, queueTable)
  const contentStore = yield* createTables(keyValueStore(sql, contentTable))
  const deadLetterStore = yield* createTables(keyValueStore(sql, "ripio_dead_letters"))

  const table = makeQueueTable(sql, queueTable)
  const contents = makeContents(contentStore, name)
  const closedTimes = makeClosedTimes(contentStore, name)
  const queues = { outbox: `${name}:outbox`, tracker: `${name}:tracker`, inbox: `${name}:inbox` }
  const ambiguousQueue = `${name}:ambiguous`
  const letters = {
    outbox: yield* inTextStore(deadLetterStore, queues.outbox),
    tracker: yield* inTextStore(deadLetterStore, queues.tracker),
    inbox: yield* inTextStore(deadLetterStore, queues.inbox)
  }
  const addDeadLetter =
    (queue: keyof typeof letters) =>
    ({ attempts, element, id }: Pick<Claim, "attempts" | "element" | "id">, failure: string) =>
      letters[queue]
        .add({ dedupeKey: id, stored: element, attempts, failure })
        .pipe(
          Effect.andThen(Metric.update(deadLettersAdded, 1)),
          Effect.andThen(
            Effect.logError(
              `${sanitize.text(id)} of the ${queue} is a dead letter, because it cannot be decoded: ${failure}`
            )
          )
        )

  const queuesOf = yield* Effect.provideService(PersistedQueue.makeFactory, PersistedQueue.PersistedQueueStore, store)
  const plainInbox = yield* makeTicketInbox(
    { queues: queuesOf, deadLetters: deadLetterStore, isDurable: true },
    { name: queues.inbox }
  )

  const service = makeTicketTracker({
    store,
    queue: queues.tracker,
    schedule,
    deadline,
    addDeadLetter: addDeadLetter("tracker"),
    rows: {
      transaction: sql.withTransaction,
      find: (id) => table.find(queues.tracker, id),
      complete: (id, element) => table.complete(queues.tracker, id, element),
      replace: (id, element) => table.replace(queues.tracker, id, element),
      claims: makeClaimRows(sql, table, queues.tracker)
    }
  })
  const tracker = trackerEngineOf(service)
  if (tracker === undefined) return yield* Effect.die(new Error("the tracker has no engine"))

  const inbox = TicketInbox.of({
    ...plainInbox,
    offer: (event) => {
      const outcome = "source" in event && event.source === "poll" ? undefined : outcomeOfEvent(event)
      return outcome === undefined
        ? plainInbox.offer(event)
        : sql
            .withTransaction(Effect.andThen(plainInbox.offer(event), tracker.tracker.settle(outcome)))
            .pipe(Effect.mapError(toUnavailable))
    }
  })

  const outbox = makeOutbox({
    sql,
    store,
    table,
    contents,
    queues: { outbox: queues.outbox, ambiguous: ambiguousQueue },
    maxBytes,
    maxAge,
    retry,
    lockExpiration,
    publish: plainInbox.offer,
    track: (id, since) => tracker.tracker.track(id, { since }),
    addDeadLetter: addDeadLetter("outbox"),
    closedMillis: closedTimes.millis
  })

  // The queue ends a row whose text is not JSON, and logs nothing.
  const collectFailed = Effect.forEach(
    ["outbox", "tracker", "inbox"] as const,
    (queue) =>
      Effect.flatMap(
        table.list({ queue: queues[queue], state: "failed", isClaimed: undefined, after: 0, limit: 100 }),
        (rows) =>
          Effect.forEach(
            rows,
            (row) =>
              sql.withTransaction(
                Effect.andThen(
                  addDeadLetter(queue)(row, row.lastFailure ?? "the queue cannot read it"),
                  table.acknowledge(queues[queue], row.id)
                )
              ),
            { discard: true }
          )
      ),
    { discard: true }
  )
  const operations = makeTicketOperations({
    sql,
    table,
    queues,
    ambiguousQueue,
    contents,
    outbox,
    inbox: plainInbox,
    indexes: (["outbox", "tracker"] as const).flatMap((queue) => {
      const { index } = letters[queue]
      return index === undefined ? [] : [[queue, index] as const]
    })
  })
  const measure = Effect.flatMap(table.counts(Object.values(queues)), (counts) =>
    Effect.forEach(
      ["outbox", "tracker", "inbox"] as const,
      (queue) => {
        const found = counts.filter((count) => count.queue === queues[queue])
        const labels = { queue, name }
        return Effect.andThen(
          Metric.update(
            queueSize(labels),
            found.reduce((sum, { count }) => sum + count, 0)
          ),
          Metric.update(queueAge(labels), Math.max(0, ...found.map(({ oldest }) => oldest)))
        )
      },
      { discard: true }
    )
  )
  const every = (interval: Duration.Input, task: string, effect: Effect.Effect<unknown, unknown>) =>
    Effect.forever(
      Effect.andThen(
        Effect.catchCause(effect, (cause) => Effect.logWarning(`${task} failed and is tried again later`, cause)),
        Effect.sleep(interval)
      )
    )
  const housekeeping = Effect.andThen(
    Effect.all(
      [
        every("15 seconds", "Measuring the queues", measure),
        every("10 minutes", "Collecting what the queues cannot read", collectFailed),
        every("1 hour", "Removing old ids", store.cleanup({ timeToLive: rememberFor, failedTimeToLive: undefined }))
      ],
      { concurrency: "unbounded", discard: true }
    ),
    Effect.never
  )

  const outboxService = setOutboxEngine(
    TicketOutbox.of({ submit: (ticket, options) => outbox.submit(ticket, idOf(options)) }),
    {
      store,
      queue: queues.outbox,
      outbox,
      housekeeping,
      recordClosed: (from, to) =>
        Effect.catchCause(closedTimes.record(from, to), (cause) =>
          Effect.logDebug("The time in which the account is closed cannot be recorded", cause)
        )
    }
  )

  return Context.make(TicketOutbox, outboxService).pipe(
    Context.add(TicketTracker, service),
    Context.add(TicketInbox, inbox),
    Context.add(TicketOperations, operations)
  )
})

/** JavaScript may pass anything. What is not an id is refused by its check. */
const idOf = (options: { readonly id: string }): string => {
  try {
    return options.id
  } catch {
    return ""
  }
}

/**
 * How much a worker does at a time, and how long it may take to end.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerOptions {
  /** How many tickets are sent at a time: 4 by default, and no more than the account gate lets through. 0 sends none. */
  readonly outbox?: number | undefined
  /** How many tickets are polled at a time: 32 by default. 0 polls none. */
  readonly tracker?: number | undefined
  /** How long to wait for requests that have begun when the layer is closed: 20 s by default. */
  readonly grace?: Duration.Input | undefined
}

const workerOptions = (options: WorkerOptions) =>
  Result.gen(function* () {
    yield* checkOptionsObject(options)
    return {
      outbox: yield* checkOption("outbox", () => nonNegativeInt("outbox", options.outbox ?? 4)),
      tracker: yield* checkOption("tracker", () => nonNegativeInt("tracker", options.tracker ?? 32)),
      grace: yield* checkOption("grace", () => nonNegativeDuration("grace", options.grace ?? Duration.seconds(20)))
    }
  })

/**
 * Sends what the outbox holds and polls what the tracker holds, while the layer lives. Run it in any number of processes.
 *
 * It sends only while the account is open: not in a pause that the API asked for, not in an outage, and not while the API
 * refuses the credentials. Then nothing is used up, and one poll at a time finds out when it goes on.
 *
 * When the layer is closed, nothing new begins. Requests that have begun are awaited for `grace`. What has not ended by then
 * stays claimed, and another process reports it as ambiguous.
 *
 * Fails with `InvalidOption`, also if the outbox or the tracker is not one of this library.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const worker = (
  options: WorkerOptions = {}
): Layer.Layer<never, InvalidOption, TicketOutbox | TicketTracker | TicketInbox | SupportTickets> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { grace, outbox, tracker } = yield* Effect.fromResult(workerOptions(options))
      const tickets = yield* SupportTickets
      const outboxEngine = outboxEngineOf(yield* TicketOutbox)
      const trackerEngine = trackerEngineOf(yield* TicketTracker)
      const notOurs = (option: string) =>
        new InvalidOption({ option, issue: "expected the service of DurableTickets.layer" })
      if (outboxEngine === undefined) return yield* notOurs("TicketOutbox")
      if (trackerEngine === undefined) return yield* notOurs("TicketTracker")
      yield* runWorker({
        tickets,
        view: accountViewOf(tickets),
        inbox: yield* TicketInbox,
        outcomes: Option.getOrUndefined(yield* Effect.serviceOption(TicketOutcomes)),
        outbox: { engine: outboxEngine, concurrency: outbox },
        tracker: { engine: trackerEngine, concurrency: tracker },
        grace
      })
    })
  )
