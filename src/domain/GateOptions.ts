/**
 * Options of the account gate.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * How many requests of one account may be sent at once, and how many in a time.
 *
 * Each client has one gate, which all its requests pass except token requests. Calls and creates go before polls, but of
 * four requests at least one is the oldest poll. Waiting for the gate is not part of the timeout of an attempt.
 *
 * **Example** (Two processes that share a limit)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import * as RateLimiter from "effect/persistence/RateLimiter"
 * import * as Redacted from "effect/Redacted"
 * import { Ripio } from "effect-ripio-tickets"
 *
 * const argentina = Ripio.layer({
 *   environment: "production",
 *   clientId: "partner-ar",
 *   clientSecret: Redacted.make("from your vault"),
 *   gate: { account: "AR", rateLimit: { limit: 100, window: "1 minute" } }
 * }).pipe(Layer.provide(RateLimiter.layerStoreRedis())) // requires the Redis of your program
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface GateOptions {
  /** The maximum number of requests in flight: 32 by default. */
  readonly concurrency?: number | undefined
  /**
   * The maximum number of requests in each window of time: no limit by default. A window begins with its first request.
   *
   * The count is in memory, or in the `RateLimiterStore` of `effect/persistence` in the context of the layer, so that
   * several processes share it. If that store fails, the limit is counted in memory and a warning is logged.
   */
  readonly rateLimit?: { readonly limit: number; readonly window: Duration.Input } | undefined
  /**
   * A name of the account, for logs, for the label `account` of metrics, and for the key of a shared `rateLimit`. Accounts
   * that share a store of rate limits need different names: without one, the key is the base URL.
   */
  readonly account?: string | undefined
}
