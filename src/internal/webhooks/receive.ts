import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { OutcomeContradiction } from "../../domain/OutcomeContradiction.ts"
import type { TicketEvent } from "../../domain/TicketEvent.ts"
import type { WebhookDelivery } from "../../domain/WebhookDelivery.ts"
import {
  BodyTooLarge,
  maxWebhookBytes,
  WebhookRejected,
  type WebhookRejectedReason
} from "../../domain/WebhookRejected.ts"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"
import { timeoutOrElse } from "../http/timeoutOrElse.ts"
import { countDelivery } from "../metrics.ts"
import { positiveDuration } from "../options.ts"
import { type LimitedLog, makeLimitedLog } from "./limitedLog.ts"
import type { BodyFailure } from "./readBody.ts"

/** How webhooks are received, over any transport. */
export interface ReceiveOptions {
  /**
   * The timeout of `onEvent`: 10 s by default. After it, the response is 503, and Ripio redelivers the event. `onEvent` is
   * interrupted. The response does not wait for an `onEvent` that cannot be interrupted.
   */
  readonly timeout?: Duration.Input | undefined
}

/** Handles a verified event. If it fails, Ripio redelivers the event. */
export type OnEvent<E, R> = (event: TicketEvent) => Effect.Effect<unknown, E, R>

/** What a receiver calls. `publish` is absent if nothing awaits outcomes. */
export interface Receivers {
  readonly verify: (delivery: WebhookDelivery) => Effect.Effect<TicketEvent, WebhookRejected>
  readonly publish: ((event: TicketEvent) => Effect.Effect<void, OutcomeContradiction>) | undefined
  /** The log of rejections, if several receivers share one. */
  readonly log?: LimitedLog | undefined
}

/** Reads, verifies and handles a delivery. Returns the status of the response. */
export type Receive = (
  headers: WebhookDelivery["headers"],
  readBody: Effect.Effect<Uint8Array, BodyFailure>
) => Effect.Effect<number>

const ok = 200
const badRequest = 400
const requestTimeout = 408
const internalError = 500
const unavailable = 503

const maxBodyTime = Duration.seconds(10)

/**
 * Creates a {@link Receive}. The responses consist of a status only, because every further word helps to forge a
 * signature.
 */
export const makeReceive = Effect.fnUntraced(function* <E, R>(
  { log = makeLimitedLog(), publish, verify }: Receivers,
  onEvent: OnEvent<E, R>,
  { timeout = Duration.seconds(10) }: ReceiveOptions = {}
) {
  const duration = yield* Effect.fromResult(positiveDuration("timeout", timeout))
  const context = yield* Effect.context<R>()

  const handleEvent = (event: TicketEvent): Effect.Effect<number> =>
    Effect.suspend(() => onEvent(event)).pipe(
      Effect.updateContext((current: Context.Context<never>) => Context.merge(context, current)),
      (handling) =>
        timeoutOrElse(handling, {
          duration,
          orElse: () => Effect.die(new Error(`onEvent took longer than ${Duration.format(duration)}`))
        }),
      Effect.matchCauseEffect({
        onSuccess: () => Effect.succeed(ok),
        onFailure: (cause) =>
          Effect.as(Effect.logError("A verified webhook could not be handled. Ripio redelivers it", cause), unavailable)
      })
    )

  const reject = ({ message, reason }: WebhookRejected): Effect.Effect<number> =>
    Effect.as(log(reason._tag, reason._tag === "MalformedEvent" ? "Error" : "Warn", message), statusOf(reason))

  const receiveDelivery = (delivery: WebhookDelivery): Effect.Effect<number> =>
    verify(delivery).pipe(
      // Waiting callers do not depend on the store. A contradiction is logged where it is found.
      Effect.tap((event) => (publish === undefined ? Effect.void : Effect.ignore(publish(event)))),
      Effect.flatMap(handleEvent),
      Effect.catchTag("WebhookRejected", reject),
      // A runtime without WebCrypto cannot verify anything. That is not the sender's fault.
      Effect.catchCause((cause) => Effect.as(Effect.logError("A webhook could not be verified", cause), unavailable))
    )

  const failBody = (failure: BodyFailure | "Late"): Effect.Effect<number> => {
    switch (failure) {
      case "TooLarge": {
        const reason = new BodyTooLarge({ limit: maxWebhookBytes })
        const error = withoutStackTrace(() => new WebhookRejected({ reason }))
        return Effect.andThen(countDelivery(reason._tag), reject(error))
      }
      case "Incomplete":
        return Effect.succeed(badRequest)
      case "Unreadable":
        return Effect.as(log(failure, "Error", unreadableMessage), internalError)
      case "Late":
        return Effect.as(log(failure, "Warn", lateMessage), requestTimeout)
    }
  }

  const receive: Receive = (headers, readBody) =>
    timeoutOrElse(readBody, {
      duration: maxBodyTime,
      orElse: (): Effect.Effect<never, "Late"> => Effect.fail("Late")
    }).pipe(
      Effect.matchEffect({
        onFailure: failBody,
        // Not interrupted if the sender disconnects, so that an event is handled completely.
        onSuccess: (body) => Effect.uninterruptible(receiveDelivery({ body, headers }))
      })
    )
  return receive
})

const unreadableMessage =
  "The body of a webhook was read or locked before the handler, so its signature cannot be verified. Pass the request before any parser; in Express, register the route before express.json()"

const lateMessage = `The body of a webhook did not arrive within ${Duration.format(maxBodyTime)}`

// Every problem with the signature or the time looks the same to the sender.
const statusOf = ({ _tag }: WebhookRejectedReason): number =>
  _tag === "BodyTooLarge" ? 413 : _tag === "MalformedEvent" ? 400 : 401
