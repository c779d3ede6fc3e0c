import * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ApiErrorBody, ApiErrorCode } from "./ApiError.ts"
import { excerpt, scrub, scrubJson } from "./Redaction.ts"
import { maxRetryAfter } from "./RetryPolicy.ts"
import { RateLimited, ServerFailed, UnexpectedResponse } from "./RipioHttpError.ts"

/**
 * What there is to know of an HTTP answer, once its body is read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly status: number
  /** The body's text; `undefined` if it was larger than {@link maxBodyBytes}. */
  readonly body: string | undefined
  /** The secrets of the request, which a server may echo: no error shows them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  readonly requestId?: string | undefined
  /** What `Retry-After` asks for, counted from the moment of the answer. */
  readonly retryAfter?: Duration.Duration | undefined
}

/**
 * The largest body that is read of an answer, in bytes: 64 KiB.
 *
 * @category models
 * @since 0.1.0
 */
export const maxBodyBytes = 64 * 1024

/**
 * What an answer turned out to be.
 *
 * @category models
 * @since 0.1.0
 */
export type Classification =
  | { readonly _tag: "Success"; readonly json: unknown }
  | ({ readonly _tag: "Unauthenticated" } & Evidence & Partial<ApiErrorBody>)
  | ({ readonly _tag: "ApiError" } & Evidence & ApiErrorBody)
  | RateLimited
  | ServerFailed
  | UnexpectedResponse

/**
 * What an answer is followed up by.
 *
 * @category models
 * @since 0.1.0
 */
export interface Evidence {
  readonly status: number
  readonly requestId?: string
}

const evidenceOf = ({ requestId, status }: Answer): Evidence =>
  requestId === undefined ? { status } : { status, requestId }

const decodeErrorBody = Schema.decodeUnknownResult(ApiErrorBody)
const decodeOAuthError = Schema.decodeUnknownResult(Schema.Struct({ error: Schema.String }))

const parse = (text: string | undefined): { readonly json: unknown } | undefined => {
  try {
    return text === undefined ? undefined : { json: JSON.parse(text) }
  } catch {
    return undefined
  }
}

const errorBodyAs = <A>(
  { body, secrets }: Answer,
  decode: (json: unknown) => Result.Result<A, Schema.SchemaError>
): A | undefined => {
  const parsed = parse(body)
  if (body === undefined || parsed === undefined) return undefined
  const isClean = !body.includes("\\") && body.split(/[[{]/u, 100).length < 100 && scrub(body, secrets) === body
  return Result.getOrUndefined(decode(isClean ? parsed.json : scrubJson(parsed.json, secrets)))
}

const knownCodes: ReadonlySet<number> = new Set(Object.values(ApiErrorCode))

/**
 * Says what an answer is: by the API's `code` first, by the HTTP status second.
 *
 * - The codes that the library knows decide under every error status, as the API's pages show one code under several.
 * - 401 without one of them is `Unauthenticated` too; 429 is `RateLimited`; 408 and 5xx are `ServerFailed`.
 * - Any other answer with the API's error body is an `ApiError`.
 * - Everything else is an `UnexpectedResponse`. In particular, a 403 or a 404 without the API's code says nothing of the
 *   account or the ticket: it comes from a proxy, or from a wrong base URL.
 *
 * A 2xx is a `Success` if its body is JSON; whether it is the right JSON is for its reader to say.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const classify = (answer: Answer): Classification => {
  const { body, retryAfter, status } = answer
  if (status >= 200 && status < 300) {
    const parsed = parse(body)
    return parsed === undefined ? unexpected(answer, notJson(body)) : { _tag: "Success", json: parsed.json }
  }
  if (status < 400) return unexpected(answer, "a redirect, which is not followed: is the base URL the right one?")

  const evidence = evidenceOf(answer)
  const api = errorBodyAs(answer, decodeErrorBody)
  if (api !== undefined && knownCodes.has(api.code)) {
    const _tag = api.code === ApiErrorCode.notAuthenticated ? "Unauthenticated" : "ApiError"
    return { ...api, ...evidence, _tag }
  }
  if (status === 401) return { ...api, ...evidence, _tag: "Unauthenticated" }
  const wait = retryAfter === undefined ? {} : { retryAfter }
  const tooLong = retryAfter !== undefined && Duration.isGreaterThan(retryAfter, maxRetryAfter)
  if (status === 429 || (tooLong && isServerFailure(status))) return new RateLimited({ status, ...wait })
  if (isServerFailure(status)) {
    return new ServerFailed({ status, ...wait, ...(api === undefined ? {} : { code: api.code }) })
  }
  if (api !== undefined) return { ...api, ...evidence, _tag: "ApiError" }
  return unexpected(answer, "not an error of the API: is a proxy in the way, or the base URL wrong?")
}

const isServerFailure = (status: number) => status === 408 || status >= 500

// The errors of RFC 6749 section 5.2 that speak of the client; the others speak of the request.
const refusals: ReadonlySet<string> = new Set([
  "invalid_client",
  "unauthorized_client",
  "invalid_grant",
  "access_denied"
])

const mentionsToken = /access_?token/iu

/**
 * Says what an answer of the token endpoint is. The API's pages do not show how it refuses, so the error bodies of
 * RFC 6749 and of the API itself are both read; a 401 is a refusal with any body.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const classifyGrant = (answer: Answer): Exclude<Classification, { readonly _tag: "ApiError" }> => {
  const classification = classify(answer)
  const type = answer.status >= 400 && answer.status < 500 ? errorBodyAs(answer, decodeOAuthError)?.error : undefined
  switch (classification._tag) {
    case "Unauthenticated":
      return type === undefined ? classification : { ...classification, type }
    case "ApiError":
      return unexpectedApiError(classification)
    case "UnexpectedResponse": {
      // The body of a grant that cannot be read may still hold the token.
      if (answer.status < 300 || mentionsToken.test(answer.body ?? "")) {
        return unexpected({ ...answer, body: undefined }, classification.issue)
      }
      if (type === undefined) return classification
      return refusals.has(type)
        ? { _tag: "Unauthenticated", ...evidenceOf(answer), type }
        : unexpected(answer, `the token endpoint refused the request: ${excerpt(type)}`)
    }
    default:
      return classification
  }
}

/**
 * An error of the API that the operation at hand has no name for.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const unexpectedApiError = ({ code, detail, status, type }: Evidence & ApiErrorBody): UnexpectedResponse =>
  new UnexpectedResponse({
    status,
    issue: `code ${code} (${excerpt(type)}) is not documented for this operation`,
    excerpt: excerpt(JSON.stringify({ code, type, detail, status }))
  })

/**
 * The answer is not one that the API documents, for the reason that `issue` gives.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const unexpected = (answer: Answer, issue: string): UnexpectedResponse =>
  new UnexpectedResponse({ status: answer.status, issue, excerpt: excerpt(scrub(answer.body ?? "", answer.secrets)) })

const notJson = (body: string | undefined) =>
  body === undefined
    ? `the body is larger than ${maxBodyBytes / 1024} KiB`
    : body === ""
      ? "the body is empty"
      : "the body is not JSON"
