/**
 * The error of a request without a usable response, and its reasons.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"
import { withoutStackTrace } from "./withoutStackTrace.ts"

/**
 * The connection failed before there was a complete response: refused, reset, cut in the body, name not found.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportFailed extends Schema.TaggedError<TransportFailed>("effect-ripio-tickets/TransportFailed")(
  "TransportFailed",
  {
    /** The transport's message, at most 512 characters, without secrets. */
    description: Schema.String,
    /** The system's error code, if there is one: `ECONNREFUSED`, `ENOTFOUND`, `ECONNRESET`, ... */
    code: Schema.optionalKey(Schema.String),
    /** Whether the request may have been sent. `false` only if it certainly was not sent. */
    mayHaveBeenSent: Schema.Boolean
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("TransportFailed")
  }
  override get message() {
    return `the connection failed: ${this.description}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * There was no complete response within the timeout of the attempt.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimedOut extends Schema.TaggedError<TimedOut>("effect-ripio-tickets/TimedOut")("TimedOut", {
  /** The timeout of the attempt. */
  after: Schema.Duration,
  /** `false` if the request certainly was not sent: in time, the transport read at most the first two bytes of the form. */
  mayHaveBeenSent: Schema.optionalKey(Schema.Boolean)
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("TimedOut")
  }
  override get message() {
    return `no response within ${Duration.format(this.after)}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The API asks to slow down (429), or a 5xx or 408 response asks for a longer pause than the client obeys (60 s).
 *
 * @category errors
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("effect-ripio-tickets/RateLimited")("RateLimited", {
  status: Schema.Int,
  /** How long to wait before the next request, if the response says so. */
  retryAfter: Schema.optionalKey(Schema.Duration),
  /** `false` if the request was not sent, because the response to an earlier request holds the account back. */
  mayHaveBeenSent: Schema.optionalKey(Schema.Boolean)
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("RateLimited")
  }
  override get message() {
    const wait = this.retryAfter === undefined ? "later" : `in ${Duration.format(this.retryAfter)}`
    return `the API asks to try again ${wait} (${this.status})`
  }
  get isRetryable(): boolean {
    return true
  }
}

// 520 to 524 are Cloudflare's: it had no response, or no complete one, from the server behind it.
const transientStatuses: ReadonlySet<number> = new Set([408, 500, 502, 503, 504, 520, 521, 522, 523, 524])

/**
 * The server, or a gateway in front of it, failed: a 5xx or a 408.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerFailed extends Schema.TaggedError<ServerFailed>("effect-ripio-tickets/ServerFailed")(
  "ServerFailed",
  {
    status: Schema.Int,
    /** The API's error code, if the response has the API's error body. */
    code: Schema.optionalKey(Schema.Int),
    /** How long to wait before the next request, if the response says so. */
    retryAfter: Schema.optionalKey(Schema.Duration)
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("ServerFailed")
  }
  override get message() {
    return `the server failed with status ${this.status}${this.code === undefined ? "" : `, code ${this.code}`}`
  }
  get isRetryable(): boolean {
    return transientStatuses.has(this.status)
  }
}

/**
 * The API does not document this response: another shape, an unknown ticket status, HTML from a gateway, a redirect, a 404
 * that is not about the ticket. Usually the base URL is wrong, or the API has changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnexpectedResponse extends Schema.TaggedError<UnexpectedResponse>(
  "effect-ripio-tickets/UnexpectedResponse"
)("UnexpectedResponse", {
  status: Schema.Int,
  /** What is wrong with the response. Begins with the field, if it is about one. */
  issue: Schema.String,
  /** The beginning of the body, at most 512 characters, without secrets. */
  excerpt: Schema.String
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("UnexpectedResponse")
  }
  override get message() {
    return `unexpected response with status ${this.status}: ${this.issue}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The request was not sent, because a value in it is invalid at run time.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("effect-ripio-tickets/InvalidRequest")(
  "InvalidRequest",
  {
    /** What is wrong with the value. Begins with the field. */
    issue: Schema.String
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("InvalidRequest")
  }
  override get message() {
    return `the request was not sent: ${this.issue}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Why there is no usable response.
 *
 * @category errors
 * @since 0.1.0
 */
export const RipioHttpErrorReason = Schema.Union([
  TransportFailed,
  TimedOut,
  RateLimited,
  ServerFailed,
  UnexpectedResponse,
  InvalidRequest
])

/**
 * @category errors
 * @since 0.1.0
 */
export type RipioHttpErrorReason = typeof RipioHttpErrorReason.Type

/**
 * There is no usable response, so the state of the ticket is unknown.
 *
 * Distinguish the reasons with `Effect.catchReason`. `isRetryable` says whether retrying later may succeed. `RipioHttp` has
 * already repeated what is safe to repeat: `attempts` says how many times the request was sent.
 *
 * **Example** (Wait as long as the API asks)
 *
 * ```ts
 * import * as Duration from "effect/Duration"
 * import * as Effect from "effect/Effect"
 * import { SupportTickets, TicketId } from "effect-ripio-tickets"
 *
 * const retrieveLater = Effect.gen(function* () {
 *   const tickets = yield* SupportTickets
 *   const retrieve = tickets.retrieve(TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"))
 *   return yield* retrieve.pipe(
 *     Effect.catchReason("RipioHttpError", "RateLimited", ({ retryAfter }) =>
 *       Effect.delay(retrieve, retryAfter ?? Duration.minutes(1))
 *     )
 *   )
 * })
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class RipioHttpError extends Schema.TaggedError<RipioHttpError>("effect-ripio-tickets/RipioHttpError")(
  "RipioHttpError",
  {
    /** The operation: `retrieve`, `create`, `accessToken`, or the name that you gave to `RipioHttp`. */
    operation: Schema.String,
    /** How many times the request was sent. 0 if it was never sent. */
    attempts: Schema.Int,
    reason: RipioHttpErrorReason,
    /** The request id of the last response, if it has one. Quote it to Ripio's support. */
    requestId: Schema.optionalKey(Schema.String)
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return this.reason.docs
  }
  override get message() {
    const times = this.attempts === 1 ? "1 attempt" : `${this.attempts} attempts`
    const request = this.requestId === undefined ? "" : `, request ${this.requestId}`
    return `${this.operation}: ${this.reason.message} (${times}${request})`
  }
  /** Whether retrying later may succeed. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/** Creates the error of an operation. */
export const ripioHttpError = (
  operation: string,
  attempts: number,
  reason: RipioHttpErrorReason,
  requestId?: string
): RipioHttpError =>
  withoutStackTrace(
    () => new RipioHttpError({ operation, attempts, reason, ...(requestId === undefined ? {} : { requestId }) })
  )

/** The error of a request that was not sent because of an invalid value. */
export const invalidRequest = (operation: string, issue: string): RipioHttpError =>
  ripioHttpError(operation, 0, new InvalidRequest({ issue }))

/**
 * Whether a write may have been carried out although it failed: it may have been sent, and there is no response, or one
 * that does not say.
 */
export const mayHaveBeenCarriedOut = (reason: RipioHttpErrorReason): boolean => {
  switch (reason._tag) {
    case "TransportFailed":
      return reason.mayHaveBeenSent
    case "TimedOut":
      return reason.mayHaveBeenSent !== false
    case "ServerFailed":
      return true
    case "RateLimited":
      return reason.status !== 429 && reason.mayHaveBeenSent !== false
    case "UnexpectedResponse":
      // With 303 a server says that it has processed the request, and where to look next.
      return reason.status < 300 || reason.status === 303
    case "InvalidRequest":
      return false
  }
}
