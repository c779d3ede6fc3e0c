import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type ApiErrorBody, ApiErrorCode } from "./ApiError.ts"
import { maxBodyBytes, type RawResponse, type ResponseDetails, responseDetails } from "./RawResponse.ts"
import { truncate } from "./Redaction.ts"
import { maxRetryAfter } from "./RequestOptions.ts"
import { RateLimited, ServerFailed, UnexpectedResponse } from "./RipioHttpError.ts"
import { isJsonObject, makeSanitizer } from "./sanitize.ts"
import { withoutStackTrace } from "./withoutStackTrace.ts"

/** What a response means. */
export type Classification =
  | { readonly _tag: "Success"; readonly json: unknown }
  | ({ readonly _tag: "Unauthenticated" } & ResponseDetails & Partial<ApiErrorBody>)
  | ({ readonly _tag: "ApiError" } & ResponseDetails & ApiErrorBody)
  | RateLimited
  | ServerFailed
  | UnexpectedResponse

// `detail` is not decoded here, because a hostile one is large. The copy that an error carries is limited.
const decodeErrorBody = Schema.decodeUnknownResult(
  Schema.Struct({ code: Schema.Int, type: Schema.String, detail: Schema.Unknown, status: Schema.Int })
)
const decodeOAuthError = Schema.decodeUnknownResult(Schema.Struct({ error: Schema.String }))

const parseJson = (text: string | undefined): { readonly json: unknown } | undefined => {
  try {
    return text === undefined ? undefined : { json: JSON.parse(text) }
  } catch {
    return undefined
  }
}

const apiErrorOf = ({ body, secrets }: RawResponse): ApiErrorBody | undefined => {
  const decoded = Result.getOrUndefined(decodeErrorBody(parseJson(body)?.json))
  if (decoded === undefined || !isJsonObject(decoded.detail)) return undefined
  const { object, text } = makeSanitizer(secrets)
  return { ...decoded, type: text(decoded.type), detail: object(decoded.detail) }
}

const oauthErrorOf = ({ body, secrets }: RawResponse): string | undefined => {
  const decoded = Result.getOrUndefined(decodeOAuthError(parseJson(body)?.json))
  return decoded === undefined ? undefined : makeSanitizer(secrets).text(decoded.error)
}

const knownCodes: ReadonlySet<number> = new Set(Object.values(ApiErrorCode))

/**
 * Classifies a response: by the API's `code` first, by the HTTP status second.
 *
 * - A code that the library knows decides under every error status, because the API documents one code under several
 *   statuses. The exception is a 5xx response to a write: it does not say whether the write was carried out, so it is
 *   `ServerFailed` whatever its code.
 * - 401 without a known code is `Unauthenticated`, 429 is `RateLimited`, 408 and 5xx are `ServerFailed`.
 * - Any other response with the API's error body is an `ApiError`.
 * - Everything else is an `UnexpectedResponse`. A 403 or 404 without the API's code says nothing about the account or the
 *   ticket: it comes from a proxy, or the base URL is wrong.
 *
 * A 2xx is a `Success` if its body is JSON. The caller decodes it.
 */
export const classify = (
  response: RawResponse,
  { isWrite }: { readonly isWrite: boolean } = { isWrite: false }
): Classification => {
  const { body, status } = response
  if (status >= 200 && status < 300) {
    const parsed = parseJson(body)
    return parsed === undefined ? unexpectedResponse(response, notJson(body)) : { _tag: "Success", json: parsed.json }
  }
  if (status < 400) return unexpectedResponse(response, "redirects are not followed: check the base URL")

  const details = responseDetails(response)
  const api = apiErrorOf(response)
  const mayBeCarriedOut = isWrite && status >= 500
  if (api !== undefined && knownCodes.has(api.code) && !mayBeCarriedOut) {
    const _tag = api.code === ApiErrorCode.notAuthenticated ? "Unauthenticated" : "ApiError"
    return { ...api, ...details, _tag }
  }
  if (status === 401) return { ...api, ...details, _tag: "Unauthenticated" }
  const { retryAfter } = response
  const wait = retryAfter === undefined ? {} : { retryAfter }
  const isTooLong = retryAfter !== undefined && Duration.isGreaterThan(retryAfter, maxRetryAfter)
  if (status === 429 || (isTooLong && isServerFailure(status))) {
    return withoutStackTrace(() => new RateLimited({ status, ...wait }))
  }
  if (isServerFailure(status)) {
    const code = api === undefined ? {} : { code: api.code }
    return withoutStackTrace(() => new ServerFailed({ status, ...wait, ...code }))
  }
  if (api !== undefined) return { ...api, ...details, _tag: "ApiError" }
  return unexpectedResponse(response, "not an error of the API: check the base URL, and whether a proxy responds")
}

const isServerFailure = (status: number) => status === 408 || status >= 500

// The error codes of RFC 6749 section 5.2 that refuse the client. The others are about the request.
const clientRefusals: ReadonlySet<string> = new Set([
  "invalid_client",
  "unauthorized_client",
  "invalid_grant",
  "access_denied"
])

const mentionsToken = /access_?token/iu

/**
 * Classifies a response of the token endpoint. The API's pages do not document its errors, so both the error body of
 * RFC 6749 and the API's own are read. A 401 is a refusal whatever its body.
 */
export const classifyTokenResponse = (
  response: RawResponse
): Exclude<Classification, { readonly _tag: "ApiError" }> => {
  const classification = classify(response)
  const isRefusal = response.status >= 400 && response.status < 500
  const type = isRefusal ? oauthErrorOf(response) : undefined
  switch (classification._tag) {
    case "Unauthenticated":
      return type === undefined ? classification : { ...classification, type }
    case "ApiError":
      return unexpectedApiError(classification)
    case "UnexpectedResponse": {
      // The body may contain the token in a shape that cannot be decoded.
      if (response.status < 300 || mentionsToken.test(response.body ?? "")) {
        return unexpectedResponse({ ...response, body: undefined }, classification.issue)
      }
      if (type === undefined) return classification
      return clientRefusals.has(type)
        ? { _tag: "Unauthenticated", ...responseDetails(response), type }
        : unexpectedResponse(response, `the token endpoint refused the request: ${type}`)
    }
    default:
      return classification
  }
}

/** An API error whose code is not documented for the operation. */
export const unexpectedApiError = ({ code, detail, status, type }: ResponseDetails & ApiErrorBody) =>
  withoutStackTrace(
    () =>
      new UnexpectedResponse({
        status,
        issue: truncate(`code ${code} (${type}) is not documented for this operation`),
        excerpt: truncate(JSON.stringify({ code, type, detail, status }))
      })
  )

/** A response that the API does not document. `issue` says what is wrong with it, and may quote it. */
export const unexpectedResponse = ({ body, secrets, status }: RawResponse, issue: string): UnexpectedResponse => {
  const { message, text } = makeSanitizer(secrets)
  return withoutStackTrace(() => new UnexpectedResponse({ status, issue: message(issue), excerpt: text(body ?? "") }))
}

const notJson = (body: string | undefined) =>
  body === undefined
    ? `the body is larger than ${maxBodyBytes / 1024} KiB`
    : body === ""
      ? "the body is empty"
      : "the body is not JSON"
