import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { AuthService } from "../services/AuthService.ts"
import { makeRipioHttp, RipioHttp, type RipioHttpOptions } from "../services/RipioHttp.ts"

/**
 * The API, on an `AuthService` and any `HttpClient`. Fails with `InvalidOption` before anything is sent.
 *
 * It is built for each use, so that one value in the layers of two accounts sends each its own token.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: RipioHttpOptions): Layer.Layer<RipioHttp, InvalidOption, AuthService | HttpClient> =>
  Layer.fresh(Layer.effect(RipioHttp, makeRipioHttp(options)))
