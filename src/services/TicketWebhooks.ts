import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import * as Mac from "effect/crypto/Mac"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidOption } from "../domain/InvalidOption.ts"
import { dedupeKeyOf, type EventBody, eventOfJson, type TicketEvent } from "../domain/TicketEvent.ts"
import {
  BodyTooLarge,
  MalformedEvent,
  MalformedSignature,
  maxWebhookBytes,
  MissingSignature,
  OutsideWindow,
  signatureHeaders,
  SignatureMismatch,
  WebhookRejected,
  type WebhookRejectedReason
} from "../domain/WebhookRejected.ts"
import { withSpan } from "../internal/tracing.ts"
import { stackless } from "../domain/withoutStackTrace.ts"
import { count } from "../internal/webhooks/webhookMetrics.ts"

/**
 * A webhook as it came in.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebhookDelivery {
  /**
   * The body as it was received, byte for byte: taken before any parser, such as `express.json()`, has had it. JSON that
   * is parsed and serialised again is not the JSON that was signed.
   */
  readonly body: Uint8Array
  /** The headers: web `Headers`, those of `node:http`, or a plain record. The case of their names does not matter. */
  readonly headers: Headers | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

/**
 * Says whether a webhook is Ripio's, and what it says.
 *
 * The signature is checked over the bytes as received, in constant time and against every secret. Only then is the body
 * decoded, and its signed time compared with the clock.
 *
 * **Example** (In a server of your own)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { TicketWebhooks, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const receive = Effect.fnUntraced(
 *   function* (request: Request) {
 *     const webhooks = yield* TicketWebhooks
 *     const body = new Uint8Array(yield* Effect.promise(() => request.arrayBuffer()))
 *     const event = yield* webhooks.verify({ body, headers: request.headers })
 *     return event._tag === "TicketCreated" ? `registered as ${event.issueKey}` : event._tag
 *   },
 *   Effect.provide(TicketWebhooksLive.layerConfig)
 * )
 * ```
 *
 * `TicketWebhookHandler` and `TicketWebhookRoute` do all of it, limits and answers included.
 *
 * @category services
 * @since 0.1.0
 */
export class TicketWebhooks extends Context.Service<
  TicketWebhooks,
  {
    /**
     * The event of a delivery that is signed, of our time and readable.
     *
     * Fails with `WebhookRejected`, whose reason is `MissingSignature`, `MalformedSignature`, `SignatureMismatch`,
     * `OutsideWindow`, `MalformedEvent` or `BodyTooLarge`.
     *
     * @see Webhooks, "Signature"
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
   * The webhook secrets, newest first: more than one while a secret is being replaced. Each has 16 bytes or more, and no
   * white space at its ends.
   */
  readonly secrets: NonEmptyReadonlyArray<Redacted.Redacted>
  /**
   * How far the signed time of issue may be from the `Clock`, in the past and in the future: 5 minutes by default.
   * `Duration.infinity` turns the check off; replays are then yours to detect, by `dedupeKey`.
   */
  readonly tolerance?: Duration.Input
  /** Accepts a signature without `sha256=` before it, as some integrations have seen: `false` by default. */
  readonly acceptBareHex?: boolean
}

const invalid = (option: string, issue: string) => Effect.fail(new InvalidOption({ option, issue }))

const utf8 = new TextEncoder()

const secretKey = Effect.fnUntraced(function* (secret: Redacted.Redacted, index: number) {
  const option = `secrets[${index}]`
  const text = Redacted.value(secret)
  // What is left over from a file or a form would make every signature wrong.
  if (/^\s|\s$|\p{Cc}/u.test(text))
    return yield* invalid(option, "expected no white space at its ends and no control character")
  const bytes = utf8.encode(text)
  if (bytes.length < 16) return yield* invalid(option, "expected at least 16 bytes")
  return yield* Effect.orDie(Mac.key(Mac.hmacSha256, bytes))
})

const toleranceMillis = (input: Duration.Input) =>
  Option.match(
    Option.filter(Duration.fromInput(input), (duration) => Duration.isPositive(duration)),
    {
      onNone: () => invalid("tolerance", "expected a duration above zero, or Duration.infinity to turn the check off"),
      onSome: (duration) => Effect.succeed(Duration.toMillis(duration))
    }
  )

/**
 * Builds {@link TicketWebhooks} on the `Mac` and the `Digest` of `effect/crypto`. Fails with `InvalidOption` if a secret
 * is empty or short.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeTicketWebhooks = Effect.fnUntraced(function* ({
  acceptBareHex = false,
  secrets,
  tolerance = Duration.minutes(5)
}: TicketWebhooksOptions) {
  const mac = yield* Mac.Mac
  const digest = yield* Digest.Digest
  const window = yield* toleranceMillis(tolerance)
  const keys = yield* Effect.forEach(secrets, secretKey)
  // What slipped past the types: without a secret, nothing would ever match.
  if (keys.length === 0) return yield* invalid("secrets", "expected at least one secret")

  const verifyFrom = (
    index: number,
    signature: Uint8Array,
    body: Uint8Array<ArrayBuffer>
  ): Effect.Effect<number, WebhookRejected> => {
    const key = keys[index]
    return key === undefined
      ? reject(() => mismatch(body, keys.length))
      : Effect.flatMap(Effect.orDie(mac.verify(key, signature, body)), (matches) =>
          matches ? Effect.succeed(index) : verifyFrom(index + 1, signature, body)
        )
  }

  const keyed = (event: EventBody, secretIndex: number, body: Uint8Array): Effect.Effect<TicketEvent> => {
    const dedupeKey = dedupeKeyOf(event)
    const counted = count(event._tag)
    return dedupeKey === undefined
      ? Effect.map(Effect.andThen(counted, Effect.orDie(digest.digestHex(Digest.sha256, body))), (hash) => ({
          ...event,
          dedupeKey: `sha256:${hash}`,
          secretIndex
        }))
      : Effect.as(counted, { ...event, dedupeKey, secretIndex })
  }

  const read = (body: Uint8Array, secretIndex: number): Effect.Effect<TicketEvent, WebhookRejected> => {
    const event = eventOfBytes(body)
    if (Result.isFailure(event)) return reject(() => new MalformedEvent({ issue: event.failure }))
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { issuedAt } = event.success
      return Math.abs(now - DateTime.toEpochMillis(issuedAt)) <= window
        ? keyed(event.success, secretIndex, body)
        : reject(
            () =>
              new OutsideWindow({
                issuedAt,
                verifiedAt: DateTime.makeUnsafe(now),
                tolerance: Duration.millis(window)
              })
          )
    })
  }

  const verify = ({ body, headers }: WebhookDelivery): Effect.Effect<TicketEvent, WebhookRejected> =>
    Effect.suspend(() => {
      if (!ArrayBuffer.isView(body)) return reject(() => notBytes(body))
      if (body.byteLength > maxWebhookBytes) return reject(() => new BodyTooLarge({ limit: maxWebhookBytes }))
      const signature = signatureOf(headers, acceptBareHex)
      if (Result.isFailure(signature)) return reject(() => signature.failure())
      // A copy: a buffer that its owner uses again must not change between the check and the reading.
      const bytes = new Uint8Array(body)
      return Effect.flatMap(verifyFrom(0, signature.success, bytes), (index) => read(bytes, index))
    }).pipe(withSpan("TicketWebhooks.verify"))

  return TicketWebhooks.of({ verify })
})

const reject = (reason: () => WebhookRejectedReason): Effect.Effect<never, WebhookRejected> => {
  const error = stackless(() => new WebhookRejected({ reason: reason() }))
  return Effect.andThen(count(error.reason._tag), Effect.fail(error))
}

const headerOf = (headers: WebhookDelivery["headers"], name: string): unknown => {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined
  if (Object.hasOwn(headers, name)) return Reflect.get(headers, name)
  const spelt = Object.keys(headers).find((key) => key.toLowerCase() === name)
  return spelt === undefined ? undefined : Reflect.get(headers, spelt)
}

/** The bytes of the signature, or how to make the error. */
const signatureOf = (
  headers: WebhookDelivery["headers"],
  acceptBareHex: boolean
): Result.Result<Uint8Array, () => WebhookRejectedReason> => {
  for (const header of signatureHeaders) {
    const found = headerOf(headers, header)
    const value: unknown = Array.isArray(found) && found.length === 1 ? found.at(0) : found
    if (value === undefined) continue
    const malformed = (issue: string) => Result.fail(() => new MalformedSignature({ header, issue }))
    if (typeof value !== "string") return malformed("expected one value")
    const text = value.trim()
    const isPrefixed = text.startsWith("sha256=")
    if (!isPrefixed && !acceptBareHex) {
      return malformed(
        isDigest(text)
          ? "expected sha256= before the digits; acceptBareHex lets it pass"
          : "expected sha256= and 64 hexadecimal digits"
      )
    }
    const digits = isPrefixed ? text.slice(7) : text
    const tag = isDigest(digits) ? Hex.decode(digits) : undefined
    return tag !== undefined && Result.isSuccess(tag)
      ? Result.succeed(tag.success)
      : malformed(`expected 64 hexadecimal digits after sha256=, got ${digits.length} characters`)
  }
  return Result.fail(() => new MissingSignature())
}

const isDigest = (text: string) => /^[0-9a-f]{64}$/iu.test(text)

const decoder = new TextDecoder("utf-8", { fatal: true })

const eventOfBytes = (body: Uint8Array): Result.Result<EventBody, string> => {
  let json: unknown
  try {
    json = JSON.parse(decoder.decode(body))
  } catch (error) {
    return Result.fail(error instanceof TypeError ? "it is not UTF-8" : "it is not JSON")
  }
  return eventOfJson(json)
}

const notBytes = (body: unknown) =>
  new SignatureMismatch({
    suspect: "body",
    issue: `the body is ${body === null ? "null" : `of type ${typeof body}`} and not bytes: hand over the bytes as received, from before any parser`,
    bodyBytes: 0,
    secretsTried: 0
  })

/** Ripio sends compact JSON of ASCII characters. What does not look like it was changed after it was signed. */
const mismatch = (body: Uint8Array, secretsTried: number): SignatureMismatch => {
  const issue =
    body.length === 0
      ? "the body is empty: was it read before?"
      : body.some((byte) => byte >= 0x80)
        ? "the body holds characters that Ripio sends escaped: it was parsed and serialised again, or its encoding was changed"
        : body[0] !== 0x7b || body[1] !== 0x22
          ? "the body does not begin as Ripio's do: it was parsed and serialised again, or wrapped in something"
          : undefined
  return new SignatureMismatch({
    suspect: issue === undefined ? "secret" : "body",
    issue:
      issue ??
      "the body looks as Ripio sends it, so the secret is of another account or environment, or was replaced; or the body was parsed and serialised again; or the delivery is forged",
    bodyBytes: body.length,
    secretsTried
  })
}
