/**
 * The API's own errors: their codes, their body, and the error for a code that has no error class.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"
import { truncate } from "./Redaction.ts"

/**
 * The error codes of the API that the library acts on. The API documents one code under several HTTP statuses, so the
 * code decides.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket
 * @category models
 * @since 0.1.0
 */
export const ApiErrorCode = {
  /** The access token is missing, wrong or expired. */
  notAuthenticated: 40001,
  /** Support tickets are not enabled for the account. */
  supportTicketsNotEnabled: 20061,
  /** The account has no such ticket. */
  supportTicketNotFound: 40017
} as const

/**
 * The body of every error that the API documents. `detail` is open and usually contains a `message`.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (`ErrorResponse`)
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

/** The fields of an error that comes from an API response. Quote them to Ripio's support. */
export const errorFields = {
  /** The HTTP status of the response. */
  status: Schema.Int,
  /** The API's error code. */
  code: Schema.Int,
  /** The API's name for the error, such as `SupportTicketNotFoundException`. At most 512 characters, escaped. */
  type: Schema.String,
  /**
   * The API's details, usually a `message`, of a size that fits into a log: at most 10 levels deep, 128 values and 4096
   * characters, of which a text has at most 512. `"…"` stands for what exceeds a limit. Control and format characters
   * are escaped, so a line break is `\n`, and secrets are `<redacted>`.
   */
  detail: Schema.Record(Schema.String, Schema.Json),
  /** The request id of the response, if it has one. At most 128 characters, escaped. */
  requestId: Schema.optionalKey(Schema.String),
  /** How many times the request was sent. */
  attempts: Schema.optionalKey(Schema.Int)
}

/** Formats the details at the end of a message: `(403, code 20061 SupportTicketsNotEnabledException, request 7f3a)`. */
export const formatDetails = (error: {
  readonly status: number
  readonly code?: number
  readonly type?: string
  readonly requestId?: string
}): string => {
  const code = error.code === undefined ? "" : `, code ${error.code}`
  const type = error.type === undefined ? "" : ` ${error.type}`
  const request = error.requestId === undefined ? "" : `, request ${error.requestId}`
  return `(${error.status}${code}${type}${request})`
}

/** Formats the API's details after a statement: `: Support ticket not found.`, all of them as JSON, or nothing. */
export const formatDetail = (detail: ApiErrorBody["detail"]): string => {
  const { message } = detail
  if (typeof message === "string") return `: ${message}`
  return Object.keys(detail).length === 0 ? "" : `: ${truncate(JSON.stringify(detail))}`
}

/**
 * The API refused a request with its own error body.
 *
 * `RipioHttp` fails with it. `SupportTickets` turns the codes that it knows into `NotEnabled` and `NotFound`. If you call
 * other endpoints through `RipioHttp`, distinguish the errors by `code`.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (`ErrorResponse`)
 * @category errors
 * @since 0.1.0
 */
export class ApiError extends Schema.TaggedError<ApiError>("effect-ripio-tickets/ApiError")("ApiError", {
  ...errorFields,
  /** How many times the request was sent. */
  attempts: Schema.Int
}) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("ApiError")
  }
  override get message() {
    return `The API refused the request${formatDetail(this.detail)} ${formatDetails(this)}`
  }
}

/** The details of an `ApiError`, for the error that says what they mean. */
export const errorFieldsOf = ({ attempts, code, detail, requestId, status, type }: ApiError) => ({
  attempts,
  status,
  code,
  type,
  detail,
  ...(requestId === undefined ? {} : { requestId })
})
