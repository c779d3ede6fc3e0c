import * as Cache from "effect/Cache"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { TokenMetrics } from "../metrics.ts"
import { ageOf, type CachedToken, type RequestToken } from "./requestToken.ts"

// After a failed renewal, the current token is used for this long before the next renewal is tried.
const renewalRetryDelay = 5_000

const key = "token"

/**
 * Caches the token of one account. An unexpired token is returned at once and renewed in the background, in the scope of
 * the cache. Only callers without one wait, and they share one request. Closing the scope interrupts a renewal, or waits for
 * it if other processes need its token.
 */
export const makeTokenCache = Effect.fnUntraced(function* (
  requestToken: RequestToken,
  metrics: TokenMetrics,
  { finishesRenewal }: { readonly finishesRenewal: boolean } = { finishesRenewal: false }
) {
  const scope = yield* Effect.scope
  let current: CachedToken | undefined
  // The token that the API refused, until there is another one.
  let refused: Redacted.Redacted | undefined
  // The age at which the current token is renewed.
  let renewAfter = 0
  let renewal: Fiber.Fiber<unknown, unknown> | undefined

  const store = (token: CachedToken): CachedToken => {
    refused = undefined
    renewAfter = token.renewAfter
    return (current = token)
  }

  const requestNext = Effect.suspend(() => requestToken({ retry: false, current, refused }))

  const replaceCurrent = Effect.matchCauseEffect(requestNext, {
    onSuccess: (token) =>
      Effect.sync(() => {
        // Requested before the API refused this token, so a new request may return another one.
        if (refused === undefined || !Equal.equals(token.token, refused)) store(token)
      }),
    // No caller sees the failure, so it is logged.
    onFailure: (cause) =>
      Clock.clockWith((clock) => {
        const age = current === undefined ? Infinity : ageOf(current, clock)
        renewAfter = age + renewalRetryDelay
        const message =
          current !== undefined && age < current.expiresAfter
            ? "The access token could not be renewed yet. The current one is still valid"
            : "The access token could not be renewed. The next call requests a new one"
        return Option.match(Cause.findErrorOption(cause), {
          onSome: (error) => Effect.logWarning(`${message}: ${error.message}`),
          onNone: () => Effect.logWarning(message, cause)
        })
      })
  })

  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosed = true
      return finishesRenewal && renewal !== undefined ? Fiber.await(renewal) : Effect.void
    })
  )

  // Runs in the context of the call that starts it (logger, tracer, options of the client), but lives as long as the scope.
  const runRenewal = Effect.withFiber((fiber) => {
    renewal = fiber
    return replaceCurrent
  })
  const startRenewal = finishesRenewal
    ? Effect.forkDetach(runRenewal, { startImmediately: true })
    : Effect.forkIn(runRenewal, scope, { startImmediately: true })

  const isRenewing = () => isClosed || (renewal !== undefined && renewal.pollUnsafe() === undefined)

  /** The token of the renewal in flight, or else of a new request. */
  const nextToken = Effect.gen(function* () {
    const old = current
    if (renewal !== undefined) yield* Fiber.await(renewal)
    // A token that has just arrived serves the callers that waited for it, however short its lifetime.
    if (current !== undefined && current !== old) return current
    const token = store(yield* requestToken({ retry: true, current: undefined, refused }))
    if (token.renewAfter === 0) yield* startRenewal
    return token
  })

  // Keeps nothing: concurrent callers share a lookup, which is cancelled when the last of them is interrupted.
  const inFlight = yield* Cache.makeWith((_: typeof key) => nextToken, {
    capacity: 1,
    timeToLive: () => Duration.zero
  })

  const use = ({ token }: CachedToken, age: number, fiber: Fiber.Fiber<unknown, unknown>) => {
    metrics.used(age, fiber.context)
    return Effect.succeed(token)
  }

  const waitForToken = Effect.flatMap(Cache.get(inFlight, key), (received) =>
    Effect.withFiber((fiber) => use(received, ageOf(received, fiber.getRef(Clock.Clock)), fiber))
  )

  return {
    accessToken: Effect.withFiber((fiber) => {
      const cached = current
      if (cached === undefined) return waitForToken
      const clock = fiber.getRef(Clock.Clock)
      const age = ageOf(cached, clock)
      if (age >= cached.expiresAfter) return waitForToken
      if (age < renewAfter || isRenewing()) return use(cached, age, fiber)
      return Effect.flatMap(startRenewal, () => {
        // A client that responds without a wait has renewed it already.
        const newest = current ?? cached
        return use(newest, ageOf(newest, clock), fiber)
      })
    }),
    // A renewal in flight goes on, and later callers wait for it.
    invalidate: (stale: Redacted.Redacted) =>
      Effect.sync(() => {
        if (current === undefined || !Equal.equals(current.token, stale)) return
        current = undefined
        refused = stale
      })
  }
})
