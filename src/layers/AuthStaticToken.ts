/**
 * An access token that the program already has.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import { tokenOptions } from "../internal/options.ts"
import { AuthService } from "../services/AuthService.ts"

/**
 * Uses one access token for all requests: for scripts, and for tokens that another program requests and renews. If the
 * API rejects it, calls fail with `Unauthenticated`.
 *
 * Fails with `InvalidOption` if the token is empty or contains characters that an HTTP header cannot contain.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: { readonly token: Redacted.Redacted }): Layer.Layer<AuthService, InvalidOption> =>
  Layer.effect(
    AuthService,
    Effect.map(
      Effect.suspend(() => Effect.fromResult(tokenOptions(options))),
      (token) => AuthService.of({ accessToken: Effect.succeed(token), invalidate: () => Effect.void })
    )
  )
