/**
 * The verification of webhooks as a service.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import * as Mac from "effect/crypto/Mac"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidOption } from "../domain/InvalidOption.ts"
import { decodeEventPayload, dedupeKeyOf, type EventPayload, type TicketEvent } from "../domain/TicketEvent.ts"
import type { WebhookDelivery } from "../domain/WebhookDelivery.ts"
import {
  MalformedEvent,
  OutsideWindow,
  WebhookRejected,
  type WebhookRejectedReason
} from "../domain/WebhookRejected.ts"
import { withoutStackTrace } from "../domain/withoutStackTrace.ts"
import { countDelivery } from "../internal/metrics.ts"
import { webhookSecret, webhookTolerance } from "../internal/options.ts"
import { withSpan } from "../internal/tracing.ts"
import { mismatch, readDelivery } from "../internal/webhooks/signature.ts"

/**
 * Verifies webhooks and decodes their events.
 *
 * The signature is checked over the bytes as received, in constant time and against every secret. Then the body is
 * decoded, and its signed time is compared with the clock.
 *
 * `TicketWebhookHandler` and `TicketWebhookRoute` use it to receive webhooks, including limits and responses.
 *
 * **Example** (In a server that you write)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as ManagedRuntime from "effect/ManagedRuntime"
 * import { TicketWebhooks, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const runtime = ManagedRuntime.make(TicketWebhooksLive.layerConfig)
 *
 * const receive = (request: Request) =>
 *   runtime.runPromise(
 *     Effect.gen(function* () {
 *       const webhooks = yield* TicketWebhooks
 *       const body = new Uint8Array(yield* Effect.promise(() => request.arrayBuffer()))
 *       const event = yield* webhooks.verify({ body, headers: request.headers })
 *       return event._tag === "TicketCreated" ? `registered as ${event.issueKey}` : event._tag
 *     })
 *   )
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class TicketWebhooks extends Context.Service<
  TicketWebhooks,
  {
    /**
     * The event of a delivery whose signature and time are valid.
     *
     * Fails with `WebhookRejected`. Its reason is `MissingSignature`, `MalformedSignature`, `SignatureMismatch`,
     * `OutsideWindow`, `MalformedEvent` or `BodyTooLarge`.
     *
     * @see https://docs.ripio.com/ramps-api/webhooks/support-ticket-events
     */
    readonly verify: (delivery: WebhookDelivery) => Effect.Effect<TicketEvent, WebhookRejected>
  }
>()("effect-ripio-tickets/TicketWebhooks") {}

/**
 * How webhooks are verified.
 *
 * @category models
 * @since 0.1.0
 */
export interface TicketWebhooksOptions {
  /**
   * The webhook secrets, newest first: more than one while a secret is being replaced. Each has at least 16 bytes and no
   * white space at its ends.
   */
  readonly secrets: NonEmptyReadonlyArray<Redacted.Redacted>
  /**
   * How far the signed time of issue may be from the `Clock`: 3 days in the past and 5 minutes in the future by default. A
   * redelivery repeats the first time of issue, so `past` is the longest outage after which events still arrive.
   *
   * One duration applies to both directions. `Duration.infinity` disables a check.
   *
   * Remember handled `dedupeKey`s for longer than `past`, because a delivery can be replayed for that long. Every
   * `TicketInbox` does by default.
   */
  readonly tolerance?:
    | Duration.Input
    | { readonly past?: Duration.Input | undefined; readonly future?: Duration.Input | undefined }
    | undefined
  /** Whether to accept a signature without the prefix `sha256=`, which some integrations have seen: `false` by default. */
  readonly acceptBareHex?: boolean | undefined
}

/** Creates {@link TicketWebhooks} on the `Mac` and the `Digest` of `effect/crypto`. Fails with `InvalidOption`. */
export const makeTicketWebhooks = Effect.fnUntraced(function* (options: TicketWebhooksOptions) {
  const { acceptBareHex, secrets, tolerance } = yield* Effect.fromResult(checkedOptions(options))
  const mac = yield* Mac.Mac
  const digest = yield* Digest.Digest
  const window = yield* Effect.fromResult(webhookTolerance(tolerance))
  const keys = yield* Effect.forEach(secrets, (secret, index) =>
    Effect.flatMap(Effect.fromResult(webhookSecret(`secrets[${index}]`, secret)), (bytes) =>
      Effect.orDie(Mac.key(Mac.hmacSha256, bytes))
    )
  )

  /** The index of the first secret, from `index` on, that matches. */
  const findMatchingSecret = (
    index: number,
    signature: Uint8Array,
    body: Uint8Array<ArrayBuffer>
  ): Effect.Effect<number, WebhookRejected> => {
    const key = keys[index]
    return key === undefined
      ? reject(() => mismatch(body, keys.length))
      : Effect.flatMap(Effect.orDie(mac.verify(key, signature, body)), (matches) =>
          matches ? Effect.succeed(index) : findMatchingSecret(index + 1, signature, body)
        )
  }

  const withDedupeKey = (event: EventPayload, secretIndex: number, body: Uint8Array): Effect.Effect<TicketEvent> => {
    const dedupeKey = dedupeKeyOf(event)
    const counted = countDelivery(event._tag)
    return dedupeKey === undefined
      ? Effect.map(Effect.andThen(counted, Effect.orDie(digest.digestHex(Digest.sha256, body))), (hash) => ({
          ...event,
          dedupeKey: `sha256:${hash}`,
          secretIndex
        }))
      : Effect.as(counted, { ...event, dedupeKey, secretIndex })
  }

  const decodeEvent = (body: Uint8Array, secretIndex: number): Effect.Effect<TicketEvent, WebhookRejected> => {
    const decoded = decodeBody(body)
    if (Result.isFailure(decoded)) return reject(() => new MalformedEvent({ issue: decoded.failure }))
    const event = decoded.success
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { issuedAt } = event
      const age = now - DateTime.toEpochMillis(issuedAt)
      const tolerance = age > 0 ? window.past : window.future
      if (Math.abs(age) <= Duration.toMillis(tolerance)) return withDedupeKey(event, secretIndex, body)
      const verifiedAt = DateTime.makeUnsafe(now)
      return reject(() => new OutsideWindow({ issuedAt, verifiedAt, tolerance }))
    })
  }

  const verify = (delivery: WebhookDelivery): Effect.Effect<TicketEvent, WebhookRejected> =>
    Effect.suspend(() => {
      const signed = readDelivery(delivery, acceptBareHex === true)
      if (Result.isFailure(signed)) return reject(signed.failure)
      const { body, signature } = signed.success
      return Effect.flatMap(findMatchingSecret(0, signature, body), (index) => decodeEvent(body, index))
    }).pipe(withSpan("TicketWebhooks.verify"))

  return TicketWebhooks.of({ verify })
})

// The types require a secret, but JavaScript does not. Without one, no signature would ever match.
const checkedOptions = (options: TicketWebhooksOptions): Result.Result<TicketWebhooksOptions, InvalidOption> =>
  Array.isArray(options?.secrets) && options.secrets.length > 0
    ? Result.succeed(options)
    : Result.fail(new InvalidOption({ option: "secrets", issue: "expected at least one secret" }))

const reject = (reason: () => WebhookRejectedReason): Effect.Effect<never, WebhookRejected> => {
  const error = withoutStackTrace(() => new WebhookRejected({ reason: reason() }))
  return Effect.andThen(countDelivery(error.reason._tag), Effect.fail(error))
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

const decodeBody = (body: Uint8Array): Result.Result<EventPayload, string> => {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(body))
  } catch (error) {
    return Result.fail(error instanceof TypeError ? "it is not UTF-8" : "it is not JSON")
  }
  return decodeEventPayload(json)
}
