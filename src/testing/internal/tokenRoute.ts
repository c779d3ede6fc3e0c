import * as Effect from "effect/Effect"
import * as Answer from "./sandboxResponse.ts"
import { basic } from "./authorization.ts"
import type { Endpoint } from "./endpoint.ts"

// The shape of the token endpoint's errors is not known; RFC 6749, section 5.2, is the likely one.
const refuse = (status: 400 | 401, error: string, error_description?: string) =>
  Effect.succeed(
    Answer.json(status, { error, error_description }, status === 401 ? { "www-authenticate": 'Basic realm="api"' } : {})
  )

const isForm = (contentType: string | undefined) =>
  /^application\/x-www-form-urlencoded\s*(;|$)/iu.test(contentType ?? "")

/** `POST /oauth2/token/`. */
export const tokenRoute: Endpoint = {
  route: "token",
  method: "POST",
  match: (path) => (path === "/oauth2/token/" ? {} : undefined),
  handle: ({ accounts, tokenResponseCase, tokenLifetimeMillis }, { at, request }) =>
    Effect.gen(function* () {
      if (!isForm(request.headers["content-type"])) {
        return yield* refuse(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
      }
      const form = new URLSearchParams(yield* request.text)
      if (form.getAll("grant_type").join() !== "client_credentials") {
        return yield* refuse(400, "unsupported_grant_type")
      }
      const credentials = basic(request.headers)
      const entry = credentials && accounts.withCredentials(credentials.clientId, credentials.clientSecret)
      if (entry === undefined) return yield* refuse(401, "invalid_client")

      // Not from `Random`: a test that seeds it for its own jitter must not see it drawn on from here.
      const token = crypto.randomUUID().replaceAll("-", "").slice(0, 30)
      entry.tokens.set(token, at + tokenLifetimeMillis)
      const seconds = Math.floor(tokenLifetimeMillis / 1000)
      return Answer.json(
        200,
        tokenResponseCase === "camelCase"
          ? { accessToken: token, expiresIn: seconds, tokenType: "Bearer", scope: "read write" }
          : { access_token: token, expires_in: seconds, token_type: "Bearer", scope: "read write" },
        { "cache-control": "no-store" }
      )
    }).pipe(Effect.catch(() => refuse(400, "invalid_request", "The body could not be read.")))
}
