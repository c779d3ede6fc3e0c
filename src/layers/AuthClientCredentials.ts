/**
 * Access tokens by client credentials, in memory or shared through a store.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type { KeyValueStore } from "effect/persistence/KeyValueStore"
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
  const schedule = honorRetryAfter(account.schedule)
  const metrics = new TokenMetrics(account.account)
  return { account, metrics, requestToken: makeRequestToken({ ...account, metrics, sendOnce, schedule }) }
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
  Layer.effect(
    AuthService,
    Effect.gen(function* () {
      const { metrics, requestToken } = yield* make(options)
      return AuthService.of(yield* makeTokenCache(requestToken, metrics))
    })
  )

/**
 * As `layer`, for many processes of one account, such as serverless functions: they share the token through the
 * `KeyValueStore` of `effect/persistence`.
 *
 * - A process takes the token of the store, and requests one only if the store has none that is unexpired.
 * - The token is encrypted with AES-256-GCM under a key that HKDF derives from the client secret. The name of the entry is a
 *   hash of the base URL and the client id. What cannot be decrypted or decoded counts as absent, such as an entry under a
 *   replaced client secret.
 * - In the last 60 s of a token, each process that uses it is drawn to renew it: with a probability of 0 at 60 s before
 *   its end, which grows to 1 at 10 s. Of a lifetime under two minutes, the second half has the same proportions. There is no
 *   lock, so two processes may request a token at the same time.
 * - If the store fails or takes longer than 2 s, the process requests its own token. A warning is logged once until the store
 *   works again.
 * - Closing the layer waits for a renewal in flight, so that the token is stored.
 *
 * Fails with `InvalidOption`.
 *
 * **Example** (One token for all instances, in a database)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import * as KeyValueStore from "effect/persistence/KeyValueStore"
 * import * as Redacted from "effect/Redacted"
 * import { AuthClientCredentials, FetchTransport, RipioHttpLive, SupportTicketsLive } from "effect-ripio-tickets"
 *
 * const environment = "production"
 * const client = SupportTicketsLive.layer.pipe(
 *   Layer.provide(RipioHttpLive.layer({ environment })),
 *   Layer.provide(
 *     AuthClientCredentials.layerStore({
 *       environment,
 *       clientId: "partner-ar",
 *       clientSecret: Redacted.make("from your vault")
 *     })
 *   ),
 *   Layer.provide(KeyValueStore.layerSql({ table: "ripio_tokens" })), // requires the SqlClient of your database
 *   Layer.provide(FetchTransport.layer)
 * )
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerStore = (options: Options): Layer.Layer<AuthService, InvalidOption, HttpClient | KeyValueStore> =>
  Layer.effect(
    AuthService,
    Effect.gen(function* () {
      const { account, metrics, requestToken } = yield* make(options)
      const { crypto, KeyValueStore, makeSharedToken, makeTokenStore } = yield* sharing
      const store = yield* KeyValueStore.KeyValueStore
      const tokens = yield* Effect.provide(makeTokenStore({ ...account, store }), crypto)
      const sharedToken = makeSharedToken(requestToken, tokens)
      return AuthService.of(yield* makeTokenCache(sharedToken, metrics, { finishesRenewal: true }))
    })
  )

// Only programs that share a token load the cryptography, and the module of the store, which imports SQL.
const sharing = /* @__PURE__ */ Effect.promise(async () => {
  const [{ makeSharedToken }, { crypto, makeTokenStore }, KeyValueStore] = await Promise.all([
    import("../internal/token/sharedToken.ts"),
    import("../internal/token/tokenStore.ts"),
    import("effect/persistence/KeyValueStore")
  ])
  return { crypto, KeyValueStore, makeSharedToken, makeTokenStore }
})
