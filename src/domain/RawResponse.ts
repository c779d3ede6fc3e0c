import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

/** An HTTP response after its body was read. */
export interface RawResponse {
  readonly status: number
  /** The text of the body; `undefined` if the body is larger than {@link maxBodyBytes}. */
  readonly body: string | undefined
  /** The secrets of the request. A server may echo them, so errors must not show them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  readonly requestId?: string | undefined
  /** The delay that `Retry-After` asks for, counted from the moment of the response. */
  readonly retryAfter?: Duration.Duration | undefined
}

/** The largest response body that is read, in bytes: 64 KiB. */
export const maxBodyBytes = 64 * 1024

/** What identifies a response in an error. */
export interface ResponseDetails {
  readonly status: number
  readonly requestId?: string
}

export const responseDetails = ({ requestId, status }: RawResponse): ResponseDetails =>
  requestId === undefined ? { status } : { status, requestId }
