import * as Base64 from "effect/encoding/Base64"
import type { Headers } from "effect/http/Headers"
import * as Result from "effect/Result"
import type { AccountEntry } from "./accounts.ts"
import type { RequestContext, SandboxState } from "./endpoint.ts"
import { notAuthenticated, notEnabled, type SandboxResponse } from "./sandboxResponse.ts"

/** The token of `Authorization: Bearer ...`. Only the name of the scheme is case-insensitive. */
export const bearerToken = (headers: Headers): string | undefined =>
  /^bearer (\S+)$/iu.exec(headers["authorization"] ?? "")?.[1]

/** The client id and the secret of `Authorization: Basic ...`, separated by the first colon. */
export const basicCredentials = (
  headers: Headers
): { readonly clientId: string; readonly clientSecret: string } | undefined => {
  const encoded = /^basic (\S+)$/iu.exec(headers["authorization"] ?? "")?.[1]
  const decoded = encoded === undefined ? undefined : Result.getOrUndefined(Base64.decodeString(encoded))
  const colon = decoded?.indexOf(":") ?? -1
  return decoded === undefined || colon < 0
    ? undefined
    : { clientId: decoded.slice(0, colon), clientSecret: decoded.slice(colon + 1) }
}

/** The account that a request to the API acts for, or the response that refuses the request. */
export const authorize = (
  { accounts }: SandboxState,
  { at, request }: RequestContext
): Result.Result<AccountEntry, SandboxResponse> => {
  const entry = accounts.withToken(bearerToken(request.headers), at)
  if (entry === undefined) return Result.fail(notAuthenticated())
  return entry.enabled ? Result.succeed(entry) : Result.fail(notEnabled())
}
