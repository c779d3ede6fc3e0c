/**
 * The error of a webhook that is rejected, and its reasons.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

/**
 * The names of the header with a webhook's signature, in lower case: the documented name, and one that integrations have
 * seen.
 *
 * @see https://docs.ripio.com/ramps-api/webhooks/support-ticket-events
 * @category models
 * @since 0.1.0
 */
export const signatureHeaders = ["http-x-wh-signature-256", "x-wh-signature-256"] as const

/**
 * The largest webhook body that is accepted, in bytes: 256 KiB.
 *
 * @category models
 * @since 0.1.0
 */
export const maxWebhookBytes = 256 * 1024

/**
 * Where to look for the cause: the bytes of the body, the headers, the secrets, or the clock.
 *
 * @category models
 * @since 0.1.0
 */
export type WebhookSuspect = "body" | "header" | "secret" | "clock"

/**
 * The delivery has no signature. It is not from Ripio, or a proxy removed the header.
 *
 * @category errors
 * @since 0.1.0
 */
export class MissingSignature extends Schema.TaggedError<MissingSignature>("effect-ripio-tickets/MissingSignature")(
  "MissingSignature",
  {}
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("MissingSignature")
  }
  override get message() {
    return "the header Http-X-Wh-Signature-256 is missing. Check that the sender is Ripio and that proxies pass all headers"
  }
  get suspect(): WebhookSuspect {
    return "header"
  }
}

/**
 * The signature is not `sha256=` and 64 hexadecimal digits.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedSignature extends Schema.TaggedError<MalformedSignature>(
  "effect-ripio-tickets/MalformedSignature"
)("MalformedSignature", {
  /** The name of the header, in lower case. */
  header: Schema.String,
  /** What is wrong with its value. */
  issue: Schema.String
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("MalformedSignature")
  }
  override get message() {
    return `${this.header}: ${this.issue}`
  }
  get suspect(): WebhookSuspect {
    return "header"
  }
}

/**
 * No secret produces this signature for this body: the body was changed after it was signed, the secret is wrong, or the
 * delivery is forged.
 *
 * @category errors
 * @since 0.1.0
 */
export class SignatureMismatch extends Schema.TaggedError<SignatureMismatch>("effect-ripio-tickets/SignatureMismatch")(
  "SignatureMismatch",
  {
    /** What to check first: the body if it does not look like one of Ripio's, otherwise the secret. */
    suspect: Schema.Literals(["body", "secret"]),
    /** Why. */
    issue: Schema.String,
    /** The length of the received body. Compare it with the `Content-Length` header. */
    bodyBytes: Schema.Int,
    /** How many secrets were tried. */
    secretsTried: Schema.Int
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("SignatureMismatch")
  }
  override get message() {
    const secrets = this.secretsTried === 1 ? "1 secret" : `${this.secretsTried} secrets`
    return `the signature does not match: ${this.issue} (${this.bodyBytes} bytes, ${secrets} tried)`
  }
}

/**
 * The signature is valid, but the event was issued too long ago or in the future: a replay, a very late delivery, or a
 * wrong clock.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutsideWindow extends Schema.TaggedError<OutsideWindow>("effect-ripio-tickets/OutsideWindow")(
  "OutsideWindow",
  {
    /** When the event was issued, from the signed body. */
    issuedAt: Schema.DateTimeUtc,
    /** The time of this machine at the verification. */
    verifiedAt: Schema.DateTimeUtc,
    /** The largest accepted difference: the limit in the past, or in the future if the event was issued in the future. */
    tolerance: Schema.Duration
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("OutsideWindow")
  }
  override get message() {
    const age = DateTime.toEpochMillis(this.verifiedAt) - DateTime.toEpochMillis(this.issuedAt)
    const difference = Duration.format(Duration.millis(Math.abs(age)))
    const limit = Duration.format(this.tolerance)
    return age > 0
      ? `the event was issued ${difference} ago, and ${limit} are accepted. It is a replay or a late delivery, or this machine's clock is fast`
      : `the event was issued ${difference} in the future, and ${limit} are accepted. This machine's clock is slow`
  }
  get suspect(): WebhookSuspect {
    return "clock"
  }
}

/**
 * The signature is valid, but this version cannot decode the body.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedEvent extends Schema.TaggedError<MalformedEvent>("effect-ripio-tickets/MalformedEvent")(
  "MalformedEvent",
  {
    /** What is wrong with the body. Begins with the field, if it is about one. */
    issue: Schema.String
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("MalformedEvent")
  }
  override get message() {
    return `the signature is valid, but the body is not a documented event: ${this.issue}`
  }
  get suspect(): WebhookSuspect {
    return "body"
  }
}

/**
 * The body is larger than 256 KiB. It was not verified.
 *
 * @category errors
 * @since 0.1.0
 */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>("effect-ripio-tickets/BodyTooLarge")(
  "BodyTooLarge",
  {
    /** The largest accepted size, in bytes. */
    limit: Schema.Int
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("BodyTooLarge")
  }
  override get message() {
    return `the body is larger than ${this.limit / 1024} KiB, and no event of Ripio is that large`
  }
  get suspect(): WebhookSuspect {
    return "body"
  }
}

/**
 * Why a delivery was rejected.
 *
 * @category errors
 * @since 0.1.0
 */
export const WebhookRejectedReason = Schema.Union([
  MissingSignature,
  MalformedSignature,
  SignatureMismatch,
  OutsideWindow,
  MalformedEvent,
  BodyTooLarge
])

/**
 * @category errors
 * @since 0.1.0
 */
export type WebhookRejectedReason = typeof WebhookRejectedReason.Type

/**
 * A webhook was rejected: it is not authentic, or it cannot be decoded.
 *
 * `suspect` and the message say where to look first. Distinguish the reasons with `Effect.catchReason`. Do not send the
 * message to the sender, because it helps to forge a signature. It shows neither the body nor a secret.
 *
 * **Example** (Alert only on malformed events)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { TicketWebhooks, type WebhookDelivery } from "effect-ripio-tickets"
 *
 * const receive = (delivery: WebhookDelivery) =>
 *   TicketWebhooks.use((webhooks) => webhooks.verify(delivery)).pipe(
 *     Effect.tapError((error) =>
 *       error.reason._tag === "MalformedEvent" ? Effect.logError(error.message) : Effect.logDebug(error.message)
 *     )
 *   )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class WebhookRejected extends Schema.TaggedError<WebhookRejected>("effect-ripio-tickets/WebhookRejected")(
  "WebhookRejected",
  { reason: WebhookRejectedReason }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return this.reason.docs
  }
  override get message() {
    return `Webhook rejected, check the ${this.suspect}: ${this.reason.message}`
  }
  /** Where to look first. */
  get suspect(): WebhookSuspect {
    return this.reason.suspect
  }
}
