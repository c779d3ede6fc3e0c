import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { InvalidOption } from "../domain/InvalidOption.ts"
import { OutcomeContradiction } from "../domain/OutcomeContradiction.ts"
import { makePollingSchedule, pollingSchedule } from "../domain/PollingSchedule.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import type { SupportTicket, TicketOutcome } from "../domain/SupportTicket.ts"
import { outcomeOfEvent, type TicketEvent } from "../domain/TicketEvent.ts"
import type { TicketId } from "../domain/TicketId.ts"
import { contradictions } from "../internal/webhooks/webhookMetrics.ts"
import { stackless } from "../domain/withoutStackTrace.ts"

/**
 * Where the outcomes of tickets and those who wait for them meet, in one process and for one account.
 *
 * It is optional. If it is there when the layer of `SupportTickets` is built, `awaitOutcome` and `changes` end the moment
 * that a verified webhook arrives, and polling is the safety net. If it is not, they poll. `TicketWebhookRoute` and
 * `TicketWebhookHandler` tell it of each event that they verify.
 *
 * It remembers: an outcome that comes before anybody waits for it, such as a webhook that overtakes the answer of
 * `create`, is there when somebody does.
 *
 * **Example** (Webhooks and polling, whichever comes first)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { FetchTransport, Ripio, TicketOutcomesLive } from "effect-ripio-tickets"
 *
 * const layer = Ripio.layerConfig.pipe(
 *   Layer.provide(FetchTransport.layer),
 *   Layer.provideMerge(TicketOutcomesLive.layer())
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
     * Takes the news of an event that is verified. Any event shows that webhooks arrive.
     *
     * Fails with `OutcomeContradiction` if the ticket is known to have ended otherwise; that is logged and counted too.
     */
    readonly publish: (event: TicketEvent) => Effect.Effect<void, OutcomeContradiction>
    /** The same for an outcome from elsewhere, such as an answer of the API. */
    readonly record: (outcome: TicketOutcome) => Effect.Effect<void, OutcomeContradiction>
    /** The outcome of a ticket, if it is known. */
    readonly get: (id: TicketId) => Effect.Effect<Option.Option<TicketOutcome>>
    /** The outcome of a ticket: at once if it is known, or else when it is recorded. */
    readonly await: (id: TicketId) => Effect.Effect<TicketOutcome>
    /** How many wait. */
    readonly waiterCount: Effect.Effect<number>
    /** The schedule that tickets are polled on unless their caller has another: a slow one while webhooks arrive. */
    readonly schedule: Schedule.Schedule<Duration.Duration, SupportTicket | RipioHttpError>
  }
>()("effect-ripio-tickets/TicketOutcomes") {}

/**
 * How outcomes are kept, and how much webhooks are relied on.
 *
 * @category models
 * @since 0.1.0
 */
export interface TicketOutcomesOptions {
  /** How many outcomes are remembered: the 10,000 last by default. */
  readonly capacity?: number
  /** For how long after an event webhooks count as arriving: 1 hour by default. */
  readonly assumeWebhooksFor?: Duration.Input
  /** The schedule of polls while they do: after 15 s by default, then twice as long each time, 2 minutes at most. */
  readonly schedule?: Schedule.Schedule<Duration.Duration, SupportTicket | RipioHttpError>
}

// As the default of polling that relies on nothing else, but in less of a hurry. Like the constructor it is a function:
// what is called when the module loads, a bundler cannot leave out of a client that has no webhooks.
const safetyNet = () => makePollingSchedule({ first: Duration.seconds(15), factor: 2, max: Duration.minutes(2) })

const invalid = (option: string, issue: string) => Effect.fail(new InvalidOption({ option, issue }))

/**
 * Builds {@link TicketOutcomes}. Fails with `InvalidOption`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeTicketOutcomes = ({
  capacity = 10_000,
  assumeWebhooksFor = Duration.hours(1),
  schedule: slow = safetyNet()
}: TicketOutcomesOptions = {}): Effect.Effect<TicketOutcomes["Service"], InvalidOption> =>
  Effect.gen(function* () {
    if (!Number.isInteger(capacity) || capacity < 1)
      return yield* invalid("capacity", "expected a whole number above zero")
    const quiet = Option.filter(Duration.fromInput(assumeWebhooksFor), (duration) => !Duration.isNegative(duration))
    if (Option.isNone(quiet)) return yield* invalid("assumeWebhooksFor", "expected a duration that is not negative")
    const quietMillis = Duration.toMillis(quiet.value)

    const outcomes = new Map<TicketId, TicketOutcome>()
    const waiters = new Map<TicketId, Set<(outcome: Effect.Effect<TicketOutcome>) => void>>()
    let arrivingUntil = -Infinity

    const remember = (outcome: TicketOutcome) => {
      outcomes.set(outcome.ticketId, outcome)
      if (outcomes.size <= capacity) return
      // A map yields what was put into it first.
      for (const oldest of outcomes.keys()) {
        outcomes.delete(oldest)
        return
      }
    }

    const record = (received: TicketOutcome): Effect.Effect<void, OutcomeContradiction> =>
      Effect.suspend(() => {
        const known = outcomes.get(received.ticketId)
        if (known === undefined) {
          remember(received)
          const waiting = waiters.get(received.ticketId) ?? []
          waiters.delete(received.ticketId)
          for (const resume of waiting) resume(Effect.succeed(received))
          return Effect.void
        }
        if (isSame(known, received)) return Effect.void
        const error = stackless(() => new OutcomeContradiction({ known, received }))
        return Metric.update(contradictions, 1).pipe(
          Effect.andThen(Effect.logError(error.message)),
          Effect.andThen(Effect.fail(error))
        )
      })

    return TicketOutcomes.of({
      record,
      publish: (event) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          arrivingUntil = now + quietMillis
          const outcome = outcomeOfEvent(event)
          return outcome === undefined ? Effect.void : record(outcome)
        }),
      get: (id) => Effect.sync(() => Option.fromUndefinedOr(outcomes.get(id))),
      await: (id) =>
        Effect.callback((resume) => {
          const known = outcomes.get(id)
          if (known !== undefined) return resume(Effect.succeed(known))
          const waiting = waiters.get(id) ?? new Set()
          waiters.set(id, waiting.add(resume))
          return Effect.sync(() => {
            waiting.delete(resume)
            if (waiting.size === 0 && waiters.get(id) === waiting) waiters.delete(id)
          })
        }),
      waiterCount: Effect.sync(() => {
        let count = 0
        for (const waiting of waiters.values()) count += waiting.size
        return count
      }),
      schedule: Schedule.fromStep(
        Effect.gen(function* () {
          const stepFast = yield* Schedule.toStep(pollingSchedule)
          const stepSlow = yield* Schedule.toStep(slow)
          return (now: number, input: SupportTicket | RipioHttpError) =>
            now < arrivingUntil ? stepSlow(now, input) : stepFast(now, input)
        })
      )
    })
  })

const isSame = (one: TicketOutcome, other: TicketOutcome): boolean =>
  one._tag === "Created" ? other._tag === "Created" && one.issueKey === other.issueKey : one._tag === other._tag
