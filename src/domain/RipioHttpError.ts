import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { stackless } from "./withoutStackTrace.ts"

/**
 * No answer, because the connection failed: refused, reset, cut in the middle of the body, name not found.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportFailed extends Schema.TaggedError<TransportFailed>("effect-ripio-tickets/TransportFailed")(
  "TransportFailed",
  {
    /** What the transport said, at most 512 characters, without secrets. */
    description: Schema.String,
    /** The system's code, where there is one: `ECONNREFUSED`, `ENOTFOUND`, `ECONNRESET`, ... */
    code: Schema.optionalKey(Schema.String),
    /** Whether any of the request may have left; `false` only if the connection was certainly never made. */
    mayHaveBeenSent: Schema.Boolean
  }
) {
  override get message() {
    return `the connection failed: ${this.description}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * No answer in time, its body included.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimedOut extends Schema.TaggedError<TimedOut>("effect-ripio-tickets/TimedOut")("TimedOut", {
  /** The time that the attempt was given. */
  after: Schema.Duration
}) {
  override get message() {
    return `no answer within ${Duration.format(this.after)}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The API asks to slow down (429), or to come back later than this client is willing to wait (a `Retry-After` above the
 * cap, on whatever status).
 *
 * @category errors
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("effect-ripio-tickets/RateLimited")("RateLimited", {
  status: Schema.Int,
  /** How long to wait before the next request, if the answer said so. */
  retryAfter: Schema.optionalKey(Schema.Duration)
}) {
  override get message() {
    const wait = this.retryAfter === undefined ? "later" : `in ${Duration.format(this.retryAfter)}`
    return `the API asks to try again ${wait} (${this.status})`
  }
  get isRetryable(): boolean {
    return true
  }
}

const passing: ReadonlySet<number> = new Set([408, 500, 502, 503, 504])

/**
 * The server, or a gateway before it, could not answer: a 5xx or a 408.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerFailed extends Schema.TaggedError<ServerFailed>("effect-ripio-tickets/ServerFailed")(
  "ServerFailed",
  {
    status: Schema.Int,
    /** The API's own code, if the answer had its error body. */
    code: Schema.optionalKey(Schema.Int),
    /** How long to wait before the next request, if the answer said so. */
    retryAfter: Schema.optionalKey(Schema.Duration)
  }
) {
  override get message() {
    return `the server failed with status ${this.status}${this.code === undefined ? "" : `, code ${this.code}`}`
  }
  get isRetryable(): boolean {
    return passing.has(this.status)
  }
}

/**
 * An answer that is none of those that the API documents: another shape, an unknown ticket status, HTML from a gateway, a
 * redirect, a 404 that does not speak of the ticket. Mostly a wrong base URL, or the API has changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnexpectedResponse extends Schema.TaggedError<UnexpectedResponse>(
  "effect-ripio-tickets/UnexpectedResponse"
)("UnexpectedResponse", {
  status: Schema.Int,
  /** What is wrong with it, beginning with the field if it is one. */
  issue: Schema.String,
  /** The beginning of its body, at most 512 characters, without secrets. */
  excerpt: Schema.String
}) {
  override get message() {
    return `unexpected answer with status ${this.status}: ${this.issue}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The request was not sent, because it cannot be: a value in it is not what its type says.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("effect-ripio-tickets/InvalidRequest")(
  "InvalidRequest",
  {
    /** What is wrong with it, beginning with the field. */
    issue: Schema.String
  }
) {
  override get message() {
    return `the request was not sent: ${this.issue}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Why there was no usable answer.
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
 * Everything that can stand between a request and a usable answer. The ticket's state is simply not known.
 *
 * Tell the reasons apart with `Effect.catchReason`; ask `isRetryable` whether the same request may fare better later. By
 * the time you see the error, `RipioHttp` has repeated what is safe to repeat: `attempts` says how often it was sent.
 *
 * **Example** (Wait as long as the API asks for)
 *
 * ```ts
 * import * as Duration from "effect/Duration"
 * import * as Effect from "effect/Effect"
 * import { SupportTickets, TicketId } from "effect-ripio-tickets"
 *
 * const patient = Effect.gen(function* () {
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
    /** What was asked for: `retrieve`, `accessToken`, or the operation that you named to `RipioHttp`. */
    operation: Schema.String,
    /** How often the request was sent; 0 if it never left. */
    attempts: Schema.Int,
    reason: RipioHttpErrorReason,
    /** The request id of the last answer, where there was one: quote it to Ripio. */
    requestId: Schema.optionalKey(Schema.String)
  }
) {
  override get message() {
    const times = this.attempts === 1 ? "1 attempt" : `${this.attempts} attempts`
    const request = this.requestId === undefined ? "" : `, request ${this.requestId}`
    return `${this.operation}: ${this.reason.message} (${times}${request})`
  }
  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/** How long the answer asked to wait, if it did. */
export const retryAfterOf = ({ reason }: RipioHttpError): Duration.Duration | undefined =>
  reason._tag === "RateLimited" || reason._tag === "ServerFailed" ? reason.retryAfter : undefined

/** Puts a reason into its error. */
export const ripioHttpError = (
  operation: string,
  attempts: number,
  reason: RipioHttpErrorReason,
  requestId: string | undefined
): RipioHttpError =>
  stackless(
    () => new RipioHttpError({ operation, attempts, reason, ...(requestId === undefined ? {} : { requestId }) })
  )

/** The error of a request that was held back, for what `issue` says. */
export const notSent = (operation: string, issue: string): RipioHttpError =>
  ripioHttpError(operation, 0, new InvalidRequest({ issue }), undefined)
