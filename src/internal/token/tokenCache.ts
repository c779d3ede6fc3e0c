import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as metrics from "../metrics.ts"
import type { CachedToken, RequestToken } from "./requestToken.ts"

// After a failed renewal, the current token is used for this long before the next renewal is tried.
const renewalRetryDelay = 5_000

// The cache has one entry.
const key = "token"

/** Caches the token of one account: one request serves all concurrent callers, and the token is renewed early. */
export const makeTokenCache = Effect.fnUntraced(function* (requestToken: RequestToken) {
  let current: CachedToken | undefined
  let renewals = 0

  const isUnexpired = (token: CachedToken) => Effect.map(Clock.currentTimeMillis, (now) => now < token.expiresAt)

  /** A new token, or the current one while it is unexpired and a new one is not available. */
  const renew = Effect.gen(function* () {
    const old = current
    if (old !== undefined && (yield* isUnexpired(old))) {
      const renewal = yield* Effect.result(requestToken({ retry: false }))
      if (Result.isSuccess(renewal)) return (current = renewal.success)
      if (current === old && (yield* isUnexpired(old))) {
        yield* Effect.logWarning(
          `The access token could not be renewed yet. The current one is still valid: ${renewal.failure.message}`
        )
        return old
      }
    }
    return (current = yield* requestToken({ retry: true }))
  })

  const lookup = Effect.fnUntraced(function* (_: typeof key) {
    const token = yield* Effect.acquireUseRelease(
      Effect.sync(() => {
        renewals++
      }),
      () => renew,
      () =>
        Effect.sync(() => {
          renewals--
        })
    )
    const now = yield* Clock.currentTimeMillis
    const untilRenewal = token.renewAt - now
    const timeToLive = untilRenewal > 0 ? untilRenewal : Math.min(token.expiresAt - now, renewalRetryDelay)
    return { token, timeToLive: Duration.millis(Math.max(timeToLive, 0)) }
  })

  // Concurrent callers share one request. Interrupting one caller does not cancel it for the others.
  const cache = yield* Cache.makeWith(lookup, {
    capacity: 1,
    timeToLive: Exit.match({ onFailure: () => Duration.zero, onSuccess: ({ timeToLive }) => timeToLive })
  })

  return {
    accessToken: Effect.flatMap(Cache.get(cache, key), ({ token: { requestedAt, token } }) =>
      Effect.withFiber((fiber) => {
        const age = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() - requestedAt
        metrics.tokenUsed(age, fiber.context)
        return Effect.succeed(token)
      })
    ),
    invalidate: (stale: Redacted.Redacted) =>
      Effect.suspend(() => {
        if (current === undefined || !Equal.equals(current.token, stale)) return Effect.void
        current = undefined
        // A renewal in flight no longer falls back on the stale token, so let it finish.
        return renewals > 0 ? Effect.void : Cache.invalidate(cache, key)
      })
  }
})
