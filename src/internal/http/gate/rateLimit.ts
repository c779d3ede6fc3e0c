import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { RateLimiter } from "effect/persistence/RateLimiter"
import { describe } from "../../../domain/describe.ts"
import { sanitize } from "../../../domain/sanitize.ts"
import { monotonicMillis } from "../monotonic.ts"
import type { CheckedGateOptions } from "../../options.ts"
import { timeoutOrElse } from "../timeoutOrElse.ts"

/** A request that the rate limit allows. */
export interface Reservation {
  /** The milliseconds until it may be sent. */
  readonly delay: number
  /** The milliseconds after that in which it may be sent. */
  readonly lifetime: number
}

/** Reserves one request. */
export type ReserveRequest = Effect.Effect<Reservation>

// A request that was not sent in time belongs to a window that has passed.
const lifetimeOfCurrentWindow = 100

// A store that does not respond must not stop the account.
const storeTimeout = Duration.seconds(1)

// After a failure of the store, the limit is counted in memory for this many milliseconds.
const storeRetryDelay = 10_000

/**
 * Creates a {@link ReserveRequest} on the `RateLimiterStore` of the context, or in memory. If the store fails, the limit
 * is counted in memory until the store works again.
 */
export const makeRateLimit = Effect.fnUntraced(function* (
  { limit, window }: NonNullable<CheckedGateOptions["rateLimit"]>,
  account: string
) {
  // The module imports Redis. Clients without a limit do not load it.
  const module = yield* Effect.promise(() => import("effect/persistence/RateLimiter"))
  const local = Context.get(
    yield* Layer.build(Layer.provide(module.layer, Layer.fresh(module.layerStoreMemory))),
    module.RateLimiter
  )
  const store = yield* Effect.serviceOption(module.RateLimiterStore)
  // A delayed request begins its window. On a busy machine timers are late, and the request must not expire each time.
  const lifetimeOfNextWindow = Math.max(Duration.toMillis(window), 1000)
  const reserveFrom = (limiter: RateLimiter) =>
    Effect.map(
      // A store may throw.
      Effect.suspend(() =>
        limiter.consume({ key: `effect-ripio-tickets/${account}`, limit, window, onExceeded: "delay" })
      ),
      (result): Reservation => {
        const delay = Duration.toMillis(result.delay)
        return { delay, lifetime: delay > 0 ? lifetimeOfNextWindow : lifetimeOfCurrentWindow }
      }
    )
  // The store in memory does not fail.
  const reserveLocally: ReserveRequest = Effect.orDie(reserveFrom(local))
  if (store._tag === "None") return reserveLocally

  const shared = yield* Effect.provideService(module.make, module.RateLimiterStore, store.value)
  let isWarned = false
  let retryAt = -Infinity
  const fallBack = (clock: Clock.Clock, description: string) => {
    retryAt = monotonicMillis(clock) + storeRetryDelay
    if (isWarned) return reserveLocally
    isWarned = true
    return Effect.andThen(
      Effect.ignoreCause(
        Effect.logWarning(
          `The store of the rate limit failed. Until it works again, this process counts the limit alone: ${description}`
        )
      ),
      reserveLocally
    )
  }
  return Effect.flatMap(Clock.Clock, (clock) => {
    if (monotonicMillis(clock) < retryAt) return reserveLocally
    return timeoutOrElse(
      Effect.matchCauseEffect(reserveFrom(shared), {
        onSuccess: (delay) =>
          Effect.sync(() => {
            isWarned = false
            return delay
          }),
        onFailure: (cause) => fallBack(clock, sanitize.text(describe(Cause.squash(cause))))
      }),
      { duration: storeTimeout, orElse: () => fallBack(clock, "it did not respond within 1s") }
    )
  })
})
