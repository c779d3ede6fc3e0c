import * as Base64 from "effect/encoding/Base64"
import type { Headers } from "effect/http/Headers"
import * as Result from "effect/Result"

/** The token of `Authorization: Bearer ...`. The name of a scheme has no case; all else is taken as it stands. */
export const bearer = (headers: Headers): string | undefined =>
  /^bearer (\S+)$/iu.exec(headers["authorization"] ?? "")?.[1]

/** The two halves of `Authorization: Basic ...`, parted at the first colon. */
export const basic = (headers: Headers): { readonly clientId: string; readonly clientSecret: string } | undefined => {
  const encoded = /^basic (\S+)$/iu.exec(headers["authorization"] ?? "")?.[1]
  const decoded = encoded === undefined ? undefined : Result.getOrUndefined(Base64.decodeString(encoded))
  const colon = decoded?.indexOf(":") ?? -1
  return decoded === undefined || colon < 0
    ? undefined
    : { clientId: decoded.slice(0, colon), clientSecret: decoded.slice(colon + 1) }
}
