/**
 * The outcomes that webhooks and polls report, as a service.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { checkOption, checkOptionsObject } from "../domain/InvalidOption.ts"
import { OutcomeContradiction } from "../domain/OutcomeContradiction.ts"
import { makePollingSchedule, pollingSchedule } from "../domain/PollingSchedule.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import { type SupportTicket, TicketOutcome } from "../domain/SupportTicket.ts"
import { outcomeOfEvent } from "../domain/EventOutcome.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import type { TicketId } from "../domain/TicketId.ts"
import { withoutStackTrace } from "../domain/withoutStackTrace.ts"
import { contradictions } from "../internal/metrics.ts"
import { monotonicMillis } from "../internal/http/monotonic.ts"
import { type OutcomeListener, type OutcomeListeners, setListeners } from "../internal/tickets/outcomeListeners.ts"
import { nonNegativeDuration, positiveInt, scheduleOption } from "../internal/options.ts"

/**
 * Delivers the outcomes that webhooks report to the callers of `awaitOutcome` and `changes`, in one process and for one
 * account.
 *
 * `Ripio.layer` contains it. With it in the context of the `SupportTickets` layer, waits end when a verified webhook arrives,
 * and polls are the fallback. Without it, waits only poll. `TicketWebhookRoute` and `TicketWebhookHandler` publish each
 * event that they verify to the `TicketOutcomes` of their context.
 *
 * It remembers outcomes. An outcome that arrives before a caller waits for it, such as a webhook that overtakes the
 * response to `create`, is returned at once.
 *
 * **Example** (Webhooks and polls, whichever is first)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { FetchTransport, Ripio, TicketWebhookRoute, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const app = TicketWebhookRoute.layer("/webhooks/ripio", () => Effect.void).pipe(
 *   Layer.provide(TicketWebhooksLive.layerConfig),
 *   Layer.provideMerge(Ripio.layerConfig), // the client of the program, with its TicketOutcomes
 *   Layer.provide(FetchTransport.layer)
 * )
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class TicketOutcomes extends Context.Service<
  TicketOutcomes,
  {
    /**
     * Records the outcome of a verified event. Any event shows that webhooks are active.
     *
     * Fails with `OutcomeContradiction` if another outcome of the ticket is known. That is also logged and counted. A value
     * that is not an event at run time is ignored and logged as an error.
     */
    readonly publish: (event: TicketEvent) => Effect.Effect<void, OutcomeContradiction>
    /** Records an outcome from elsewhere, such as a response of the API. Fails as `publish` does. */
    readonly record: (outcome: TicketOutcome) => Effect.Effect<void, OutcomeContradiction>
    /** The outcome of a ticket, if it is known. */
    readonly get: (id: TicketId) => Effect.Effect<Option.Option<TicketOutcome>>
    /** Waits until the outcome of a ticket is recorded. */
    readonly await: (id: TicketId) => Effect.Effect<TicketOutcome>
    /** The number of callers of `await`. */
    readonly waiterCount: Effect.Effect<number>
    /** The default polling schedule of waits: slower while webhooks are active. */
    readonly schedule: Schedule.Schedule<Duration.Duration, SupportTicket | RipioHttpError>
  }
>()("effect-ripio-tickets/TicketOutcomes") {}

/**
 * How many outcomes are remembered, and when webhooks count as active.
 *
 * @category models
 * @since 0.1.0
 */
export interface TicketOutcomesOptions {
  /** How many outcomes are remembered: the last 10,000 by default. */
  readonly capacity?: number | undefined
  /** How long webhooks count as active after an event: 1 hour by default. */
  readonly assumeWebhooksFor?: Duration.Input | undefined
  /** The polling schedule while webhooks are active: 15 s, then twice as long each time, at most 2 minutes by default. */
  readonly schedule?: Schedule.Schedule<Duration.Duration, SupportTicket | RipioHttpError> | undefined
}

// A function, because a bundler keeps what is called when the module loads, also in a client without webhooks.
const fallbackSchedule = () => makePollingSchedule({ first: Duration.seconds(15), factor: 2, max: Duration.minutes(2) })

const checkOptions = (options: TicketOutcomesOptions) =>
  Result.gen(function* () {
    yield* checkOptionsObject(options)
    const activeFor = yield* checkOption("assumeWebhooksFor", () => {
      const { assumeWebhooksFor = Duration.hours(1) } = options
      return nonNegativeDuration("assumeWebhooksFor", assumeWebhooksFor)
    })
    return {
      activeMillis: Duration.toMillis(activeFor),
      capacity: yield* checkOption("capacity", () => {
        const { capacity = 10_000 } = options
        return positiveInt("capacity", capacity)
      }),
      slowSchedule: yield* checkOption("schedule", () => {
        const { schedule = fallbackSchedule() } = options
        return scheduleOption(schedule)
      })
    }
  })

/** Creates {@link TicketOutcomes}. Fails with `InvalidOption`. */
export const makeTicketOutcomes = (options: TicketOutcomesOptions = {}) =>
  Effect.gen(function* () {
    const { activeMillis, capacity, slowSchedule } = yield* Effect.fromResult(checkOptions(options))

    const decode = Schema.decodeUnknownResult(Schema.toType(TicketOutcome))
    const outcomes = new Map<TicketId, TicketOutcome>()
    const waiters = new Map<TicketId, Set<OutcomeListener>>()
    let webhooksActiveUntil = -Infinity

    const remember = (outcome: TicketOutcome) => {
      outcomes.set(outcome.ticketId, outcome)
      if (outcomes.size <= capacity) return
      // A map iterates in the order of insertion.
      for (const oldest of outcomes.keys()) {
        outcomes.delete(oldest)
        return
      }
    }

    /** A copy of an outcome, or `undefined` if the value is not one. JavaScript may pass anything. */
    const outcomeFrom = (read: () => unknown): TicketOutcome | undefined => {
      try {
        return Result.getOrUndefined(decode(read()))
      } catch {
        return undefined
      }
    }

    /** Records what `read` returns, if it is an outcome. */
    const recordOutcome = (read: () => unknown): Effect.Effect<void, OutcomeContradiction> =>
      Effect.suspend(() => {
        const received = outcomeFrom(read)
        if (received === undefined) return ignored()
        const known = outcomes.get(received.ticketId)
        if (known === undefined) {
          remember(received)
          const waiting = waiters.get(received.ticketId) ?? []
          waiters.delete(received.ticketId)
          for (const listener of waiting) listener.settled(received)
          return Effect.void
        }
        if (isSame(known, received)) return Effect.void
        const error = withoutStackTrace(() => new OutcomeContradiction({ known, received }))
        return Metric.update(contradictions, 1).pipe(
          Effect.andThen(Effect.ignoreCause(Effect.logError(error.message))),
          Effect.andThen(Effect.fail(error))
        )
      })

    const listeners: OutcomeListeners = {
      add: (id, listener) => {
        const known = outcomes.get(id)
        if (known !== undefined) return known
        const waiting = waiters.get(id) ?? new Set()
        waiters.set(id, waiting.add(listener))
        return undefined
      },
      remove: (id, listener) => {
        const waiting = waiters.get(id)
        if (waiting?.delete(listener) === true && waiting.size === 0) waiters.delete(id)
      }
    }

    const service = TicketOutcomes.of({
      record: (outcome) => recordOutcome(() => outcome),
      publish: (event) =>
        Effect.flatMap(Clock.Clock, (clock) => {
          const tag = tagOf(event)
          if (tag === undefined) return ignored()
          webhooksActiveUntil = monotonicMillis(clock) + activeMillis
          return tag === "OtherEvent" ? Effect.void : recordOutcome(() => outcomeOfEvent(event))
        }),
      get: (id) => Effect.sync(() => Option.fromUndefinedOr(outcomes.get(id))),
      await: (id) =>
        Effect.callback((resume) => {
          const listener = { settled: (outcome: TicketOutcome) => resume(Effect.succeed(outcome)) }
          const known = listeners.add(id, listener)
          if (known !== undefined) return resume(Effect.succeed(known))
          return Effect.sync(() => listeners.remove(id, listener))
        }),
      waiterCount: Effect.sync(() => {
        let count = 0
        for (const waiting of waiters.values()) count += waiting.size
        return count
      }),
      schedule: Schedule.fromStep(
        Effect.gen(function* () {
          const clock = yield* Clock.Clock
          const stepFast = yield* Schedule.toStep(pollingSchedule)
          const stepSlow = yield* Schedule.toStep(slowSchedule)
          return (now: number, input: SupportTicket | RipioHttpError) =>
            monotonicMillis(clock) < webhooksActiveUntil ? stepSlow(now, input) : stepFast(now, input)
        })
      )
    })
    setListeners(service, listeners)
    return service
  })

/** The tag of an event, or `undefined` if the value is not one. JavaScript may pass anything. */
const tagOf = (event: TicketEvent): TicketEvent["_tag"] | undefined => {
  try {
    switch (event._tag) {
      case "TicketCreated":
      case "TicketFailed":
      case "OtherEvent":
        return event._tag
    }
  } catch {
    // A getter or a proxy.
  }
  return undefined
}

const ignored = () =>
  Effect.ignoreCause(
    Effect.logError("TicketOutcomes: ignored a value that is neither a TicketEvent nor a TicketOutcome")
  )

const isSame = (one: TicketOutcome, other: TicketOutcome): boolean =>
  one._tag === "Created" ? other._tag === "Created" && one.issueKey === other.issueKey : one._tag === other._tag
