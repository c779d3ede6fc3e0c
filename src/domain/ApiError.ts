import * as Schema from "effect/Schema"
import { excerpt } from "./Redaction.ts"

/**
 * The API's codes that the library acts on. The code says more than the HTTP status: one and the same code is
 * documented under different statuses.
 *
 * @see Errors, "code"
 * @category models
 * @since 0.1.0
 */
export const ApiErrorCode = {
  /** The access token is missing, wrong or expired. */
  notAuthenticated: 40001,
  /** Support tickets are not switched on for the account. */
  supportTicketsNotEnabled: 20061,
  /** The account has no such ticket. */
  supportTicketNotFound: 40017
} as const

/**
 * The body of every error that the API documents. `detail` is open; mostly it holds a `message`.
 *
 * @see Retrieve Support Ticket, `ErrorResponse`
 * @category models
 * @since 0.1.0
 */
export const ApiErrorBody = Schema.Struct({
  code: Schema.Int,
  type: Schema.String,
  detail: Schema.Record(Schema.String, Schema.Json),
  status: Schema.Int
}).annotate({ identifier: "ApiErrorBody" })

/**
 * @category models
 * @since 0.1.0
 */
export type ApiErrorBody = typeof ApiErrorBody.Type

/** What an error tells of the answer behind it, for whoever has to follow it up with Ripio. */
export const evidence = {
  /** The HTTP status of the answer. */
  status: Schema.Int,
  /** The API's own code. */
  code: Schema.Int,
  /** The API's name for the error, such as `SupportTicketNotFoundException`. */
  type: Schema.String,
  /** The API's details, mostly a `message`. */
  detail: Schema.Record(Schema.String, Schema.Json),
  /** The answer's request id, where it had one: quote it to Ripio. */
  requestId: Schema.optionalKey(Schema.String),
  /** How often the request was sent. */
  attempts: Schema.optionalKey(Schema.Int)
}

/** `(403, code 20061 SupportTicketsNotEnabledException, request 7f3a)`: the evidence, at the end of a message. */
export const inBrackets = (error: {
  readonly status: number
  readonly code?: number
  readonly type?: string
  readonly requestId?: string
}): string => {
  const code = error.code === undefined ? "" : `, code ${error.code}`
  const type = error.type === undefined ? "" : ` ${excerpt(error.type)}`
  const request = error.requestId === undefined ? "" : `, request ${error.requestId}`
  return `(${error.status}${code}${type}${request})`
}

/**
 * The API refused a request with an error body of its own.
 *
 * This is what {@link RipioHttp} fails with. `SupportTickets` turns the codes that it knows into `NotEnabled` and
 * `NotFound`; whoever calls other endpoints through `RipioHttp` tells errors apart by `code`.
 *
 * @see Retrieve Support Ticket, `ErrorResponse`
 * @category errors
 * @since 0.1.0
 */
export class ApiError extends Schema.TaggedError<ApiError>("effect-ripio-tickets/ApiError")("ApiError", {
  ...evidence,
  /** How often the request was sent. */
  attempts: Schema.Int
}) {
  override get message() {
    const said = this.detail["message"]
    return `The API refused the request${typeof said === "string" ? `: ${excerpt(said)}` : ""} ${inBrackets(this)}`
  }
}

/** The evidence of an error, for the error that says what it means. */
export const evidenceOf = ({ attempts, code, detail, requestId, status, type }: ApiError) => ({
  attempts,
  status,
  code,
  type,
  detail,
  ...(requestId === undefined ? {} : { requestId })
})
