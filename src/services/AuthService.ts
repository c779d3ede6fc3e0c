/**
 * The access token of an account as a service.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"

/**
 * The access token of one account.
 *
 * `AuthClientCredentials.layer` requests and renews it. `AuthStaticToken.layer` uses a token that you have. Implement the
 * service if your tokens come from elsewhere, such as a store that several processes share.
 *
 * @category services
 * @since 0.1.0
 */
export class AuthService extends Context.Service<
  AuthService,
  {
    /**
     * The token for the next request.
     *
     * Fails with `Unauthenticated` if the credentials are rejected, and with `RipioHttpError` if the token endpoint gives
     * no usable response.
     */
    readonly accessToken: Effect.Effect<Redacted.Redacted, Unauthenticated | RipioHttpError>
    /**
     * Reports that the API rejected `stale`. If `stale` is still the current token, it is dropped and the next
     * `accessToken` is a new one. A newer token stays.
     */
    readonly invalidate: (stale: Redacted.Redacted) => Effect.Effect<void>
  }
>()("effect-ripio-tickets/AuthService") {}
