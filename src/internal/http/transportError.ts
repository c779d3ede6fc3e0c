import type { HttpClientError } from "effect/http/HttpClientError"
import type * as Redacted from "effect/Redacted"
import { InvalidRequest, TransportFailed } from "../../domain/RipioHttpError.ts"
import { makeSanitizer } from "../../domain/sanitize.ts"

/** Converts the error of an `HttpClient` to the reason of a `RipioHttpError`. */
export const toTransportReason = (
  error: HttpClientError,
  secrets: ReadonlyArray<Redacted.Redacted>
): TransportFailed | InvalidRequest => {
  const causes = causesOf(error.reason.cause)
  const messages = causes.map(messageOf).filter((message) => message !== "")
  const { text } = makeSanitizer(secrets)
  const description = text(messages.length === 0 ? error.message : messages.join(": "))
  // Without a cause, the client cannot encode the request. With one, a streamed body may have failed after a part was sent.
  const isEncodingFailure = error.reason._tag === "EncodeError" && error.reason.cause === undefined
  if (isEncodingFailure || error.reason._tag === "InvalidUrlError") return new InvalidRequest({ issue: description })
  const code = causes.map(codeOf).find((code) => code !== undefined)
  return new TransportFailed({
    description,
    mayHaveBeenSent: error.response !== undefined || !causes.some(isBeforeConnection),
    ...(code === undefined ? {} : { code: text(code) })
  })
}

// Errors of name resolution, connecting and certificates. All other errors may occur after the request was sent.
const codesBeforeConnection: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ConnectionRefused",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID"
])

const isBeforeConnection = (cause: object): boolean =>
  codesBeforeConnection.has(codeOf(cause) ?? "") || ("syscall" in cause && cause.syscall === "connect")

// `fetch` wraps the system's error in one or two others.
const causesOf = (cause: unknown, depth = 0): ReadonlyArray<object> =>
  typeof cause === "object" && cause !== null && depth < 5
    ? [cause, ...causesOf("cause" in cause ? cause.cause : undefined, depth + 1)]
    : []

const messageOf = (cause: object): string =>
  "message" in cause && typeof cause.message === "string" ? cause.message : ""

const codeOf = (cause: object): string | undefined =>
  "code" in cause && typeof cause.code === "string" ? cause.code : undefined
