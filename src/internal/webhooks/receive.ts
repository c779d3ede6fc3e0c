import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { InvalidOption } from "../../domain/InvalidOption.ts"
import type { TicketEvent } from "../../domain/TicketEvent.ts"
import type { WebhookRejectedReason } from "../../domain/WebhookRejected.ts"
import { TicketOutcomes } from "../../services/TicketOutcomes.ts"
import { TicketWebhooks, type WebhookDelivery } from "../../services/TicketWebhooks.ts"

/** How a webhook is received, over whatever transport. */
export interface ReceiveOptions {
  /**
   * How long `onEvent` may take: 10 s by default. After that the event counts as not taken, and the answer asks for it to
   * be delivered again.
   */
  readonly timeout?: Duration.Input
}

/** Takes an event that is verified. If it fails, the event is delivered again. */
export type OnEvent<E, R> = (event: TicketEvent) => Effect.Effect<unknown, E, R>

const accepted = 200
const notTaken = 503
const notTakenMessage = "A webhook is verified and could not be taken, so it is to be delivered again"

/** From a delivery to the status of its answer, and nothing else: each further word would help a forger. */
export const makeIntake = Effect.fnUntraced(function* <E, R>(
  onEvent: OnEvent<E, R>,
  { timeout = Duration.seconds(10) }: ReceiveOptions = {}
) {
  const webhooks = yield* TicketWebhooks
  const outcomes = Option.getOrUndefined(yield* Effect.serviceOption(TicketOutcomes))
  const context = yield* Effect.context<R>()
  const patience = Option.filter(Duration.fromInput(timeout), (duration) => Duration.isPositive(duration))
  if (Option.isNone(patience)) {
    return yield* Effect.fail(new InvalidOption({ option: "timeout", issue: "expected a duration above zero" }))
  }

  const take = (event: TicketEvent): Effect.Effect<number> =>
    onEvent(event).pipe(
      Effect.updateContext((current: Context.Context<never>) => Context.merge(context, current)),
      Effect.timeoutOrElse({
        duration: patience.value,
        orElse: () => Effect.die(new Error(`it took longer than ${Duration.format(patience.value)}`))
      }),
      Effect.matchCauseEffect({
        onSuccess: () => Effect.succeed(accepted),
        onFailure: (cause) => Effect.as(Effect.logError(notTakenMessage, cause), notTaken)
      })
    )

  return (delivery: WebhookDelivery): Effect.Effect<number> =>
    webhooks.verify(delivery).pipe(
      // Those who wait need not wait for the event to be stored. A contradiction is logged where it is found.
      Effect.tap((event) => (outcomes === undefined ? Effect.void : Effect.ignore(outcomes.publish(event)))),
      Effect.flatMap(take),
      Effect.catchTag("WebhookRejected", ({ message, reason }) =>
        Effect.as(
          reason._tag === "MalformedEvent" ? Effect.logError(message) : Effect.logWarning(message),
          statusOf(reason)
        )
      ),
      // A runtime without WebCrypto cannot say whether it is true, and that is not the sender's fault.
      Effect.catchCause((cause) => Effect.as(Effect.logError("A webhook could not be verified", cause), notTaken))
    )
})

/** Whatever is wrong with who signed it, and when, looks the same from outside. */
const statusOf = ({ _tag }: WebhookRejectedReason): number =>
  _tag === "BodyTooLarge" ? 413 : _tag === "MalformedEvent" ? 400 : 401
