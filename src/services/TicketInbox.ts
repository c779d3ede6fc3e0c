/**
 * The inbox of webhook events as a service.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { PersistedQueueFactory } from "effect/persistence/PersistedQueue"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import { DeadLetter } from "../domain/DeadLetter.ts"
import { InboxUnavailable } from "../domain/InboxUnavailable.ts"
import { truncate } from "../domain/Redaction.ts"
import { TicketEvent } from "../domain/TicketEvent.ts"
import { deadLetters as deadLetterCount } from "../internal/metrics.ts"
import { nonEmptyText, positiveInt } from "../internal/options.ts"

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
    /** Stores an event. When it returns, the event is stored. An event that is already known is not stored again. */
    readonly offer: (event: TicketEvent) => Effect.Effect<void, InboxUnavailable>
    /**
     * Passes one event after the other to the handler and never returns. If the handler fails, the event is repeated after
     * a growing delay. After the last attempt it becomes a dead letter, which is logged as an error and counted.
     */
    readonly handle: <E, R>(
      handler: (event: TicketEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
      options?: HandleOptions
    ) => Effect.Effect<never, never, R>
    /** Waits for a dead letter and passes it to the handler. If the handler succeeds, the dead letter is removed. */
    readonly takeDeadLetter: <A, E, R>(
      handler: (deadLetter: DeadLetter) => Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | InboxUnavailable, R>
  }
>()("effect-ripio-tickets/TicketInbox") {
  /** Stores an event. Pass it to `TicketWebhookRoute` and `TicketWebhookHandler` as their `onEvent`. */
  static readonly offer = (event: TicketEvent): Effect.Effect<void, InboxUnavailable, TicketInbox> =>
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

/** The handler failed, and the event is to be repeated. */
class AttemptFailed extends Data.TaggedError("AttemptFailed")<{ readonly cause: unknown }> {}

/** Creates {@link TicketInbox} on the queues of `effect/persistence`. Fails with `InvalidOption`. */
export const makeTicketInbox = Effect.fnUntraced(function* (
  queues: PersistedQueueFactory["Service"],
  { maxAttempts = 10, name = "ripio-webhooks", retrySchedule }: TicketInboxOptions = {}
) {
  yield* Effect.fromResult(nonEmptyText("name", name))
  yield* Effect.fromResult(positiveInt("maxAttempts", maxAttempts))
  const options = { maxAttempts: unlimitedAttempts, ...(retrySchedule === undefined ? {} : { retrySchedule }) }
  const events = yield* queues.make({ name, schema: TicketEvent, ...options })
  const deadLetters = yield* queues.make({ name: `${name}:dead-letters`, schema: DeadLetter, ...options })

  const offer = (event: TicketEvent) =>
    events.offer(event, { id: event.dedupeKey }).pipe(
      Effect.asVoid,
      Effect.mapError((cause) => new InboxUnavailable({ cause }))
    )

  const addDeadLetter = (event: TicketEvent, attempts: number, reason: string) => {
    const failure = truncate(reason)
    return deadLetters
      .offer({ event, attempts, failure }, { id: event.dedupeKey })
      .pipe(
        Effect.andThen(Metric.update(deadLetterCount, 1)),
        Effect.andThen(
          Effect.logError(`The event ${event.dedupeKey} is a dead letter after ${attempts} attempts: ${failure}`)
        )
      )
  }

  const handle = <E, R>(
    handler: (event: TicketEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
    { concurrency = 1 }: HandleOptions = {}
  ): Effect.Effect<never, never, R> => {
    type AttemptError = AttemptFailed | Effect.Error<ReturnType<typeof addDeadLetter>>
    const attempt = (event: TicketEvent, number: number): Effect.Effect<unknown, AttemptError, R> =>
      Effect.catchCause(handler(event, { number }), (cause): Effect.Effect<unknown, AttemptError> =>
        number >= maxAttempts
          ? addDeadLetter(event, number, Cause.pretty(cause))
          : Effect.andThen(
              Effect.logWarning(`Attempt ${number} of ${maxAttempts} to handle ${event.dedupeKey} failed`, cause),
              // An error, even if the handler interrupted itself: the queue would not count an interruption as an attempt.
              Effect.fail(new AttemptFailed({ cause: Cause.squash(cause) }))
            )
      )

    const handleNext = events
      .take((event, { attempts }): Effect.Effect<unknown, AttemptError, R> =>
        attempts > maxAttempts
          ? addDeadLetter(event, attempts - 1, "the process ended during the last attempt")
          : attempt(event, attempts)
      )
      .pipe(
        Effect.catchTag("AttemptFailed", () => Effect.void),
        Effect.catchCause((cause) =>
          Effect.andThen(Effect.logWarning("The inbox cannot reach its store", cause), Effect.sleep("1 second"))
        )
      )

    return Effect.flatMap(
      Effect.replicateEffect(
        Effect.forever(handleNext),
        Result.getOrElse(positiveInt("concurrency", concurrency), () => 1),
        { concurrency: "unbounded", discard: true }
      ),
      () => Effect.never
    )
  }

  return TicketInbox.of({
    offer,
    handle,
    takeDeadLetter: (handler) =>
      deadLetters
        .take((deadLetter) => Effect.mapError(handler(deadLetter), (error) => ({ error })))
        .pipe(
          Effect.mapError((failure) => ("error" in failure ? failure.error : new InboxUnavailable({ cause: failure })))
        )
  })
})
