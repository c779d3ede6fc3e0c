import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

/**
 * The header that carries a webhook's signature, and the second name under which integrations have seen it. Names of
 * headers have no case.
 *
 * @see Webhooks, "Signature"
 * @category models
 * @since 0.1.0
 */
export const signatureHeaders = ["http-x-wh-signature-256", "x-wh-signature-256"] as const

/**
 * The largest webhook body that is taken, in bytes: 256 KiB.
 *
 * @category models
 * @since 0.1.0
 */
export const maxWebhookBytes = 256 * 1024

/**
 * Where to look for the cause: at the bytes of the body, at the headers, at the secrets, or at the time.
 *
 * @category models
 * @since 0.1.0
 */
export type WebhookSuspect = "body" | "header" | "secret" | "clock"

/**
 * The delivery has no signature. It is not from Ripio, or something on the way does not pass the header on.
 *
 * @category errors
 * @since 0.1.0
 */
export class MissingSignature extends Schema.TaggedError<MissingSignature>("effect-ripio-tickets/MissingSignature")(
  "MissingSignature",
  {}
) {
  override get message() {
    return "there is no header Http-X-Wh-Signature-256: is the sender Ripio, and do all headers reach this program?"
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
  override get message() {
    return `${this.header}: ${this.issue}`
  }
  get suspect(): WebhookSuspect {
    return "header"
  }
}

/**
 * No secret gives this signature over this body: the body is not the bytes that were sent, or the secret is another one,
 * or the delivery is forged.
 *
 * @category errors
 * @since 0.1.0
 */
export class SignatureMismatch extends Schema.TaggedError<SignatureMismatch>("effect-ripio-tickets/SignatureMismatch")(
  "SignatureMismatch",
  {
    /** What to look at first: a body that does not look as Ripio sends it, or else the secret. */
    suspect: Schema.Literals(["body", "secret"]),
    /** What speaks for that. */
    issue: Schema.String,
    /** The length of the body as it was handed over: compare it with the header `Content-Length`. */
    bodyBytes: Schema.Int,
    /** How many secrets were tried. */
    secretsTried: Schema.Int
  }
) {
  override get message() {
    const secrets = this.secretsTried === 1 ? "1 secret" : `${this.secretsTried} secrets`
    return `the signature does not match: ${this.issue} (${this.bodyBytes} bytes, ${secrets} tried)`
  }
}

/**
 * The signature is right, and the event was issued too long ago, or in the future: a replay, a very late delivery, or a
 * clock that is wrong.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutsideWindow extends Schema.TaggedError<OutsideWindow>("effect-ripio-tickets/OutsideWindow")(
  "OutsideWindow",
  {
    /** When the event was issued, as the signed body says. */
    issuedAt: Schema.DateTimeUtc,
    /** The time of this machine when it was verified. */
    verifiedAt: Schema.DateTimeUtc,
    /** How far apart the two may be. */
    tolerance: Schema.Duration
  }
) {
  override get message() {
    const age = DateTime.toEpochMillis(this.verifiedAt) - DateTime.toEpochMillis(this.issuedAt)
    const apart = Duration.format(Duration.millis(Math.abs(age)))
    const limit = Duration.format(this.tolerance)
    return age > 0
      ? `the event was issued ${apart} ago, and ${limit} are accepted: it is a replay or came late, or this machine's clock is fast`
      : `the event is issued ${apart} in the future, and ${limit} are accepted: this machine's clock is slow`
  }
  get suspect(): WebhookSuspect {
    return "clock"
  }
}

/**
 * The signature is right, and the body is no event that this version can read.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedEvent extends Schema.TaggedError<MalformedEvent>("effect-ripio-tickets/MalformedEvent")(
  "MalformedEvent",
  {
    /** What is wrong with it, beginning with the field if it is one. */
    issue: Schema.String
  }
) {
  override get message() {
    return `the signature is right, but the body is not an event as documented: ${this.issue}`
  }
  get suspect(): WebhookSuspect {
    return "body"
  }
}

/**
 * The body is larger than 256 KiB. It was not looked at any further.
 *
 * @category errors
 * @since 0.1.0
 */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>("effect-ripio-tickets/BodyTooLarge")(
  "BodyTooLarge",
  {
    /** What is accepted, in bytes. */
    limit: Schema.Int
  }
) {
  override get message() {
    return `the body is larger than ${this.limit / 1024} KiB, and no event of Ripio is`
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
 * A delivery that is not to be believed, or cannot be read. Nothing in it has been trusted.
 *
 * `suspect` says where to look first, and so does the message. Tell the reasons apart with `Effect.catchReason`. Do not
 * send the message back: it helps whoever forges a signature. It shows neither the body nor a secret.
 *
 * **Example** (Only what is malformed is worth an alarm)
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
  override get message() {
    return `Webhook rejected, look at the ${this.suspect}: ${this.reason.message}`
  }
  /** Where to look first. */
  get suspect(): WebhookSuspect {
    return this.reason.suspect
  }
}
