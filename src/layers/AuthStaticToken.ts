import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import { token } from "../internal/options.ts"
import { AuthService } from "../services/AuthService.ts"

/**
 * The access token is one that you have: for scripts, and for tokens that something else obtains and renews. If the API
 * refuses it, calls fail with `Unauthenticated`, as there is no other to try.
 *
 * Fails with `InvalidOption` if the token is empty or could not stand in an HTTP header.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: { readonly token: Redacted.Redacted }): Layer.Layer<AuthService, InvalidOption> =>
  Layer.effect(
    AuthService,
    Effect.map(token(options.token), (token) =>
      AuthService.of({ accessToken: Effect.succeed(token), invalidate: () => Effect.void })
    )
  )
