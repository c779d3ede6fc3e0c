import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { PersistedQueueFactory } from "effect/persistence/PersistedQueue"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { excerpt } from "../domain/Redaction.ts"
import { InboxUnavailable } from "../domain/InboxUnavailable.ts"
import { InvalidOption } from "../domain/InvalidOption.ts"
import { TicketEvent } from "../domain/TicketEvent.ts"
import { deadLetters } from "../internal/webhooks/webhookMetrics.ts"

/**
 * An event that the inbox gave up on.
 *
 * @category models
 * @since 0.1.0
 */
export const DeadLetter = Schema.Struct({
  event: TicketEvent,
  /** How often it was tried. */
  attempts: Schema.Int,
  /** Why the last attempt failed, at most 512 characters. */
  failure: Schema.String
}).annotate({ identifier: "DeadLetter" })

/**
 * @category models
 * @since 0.1.0
 */
export type DeadLetter = typeof DeadLetter.Type

/**
 * Between the webhook and the work: it stores each event before Ripio is told that it arrived, and hands it to a handler
 * until that succeeds.
 *
 * Ripio may deliver an event more than once; the inbox takes each `dedupeKey` once, also after it was handled. What it
 * takes is handled at least once: if the process dies after the handler has done its work and before the inbox has
 * written that down, the handler runs again. Let it use the `dedupeKey` where twice would hurt.
 *
 * **Example** (Webhooks into the inbox, and out of it)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { TicketInbox, TicketInboxLive, TicketWebhookRoute, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const webhooks = Layer.merge(
 *   TicketWebhookRoute.layer("/webhooks/ripio", TicketInbox.offer),
 *   TicketInboxLive.handler((event) => Effect.log("tell the customer", event._tag))
 * ).pipe(Layer.provide(TicketInboxLive.layer()), Layer.provide(TicketWebhooksLive.layerConfig))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class TicketInbox extends Context.Service<
  TicketInbox,
  {
    /** Stores an event. When it returns, the event is safe; one that is known already is not stored again. */
    readonly offer: (event: TicketEvent) => Effect.Effect<void, InboxUnavailable>
    /**
     * Hands one event after the other to the handler, without end. One that the handler fails on is tried again, later
     * each time, and parked after the last attempt: that is logged as an error and counted.
     */
    readonly handle: <E, R>(
      handler: (event: TicketEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
      options?: HandleOptions
    ) => Effect.Effect<never, never, R>
    /**
     * Waits for a parked event and hands it over. If that succeeds, the event is done with; if not, it stays parked.
     */
    readonly takeDeadLetter: <A, E, R>(
      handler: (parked: DeadLetter) => Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | InboxUnavailable, R>
  }
>()("effect-ripio-tickets/TicketInbox") {
  /** Stores an event: what to give `TicketWebhookRoute` and `TicketWebhookHandler` as their `onEvent`. */
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
  /** How many events are handled at the same time: 1 by default. They come in no order. */
  readonly concurrency?: number
}

/**
 * How an inbox keeps and retries.
 *
 * @category models
 * @since 0.1.0
 */
export interface TicketInboxOptions {
  /** The name under which the store keeps it: `ripio-webhooks` by default. Give each account its own. */
  readonly name?: string
  /** After how many attempts an event is parked: 10 by default. */
  readonly maxAttempts?: number
  /**
   * The waits between the attempts, fed with the number of the one that failed: from 1 s, twice as long each time, up to
   * 5 minutes by default.
   */
  readonly retrySchedule?: Schedule.Schedule<unknown, number>
}

const invalid = (option: string, issue: string) => Effect.fail(new InvalidOption({ option, issue }))

const isCount = (value: number) => Number.isInteger(value) && value >= 1

// We count for ourselves: what a queue gives up on it keeps to itself, and we park it. The largest that SQL stores.
const neverGiveUp = 2_147_483_647

/**
 * Builds {@link TicketInbox} on the queues of `effect/persistence`. Fails with `InvalidOption`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeTicketInbox = Effect.fnUntraced(function* (
  queues: PersistedQueueFactory["Service"],
  { maxAttempts = 10, name = "ripio-webhooks", retrySchedule }: TicketInboxOptions = {}
) {
  if (name === "") return yield* invalid("name", "expected some text")
  if (!isCount(maxAttempts)) return yield* invalid("maxAttempts", "expected a whole number above zero")
  const options = { maxAttempts: neverGiveUp, ...(retrySchedule === undefined ? {} : { retrySchedule }) }
  const events = yield* queues.make({ name, schema: TicketEvent, ...options })
  const parked = yield* queues.make({ name: `${name}:parked`, schema: DeadLetter, ...options })

  const offer = (event: TicketEvent) =>
    events.offer(event, { id: event.dedupeKey }).pipe(
      Effect.asVoid,
      Effect.mapError((cause) => new InboxUnavailable({ cause }))
    )

  type Park = typeof park
  const park = (event: TicketEvent, attempts: number, failure: string) =>
    parked
      .offer({ event, attempts, failure: excerpt(failure) }, { id: event.dedupeKey })
      .pipe(
        Effect.andThen(Metric.update(deadLetters, 1)),
        Effect.andThen(
          Effect.logError(`Parked the webhook ${event.dedupeKey} after ${attempts} attempts: ${excerpt(failure)}`)
        )
      )

  const handle = <E, R>(
    handler: (event: TicketEvent, attempt: { readonly number: number }) => Effect.Effect<unknown, E, R>,
    { concurrency = 1 }: HandleOptions = {}
  ): Effect.Effect<never, never, R> => {
    type Failure = E | Effect.Error<ReturnType<typeof park>>
    const attempt = (event: TicketEvent, number: number, park: Park): Effect.Effect<unknown, Failure, R> =>
      handler(event, { number }).pipe(
        Effect.catchCause((cause): Effect.Effect<void, Failure> =>
          number >= maxAttempts
            ? park(event, number, Cause.pretty(cause))
            : Effect.andThen(
                Effect.logWarning(
                  `Attempt ${number} of ${maxAttempts} at the webhook ${event.dedupeKey} failed`,
                  cause
                ),
                // An interruption would not count as an attempt, so a handler that interrupts itself would never be done.
                Cause.hasInterruptsOnly(cause) ? Effect.die(new Error("interrupted")) : Effect.failCause(cause)
              )
        )
      )

    const one = Effect.suspend(() => {
      let isHandlers = false
      // A failure to park is the store's.
      const parkHere: Park = (...parked) =>
        Effect.suspend(() => {
          isHandlers = false
          return park(...parked)
        })
      return events
        .take((event, { attempts }) => {
          isHandlers = true
          const handled: Effect.Effect<unknown, Failure, R> =
            attempts > maxAttempts
              ? parkHere(event, attempts - 1, "how its last attempt ended is not known")
              : attempt(event, attempts, parkHere)
          return Effect.tap(handled, () =>
            Effect.sync(() => {
              isHandlers = false
            })
          )
        })
        .pipe(
          Effect.catchCause((cause) =>
            // What the handler failed with is logged, and the queue has taken note of it.
            isHandlers
              ? Effect.void
              : Effect.andThen(Effect.logWarning("The inbox cannot reach its store", cause), Effect.sleep("1 second"))
          )
        )
    })
    return Effect.flatMap(
      Effect.replicateEffect(Effect.forever(one), isCount(concurrency) ? concurrency : 1, {
        concurrency: "unbounded",
        discard: true
      }),
      () => Effect.never
    )
  }

  return TicketInbox.of({
    offer,
    handle,
    takeDeadLetter: (handler) =>
      parked
        .take((event) => Effect.mapError(handler(event), (error) => ({ error })))
        .pipe(
          Effect.mapError((failure) => ("error" in failure ? failure.error : new InboxUnavailable({ cause: failure })))
        )
  })
})
