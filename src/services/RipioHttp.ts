/**
 * The Ripio Ramp API as a service: any endpoint, with typed errors.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { ApiError } from "../domain/ApiError.ts"
import type { Environment } from "../domain/Environment.ts"
import type { ExecuteOptions } from "../domain/ExecuteOptions.ts"
import type { RequestOptions } from "../domain/RequestOptions.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import { AccountErrors } from "../internal/http/gate/accountErrors.ts"
import { AccountGate } from "../internal/http/gate/accountGate.ts"
import { setAccountView } from "../internal/http/gate/accountView.ts"
import { makeDetach } from "../internal/http/detach.ts"
import { makeExecute } from "../internal/http/execute.ts"
import { makeRateLimit } from "../internal/http/gate/rateLimit.ts"
import { honorRetryAfter } from "../internal/http/retry.ts"
import { makeSendOnce } from "../internal/http/sendOnce.ts"
import { AccountMetrics } from "../internal/metrics.ts"
import { gateOptions, requestOptions } from "../internal/options.ts"
import { makeTokenCheck } from "../internal/token/tokenCheck.ts"
import { AuthService } from "./AuthService.ts"

/**
 * The Ripio Ramp API: base URL, bearer token, a timeout per attempt, retries of what is safe to repeat, and typed errors.
 * The service knows nothing about tickets, so it also serves the API's other endpoints.
 *
 * **Example** (Another endpoint of the API)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as HttpClientRequest from "effect/http/HttpClientRequest"
 * import * as Schema from "effect/Schema"
 * import { RipioHttp } from "effect-ripio-tickets"
 *
 * const Network = Schema.Struct({ name: Schema.String })
 * const decode = Schema.decodeUnknownResult(Schema.Array(Network))
 *
 * const networks = Effect.gen(function* () {
 *   const http = yield* RipioHttp
 *   return yield* http.execute(HttpClientRequest.get("/api/v1/depositNetworks/"), { operation: "networks", decode })
 * })
 * ```
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class RipioHttp extends Context.Service<
  RipioHttp,
  {
    /**
     * Sends a request whose URL is a path, such as `/api/v1/supportTickets/`, and decodes the response.
     *
     * `GET` and `HEAD` are repeated by the retry policy. Any other method is repeated only if the request certainly was
     * not sent. If the API rejects the token, the request is sent once more with a new one. Each attempt first waits for
     * the account gate, see `GateOptions`; that is not part of its timeout.
     *
     * An interruption cancels a request. A write that was handed to the transport is not cancelled: its caller is released
     * at once, the exchange goes on until its timeout, and a warning in the log says how it ended.
     *
     * Fails with
     * - `Unauthenticated` if the API rejects the credentials, or two tokens in a row;
     * - `ApiError` if the API refuses the request with its own error body;
     * - `RipioHttpError` if there is no usable response. Its reason is `InvalidRequest` if an argument, or the token of a
     *   custom `AuthService`, is invalid at run time; nothing is sent then.
     */
    readonly execute: <A>(
      request: HttpClientRequest.HttpClientRequest,
      options: ExecuteOptions<A>
    ) => Effect.Effect<A, Unauthenticated | ApiError | RipioHttpError>
  }
>()("effect-ripio-tickets/RipioHttp") {}

/**
 * Where the API is, and how requests are sent to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface RipioHttpOptions extends RequestOptions {
  readonly environment: Environment
}

/** Creates {@link RipioHttp}, and the name of its account, on an `AuthService` and any `HttpClient`. Fails with `InvalidOption`. */
export const makeRipioHttp = Effect.fnUntraced(function* (options: RipioHttpOptions) {
  const auth = yield* AuthService
  const { baseUrl, schedule, timeout } = yield* Effect.fromResult(requestOptions(options))
  const { account, concurrency, rateLimit } = yield* Effect.fromResult(gateOptions(options))
  const reserve = rateLimit && (yield* makeRateLimit(rateLimit, account ?? baseUrl))
  const metrics = new AccountMetrics({ account, baseUrl })
  const gate = new AccountGate({ account, concurrency, reserve, metrics, context: yield* Effect.context() })
  const sendOnce = yield* makeSendOnce(timeout)
  const detach = yield* makeDetach
  // Runs first: what waits for the gate must not be sent while the layer closes.
  yield* Effect.addFinalizer(() => Effect.sync(() => gate.close()))
  const execute = makeExecute(baseUrl, {
    auth,
    checkToken: makeTokenCheck(),
    sendOnce,
    detach,
    gate,
    metrics,
    errors: new AccountErrors(account),
    schedule: honorRetryAfter(schedule)
  })
  return { account, http: setAccountView(RipioHttp.of({ execute }), gate) }
})
