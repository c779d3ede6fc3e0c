import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"

/**
 * The access token of one account.
 *
 * `AuthClientCredentials.layer` obtains and renews it; `AuthStaticToken.layer` has it from you. Provide an implementation
 * of your own if tokens come from elsewhere, such as a store that several processes share.
 *
 * @category services
 * @since 0.1.0
 */
export class AuthService extends Context.Service<
  AuthService,
  {
    /**
     * A token to send with the next request.
     *
     * Fails with `Unauthenticated` if the credentials are refused, and with `RipioHttpError` if the token endpoint gives
     * no usable answer.
     */
    readonly accessToken: Effect.Effect<Redacted.Redacted, Unauthenticated | RipioHttpError>
    /**
     * Says that the API refused `stale`. Drops it if it is still the current token, so that the next `accessToken` is a
     * new one; a newer token stays.
     */
    readonly invalidate: (stale: Redacted.Redacted) => Effect.Effect<void>
  }
>()("effect-ripio-tickets/AuthService") {}
