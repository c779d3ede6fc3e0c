import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import { basicCredentials } from "./authorization.ts"
import type { Endpoint } from "./endpoint.ts"
import { jsonResponse } from "./sandboxResponse.ts"

// The API does not document the errors of its token endpoint. These follow RFC 6749, section 5.2.
const errorResponse = (status: 400 | 401, error: string, error_description?: string) =>
  jsonResponse(status, { error, error_description }, status === 401 ? { "www-authenticate": 'Basic realm="api"' } : {})

const isForm = (contentType: string | undefined) =>
  /^application\/x-www-form-urlencoded\s*(;|$)/iu.test(contentType ?? "")

// The largest body without files that Django accepts by default.
const maxBodyBytes = 2_621_440

/** `POST /oauth2/token/`. */
export const tokenRoute: Endpoint = {
  route: "token",
  method: "POST",
  match: (path) => (path === "/oauth2/token/" ? {} : undefined),
  handle: ({ accounts, tokenLifetimeMillis, tokenResponseCase }, { at, request }) =>
    Effect.gen(function* () {
      if (!isForm(request.headers["content-type"])) {
        return errorResponse(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
      }
      const text = yield* Effect.provideService(request.text, MaxBodySize, ByteSize.bytes(maxBodyBytes))
      // In process, a body has no limit while it is read.
      if (text.length > maxBodyBytes) return errorResponse(400, "invalid_request", "The body is too large.")
      const form = new URLSearchParams(text)
      if (form.getAll("grant_type").join() !== "client_credentials") {
        return errorResponse(400, "unsupported_grant_type")
      }
      const credentials = basicCredentials(request.headers)
      const entry = credentials && accounts.withCredentials(credentials.clientId, credentials.clientSecret)
      if (entry === undefined) return errorResponse(401, "invalid_client")

      // Not from `Random`: a draw here would shift the sequence of a test that seeds `Random`.
      const token = crypto.randomUUID().replaceAll("-", "").slice(0, 30)
      entry.tokens.set(token, at + tokenLifetimeMillis)
      const seconds = Math.floor(tokenLifetimeMillis / 1000)
      return jsonResponse(
        200,
        tokenResponseCase === "camelCase"
          ? { accessToken: token, expiresIn: seconds, tokenType: "Bearer", scope: "read write" }
          : { access_token: token, expires_in: seconds, token_type: "Bearer", scope: "read write" },
        { "cache-control": "no-store" }
      )
    }).pipe(Effect.catch(() => Effect.succeed(errorResponse(400, "invalid_request", "The body could not be read."))))
}
