import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { OutcomeContradiction } from "../../domain/OutcomeContradiction.ts"
import type { TicketEvent } from "../../domain/TicketEvent.ts"
import type { WebhookDelivery } from "../../domain/WebhookDelivery.ts"
import type { WebhookRejected, WebhookRejectedReason } from "../../domain/WebhookRejected.ts"
import { positiveDuration } from "../options.ts"

/** How webhooks are received, over any transport. */
export interface ReceiveOptions {
  /** The timeout of `onEvent`: 10 s by default. After it, the response is 503, and Ripio redelivers the event. */
  readonly timeout?: Duration.Input | undefined
}

/** Handles a verified event. If it fails, Ripio redelivers the event. */
export type OnEvent<E, R> = (event: TicketEvent) => Effect.Effect<unknown, E, R>

/** What a receiver calls. `publish` is absent if nothing awaits outcomes. */
export interface Receivers {
  readonly verify: (delivery: WebhookDelivery) => Effect.Effect<TicketEvent, WebhookRejected>
  readonly publish: ((event: TicketEvent) => Effect.Effect<void, OutcomeContradiction>) | undefined
}

const ok = 200
const unavailable = 503

/**
 * Creates a function from a delivery to the status of the response. Only the status is sent, because every further word
 * helps to forge a signature.
 */
export const makeReceiver = Effect.fnUntraced(function* <E, R>(
  { publish, verify }: Receivers,
  onEvent: OnEvent<E, R>,
  { timeout = Duration.seconds(10) }: ReceiveOptions = {}
) {
  const duration = yield* Effect.fromResult(positiveDuration("timeout", timeout))
  const context = yield* Effect.context<R>()

  const handleEvent = (event: TicketEvent): Effect.Effect<number> =>
    onEvent(event).pipe(
      Effect.updateContext((current: Context.Context<never>) => Context.merge(context, current)),
      Effect.timeoutOrElse({
        duration,
        orElse: () => Effect.die(new Error(`it took longer than ${Duration.format(duration)}`))
      }),
      Effect.matchCauseEffect({
        onSuccess: () => Effect.succeed(ok),
        onFailure: (cause) =>
          Effect.as(Effect.logError("A verified webhook could not be handled. Ripio redelivers it", cause), unavailable)
      })
    )

  return (delivery: WebhookDelivery): Effect.Effect<number> =>
    verify(delivery).pipe(
      // Waiting callers do not depend on the store. A contradiction is logged where it is found.
      Effect.tap((event) => (publish === undefined ? Effect.void : Effect.ignore(publish(event)))),
      Effect.flatMap(handleEvent),
      Effect.catchTag("WebhookRejected", ({ message, reason }) =>
        Effect.as(
          reason._tag === "MalformedEvent" ? Effect.logError(message) : Effect.logWarning(message),
          statusOf(reason)
        )
      ),
      // A runtime without WebCrypto cannot verify anything. That is not the sender's fault.
      Effect.catchCause((cause) => Effect.as(Effect.logError("A webhook could not be verified", cause), unavailable))
    )
})

// Every problem with the signature or the time looks the same to the sender.
const statusOf = ({ _tag }: WebhookRejectedReason): number =>
  _tag === "BodyTooLarge" ? 413 : _tag === "MalformedEvent" ? 400 : 401
