import type { HttpClientError } from "effect/http/HttpClientError"
import type * as Redacted from "effect/Redacted"
import { InvalidRequest, TransportFailed } from "../../domain/RipioHttpError.ts"
import { makeSanitizer } from "../../domain/sanitize.ts"

/** Converts the error of an `HttpClient` to the reason of a `RipioHttpError`. */
export const toTransportReason = (
  error: HttpClientError,
  secrets: ReadonlyArray<Redacted.Redacted>,
  /** Whether the request certainly was not sent, given the error's cause and whether it shows that there was no connection. */
  isUnsent: (cause: unknown, isBeforeConnection: boolean) => boolean
): TransportFailed | InvalidRequest => {
  const { cause } = error.reason
  const causes = causesOf(cause)
  const messages = causes.map(messageOf).filter((message) => message !== "")
  const { text } = makeSanitizer(secrets)
  const description = text(messages.length === 0 ? error.message : messages.join(": "))
  // Without a cause, the client cannot encode the request. With one, a streamed body may have failed after a part was sent.
  const isEncodingFailure = error.reason._tag === "EncodeError" && cause === undefined
  if (isEncodingFailure || error.reason._tag === "InvalidUrlError") return new InvalidRequest({ issue: description })
  const code = causes.map(codeOf).find((code) => code !== undefined)
  return new TransportFailed({
    description,
    mayHaveBeenSent: error.response !== undefined || !isUnsent(cause, causes.some(isBeforeConnection)),
    ...(code === undefined ? {} : { code: text(code) })
  })
}

/**
 * Whether the error occurred before there was a connection: while resolving the name, connecting, verifying the
 * certificate, or asking a proxy to connect. An error of several addresses did if each of its errors did.
 */
const isBeforeConnection = (cause: object): boolean => {
  if ("errors" in cause && Array.isArray(cause.errors) && cause.errors.length > 0) {
    return cause.errors.every((error) => causesOf(error).some(isBeforeConnection))
  }
  const code = codeOf(cause) ?? ""
  const syscall = "syscall" in cause && typeof cause.syscall === "string" ? cause.syscall : ""
  return (
    /^(?:connect|getaddrinfo|query\w*)$/u.test(syscall) ||
    codesBeforeConnection.test(code) ||
    messagesBeforeConnection.test(messageOf(cause))
  )
}

// Codes of runtimes that do not name the system call: of name resolution, of connecting (Bun, undici), and of OpenSSL's
// verification of certificates, which ends the handshake.
const codesBeforeConnection =
  /^(?:ENOTFOUND|EAI_\w+|DNS_\w+|ECONNREFUSED|ConnectionRefused|FailedToOpenSocket|UND_ERR_(?:CONNECT_TIMEOUT|PRX_\w+)|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|UNABLE_TO_\w+|CERT_\w+|CRL_\w+|ERROR_IN_(?:CERT|CRL)_\w+|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_\w+|ERR_SSL_WRONG_VERSION_NUMBER)$/u

// Node's interrupted handshake, undici's proxy that refuses CONNECT, and the stage that Deno names.
const messagesBeforeConnection =
  /before secure TLS connection was established|^Proxy response \(\d+\)|\bclient error \(Connect\)|^dns error/u

// `fetch` wraps the system's error in one or two others.
const causesOf = (cause: unknown, depth = 0): ReadonlyArray<object> =>
  typeof cause === "object" && cause !== null && depth < 5
    ? [cause, ...causesOf("cause" in cause ? cause.cause : undefined, depth + 1)]
    : []

const messageOf = (cause: object): string =>
  "message" in cause && typeof cause.message === "string" ? cause.message : ""

const codeOf = (cause: object): string | undefined =>
  "code" in cause && typeof cause.code === "string" ? cause.code : undefined
