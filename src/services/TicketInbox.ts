/**
 * The inbox of webhook events as a service.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type { PersistedQueueFactory } from "effect/persistence/PersistedQueue"
import { hasProperty, isString } from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { DeadLetter } from "../domain/DeadLetter.ts"
import { type InboxEvent, toInboxEvent } from "../domain/InboxEvent.ts"
import { InboxUnavailable } from "../domain/InboxUnavailable.ts"
import { sanitize } from "../domain/sanitize.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { deadLetters as deadLettersAdded } from "../internal/metrics.ts"
import { nonEmptyText, positiveInt } from "../internal/options.ts"
import {
  type DeadLetterIndex,
  inQueue,
  inTextStore,
  type TextStore,
  toUnavailable
} from "../internal/webhooks/deadLetters.ts"
import { decodeEvent, encodeEvent } from "../internal/webhooks/storedEvent.ts"

/**
 * Stores each event before Ripio receives the response, and passes it to a handler until the handler succeeds.
 *
 * Ripio may deliver an event more than once. The inbox stores each `dedupeKey` once, also after the event was handled.
 * Events are handled at least once: if the process ends after the handler succeeded and before the inbox recorded that, the
 * handler runs again. Make handlers idempotent, for example by `dedupeKey`.
 *
 * **Example** (From webhooks to a handler)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { TicketInbox, TicketInboxLive, TicketWebhookRoute, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const webhooks = Layer.merge(
 *   TicketWebhookRoute.layer("/webhooks/ripio", TicketInbox.offer),
 *   TicketInboxLive.handler((event) => Effect.log("notify the customer", event._tag))
 * ).pipe(Layer.provide(TicketInboxLive.layer()), Layer.provide(TicketWebhooksLive.layerConfig))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class TicketInbox extends Context.Service<
  TicketInbox,
  {
    /**
     * Stores an event. When it returns, the event is stored. An event that is already known is not stored again, unless it
     * is a dead letter: then it is handled again.
     *
     * Fails with `InboxUnavailable` if the store fails, if the inbox in memory is full, or if the layer of the inbox is
     * closed.
     */
    readonly offer: (event: TicketEvent | InboxEvent) => Effect.Effect<void, InboxUnavailable>
    /**
     * Passes one event after the other to the handler and never returns. If the handler fails, the event is repeated after
     * a growing delay. After the last attempt it becomes a dead letter, which is logged as an error and counted.
     */
    readonly handle: <E, R>(
      handler: (event: InboxEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
      options?: HandleOptions
    ) => Effect.Effect<never, never, R>
    /**
     * Waits for a dead letter and passes it to the handler. If the handler succeeds, the dead letter is removed. If it
     * fails, the dead letter stays and is available again after 1 s.
     */
    readonly takeDeadLetter: <A, E, R>(
      handler: (deadLetter: DeadLetter) => Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | InboxUnavailable, R>
    /**
     * All dead letters. This and the next two fail with `InboxUnavailable` if the dead letters are in a store that cannot
     * list them: see `TicketInboxLive.layerStore`.
     */
    readonly deadLetters: Effect.Effect<ReadonlyArray<DeadLetter>, InboxUnavailable>
    /** The number of dead letters. */
    readonly deadLetterCount: Effect.Effect<number, InboxUnavailable>
    /** Handles a dead letter again, from its first attempt. `false` if there is no dead letter with this `dedupeKey`. */
    readonly requeueDeadLetter: (dedupeKey: string) => Effect.Effect<boolean, InboxUnavailable>
  }
>()("effect-ripio-tickets/TicketInbox") {
  /** Stores an event. Pass it to `TicketWebhookRoute` and `TicketWebhookHandler` as their `onEvent`. */
  static readonly offer = (event: TicketEvent | InboxEvent): Effect.Effect<void, InboxUnavailable, TicketInbox> =>
    TicketInbox.use((inbox) => inbox.offer(event))
}

/**
 * How events are handled.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandleOptions {
  /** How many events are handled concurrently: 1 by default. Their order is not guaranteed. */
  readonly concurrency?: number | undefined
}

/**
 * How an inbox stores and repeats events.
 *
 * @category models
 * @since 0.1.0
 */
export interface TicketInboxOptions {
  /** The name of the queue in the store: `ripio-webhooks` by default. Use one name per account. */
  readonly name?: string | undefined
  /** The number of attempts after which an event becomes a dead letter: 10 by default. */
  readonly maxAttempts?: number | undefined
  /**
   * The delays between attempts. Its input is the number of the failed attempt. The default starts with 1 s and doubles up
   * to 5 minutes.
   */
  readonly retrySchedule?: Schedule.Schedule<unknown, number> | undefined
}

// The inbox counts attempts: the queue offers no access to elements whose attempts are used up. This is the largest SQL integer.
const unlimitedAttempts = 2_147_483_647

// Of an event that the queue passes on after its last attempt.
const unknownFailure =
  "the failure of the last attempt was not stored: the process ended during it, dead letters could not be stored after it, or maxAttempts was decreased"

// How long an event that is being handled may take to end when the inbox is no longer handled.
const grace = Duration.seconds(20)

/** The handler failed, and the event is to be repeated. */
class AttemptFailed extends Data.TaggedError("AttemptFailed")<{ readonly cause: unknown }> {}

/** Where an inbox stores its events and its dead letters. */
export interface TicketInboxStores {
  readonly queues: PersistedQueueFactory["Service"]
  /** Where dead letters can be listed. If it is absent, they are in a queue. */
  readonly deadLetters: TextStore | undefined
  /** Whether events outlive the process. If not, offers fail when the last handler has ended. */
  readonly isDurable: boolean
}

/** Creates {@link TicketInbox} on the queues of `effect/persistence`. Fails with `InvalidOption`. */
export const makeTicketInbox = Effect.fnUntraced(function* (
  stores: TicketInboxStores,
  { maxAttempts = 10, name = "ripio-webhooks", retrySchedule }: TicketInboxOptions = {}
) {
  yield* Effect.fromResult(nonEmptyText("name", name))
  yield* Effect.fromResult(positiveInt("maxAttempts", maxAttempts))
  const makeQueue = (queueName: string) =>
    stores.queues.make({
      name: queueName,
      // Decoded here, because the queue drops what it cannot decode without a log.
      schema: Schema.Unknown,
      maxAttempts: unlimitedAttempts,
      ...(retrySchedule === undefined ? {} : { retrySchedule })
    })
  const events = yield* makeQueue(name)
  const deadLetters =
    stores.deadLetters === undefined
      ? inQueue(yield* makeQueue(`${name}:dead-letters`))
      : yield* inTextStore(stores.deadLetters, name)

  let isClosed = false
  let runningHandlers = 0
  let hasHadHandler = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
    })
  )

  const whileOpen = <A>(offer: () => Effect.Effect<A, InboxUnavailable>): Effect.Effect<A, InboxUnavailable> =>
    Effect.suspend(() => {
      if (isClosed) return Effect.fail(new InboxUnavailable({ issue: "its layer is closed" }))
      return stores.isDurable || !hasHadHandler || runningHandlers > 0
        ? offer()
        : Effect.fail(new InboxUnavailable({ issue: "its handler has ended. Run it until the server has stopped" }))
    })

  const store = (stored: unknown, id: string): Effect.Effect<void, InboxUnavailable> =>
    Effect.asVoid(Effect.mapError(events.offer(stored, { id }), toUnavailable))

  const offer = (event: TicketEvent | InboxEvent) =>
    whileOpen(() =>
      Effect.flatMap(Effect.mapError(encodeEvent(toInboxEvent(event)), toUnavailable), (stored) =>
        Effect.flatMap(
          deadLetters.index?.requeue(event.dedupeKey, (_, id) => store(stored, id)) ?? Effect.succeed(false),
          (isRequeued) => (isRequeued ? Effect.void : store(stored, event.dedupeKey))
        )
      )
    ).pipe(
      // Such as an event that JavaScript made up.
      Effect.catchDefect((defect) => Effect.fail(new InboxUnavailable({ cause: defect })))
    )

  const addDeadLetter = (letter: DeadLetter) => {
    const failure = sanitize.text(letter.failure)
    return deadLetters
      .add({ ...letter, failure })
      .pipe(
        Effect.andThen(Metric.update(deadLettersAdded, 1)),
        Effect.andThen(
          Effect.logError(
            `The event ${sanitize.text(letter.dedupeKey)} is a dead letter after ${letter.attempts} ${letter.attempts === 1 ? "attempt" : "attempts"}: ${failure}`
          )
        )
      )
  }

  const handle = <E, R>(
    handler: (event: InboxEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
    { concurrency = 1 }: HandleOptions = {}
  ): Effect.Effect<never, never, R> => {
    const attempt = (
      event: InboxEvent,
      stored: unknown,
      number: number
    ): Effect.Effect<unknown, AttemptFailed | InboxUnavailable, R> =>
      Effect.catchCause(
        Effect.suspend(() => handler(event, { number })),
        (cause): Effect.Effect<unknown, AttemptFailed | InboxUnavailable> =>
          number >= maxAttempts
            ? Effect.tapError(
                addDeadLetter({ dedupeKey: event.dedupeKey, stored, attempts: number, failure: Cause.pretty(cause) }),
                () =>
                  Effect.logWarning(
                    `Attempt ${number} of ${maxAttempts} to handle ${event.dedupeKey} failed, and its dead letter cannot be stored yet`,
                    cause
                  )
              )
            : Effect.andThen(
                Effect.logWarning(`Attempt ${number} of ${maxAttempts} to handle ${event.dedupeKey} failed`, cause),
                // An error, even if the handler interrupted itself: the queue would not count an interruption as an attempt.
                Effect.fail(new AttemptFailed({ cause: Cause.squash(cause) }))
              )
      )

    const handleNext = events
      .take((stored, { attempts, id }) =>
        Effect.matchEffect(decodeEvent(stored), {
          onFailure: (issue) =>
            addDeadLetter({
              dedupeKey: hasProperty(stored, "dedupeKey") && isString(stored.dedupeKey) ? stored.dedupeKey : id,
              stored,
              attempts,
              failure: `the stored event cannot be decoded: ${issue}`
            }),
          onSuccess: (event) =>
            attempts > maxAttempts
              ? addDeadLetter({
                  dedupeKey: event.dedupeKey,
                  stored,
                  // The queue also counts the times at which the dead letter could not be stored.
                  attempts: maxAttempts,
                  failure: unknownFailure
                })
              : attempt(event, stored, attempts)
        })
      )
      .pipe(
        Effect.catchTag("AttemptFailed", () => Effect.void),
        Effect.catchCause((cause) =>
          Effect.andThen(Effect.logWarning("The inbox cannot reach its store", cause), Effect.sleep("1 second"))
        )
      )

    const worker = Effect.forever(handleNext)
    const count = Result.getOrElse(positiveInt("concurrency", concurrency), () => 1)
    return Effect.contextWith((context: Context.Context<R>) =>
      Effect.callback<never>(() => {
        hasHadHandler = true
        runningHandlers++
        const run = Effect.runForkWith(context)
        const workers = Array.from({ length: count }, () => run(worker))
        return Effect.suspend(() => {
          // Before an event in one of the workers has ended.
          runningHandlers--
          for (const worker of workers) worker.interruptUnsafe()
          // A store that does not respond would hold the process back for minutes.
          return Effect.timeoutOption(Fiber.awaitAll(workers), grace)
        })
      })
    )
  }

  const withIndex = <A>(use: (index: DeadLetterIndex) => Effect.Effect<A, InboxUnavailable>) =>
    Effect.suspend(() =>
      deadLetters.index === undefined
        ? Effect.fail(new InboxUnavailable({ issue: "its store cannot list dead letters. Provide a KeyValueStore" }))
        : use(deadLetters.index)
    )

  return TicketInbox.of({
    offer,
    handle,
    takeDeadLetter: deadLetters.take,
    deadLetters: withIndex(({ list }) => list),
    deadLetterCount: withIndex(({ count }) => count),
    requeueDeadLetter: (dedupeKey) =>
      withIndex(({ requeue }) => whileOpen(() => requeue(dedupeKey, ({ stored }, id) => store(stored, id))))
  })
})
