/**
 * The layer of `RipioHttp`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { HttpClient } from "effect/http/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import { AccountName } from "../internal/metrics.ts"
import type { AuthService } from "../services/AuthService.ts"
import { makeRipioHttp, RipioHttp, type RipioHttpOptions } from "../services/RipioHttp.ts"

/**
 * `RipioHttp` on an `AuthService` and any `HttpClient`. Fails with `InvalidOption`.
 *
 * The layer is fresh: it is built for every use, so that one value in the layers of two accounts sends each account's
 * token.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: RipioHttpOptions): Layer.Layer<RipioHttp, InvalidOption, AuthService | HttpClient> =>
  Layer.fresh(
    Layer.effectContext(
      Effect.map(makeRipioHttp(options), ({ account, http }) =>
        // For the metrics of `SupportTickets`.
        Context.make(RipioHttp, http).pipe(Context.add(AccountName, account))
      )
    )
  )
