/**
 * Access tokens by client credentials.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { Environment } from "../domain/Environment.ts"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { RequestOptions } from "../domain/RequestOptions.ts"
import { honorRetryAfter } from "../internal/http/retry.ts"
import { makeSendOnce } from "../internal/http/sendOnce.ts"
import { TokenMetrics } from "../internal/metrics.ts"
import { accountOptions } from "../internal/options.ts"
import { makeRequestToken } from "../internal/token/requestToken.ts"
import { makeTokenCache } from "../internal/token/tokenCache.ts"
import { AuthService } from "../services/AuthService.ts"

/**
 * The credentials of one account, and how its tokens are requested.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends RequestOptions {
  readonly environment: Environment
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
}

const make = Effect.fnUntraced(function* (options: Options) {
  const account = yield* Effect.fromResult(accountOptions(options))
  const sendOnce = yield* makeSendOnce(account.timeout)
  const metrics = new TokenMetrics(account.account)
  const requestToken = makeRequestToken({ ...account, metrics, sendOnce, schedule: honorRetryAfter(account.schedule) })
  return AuthService.of(yield* makeTokenCache(requestToken, metrics))
})

/**
 * Requests the access token with the client credentials and caches it.
 *
 * - An unexpired token is used at once. Calls wait only while there is none. They share one request, and interrupting one
 *   of them does not cancel it for the others.
 * - The first call 60 s before the token expires, or after half of a lifetime under two minutes, starts a renewal in the
 *   background. One renewal is in flight at a time. If it fails, it logs a warning and is tried again after 5 s, and the
 *   current token is used until it expires. Closing the layer interrupts it.
 * - Tokens are used for at most ten hours, whatever `expiresIn` says. An `expiresIn` under one second counts as ten seconds.
 * - A token that the API refuses is not used again, unless a new request returns it.
 * - A failure is not cached: the next call requests a token again.
 *
 * Fails with `InvalidOption`. No token is requested before the first call needs one.
 *
 * @see https://docs.ripio.com/ramps-api/authentication/acquire-access-token
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<AuthService, InvalidOption, HttpClient> =>
  Layer.effect(AuthService, make(options))
