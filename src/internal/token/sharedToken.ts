import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { renewAfter } from "../../domain/AccessToken.ts"
import { describe } from "../../domain/describe.ts"
import { sanitize } from "../../domain/sanitize.ts"
import { timeoutOrElse } from "../http/timeoutOrElse.ts"
import { ageOf, type CachedToken, type RequestToken } from "./requestToken.ts"
import type { TokenStore } from "./tokenStore.ts"

// A store that needs longer than a token request is of no use.
const storeTimeout = Duration.seconds(2)

// A renewal that was drawn waits for a part of this time and reads the store again, so that processes that draw at the same
// moment do not all request a token.
const spreadMillis = 1000

/** The age at which the renewal of a token is due. */
const renewalDue = ({ expiresAfter }: CachedToken): number =>
  Duration.toMillis(renewAfter(Duration.millis(expiresAfter)))

/**
 * The probability of a renewal: 0 when it is due, 60 s before the token expires, and 1 when it expires in 10 s. A shorter
 * lifetime has the same proportions.
 */
const renewalProbability = (token: CachedToken, age: number): number =>
  (age - renewalDue(token)) / ((token.expiresAfter - renewalDue(token)) * (5 / 6))

/**
 * Takes the token from a store that several processes share, and requests one only if the store has none, or if this process
 * is drawn to renew it. There is no lock: two processes may request a token at the same time, and both tokens are valid.
 */
export const makeSharedToken = (requestToken: RequestToken, store: TokenStore): RequestToken => {
  let isWarned = false

  /** The result, or `undefined` if the store fails, which is logged once until the store works again. */
  const orUndefined = <A>(effect: Effect.Effect<A, unknown>): Effect.Effect<A | undefined> =>
    Effect.flatMap(
      timeoutOrElse(Effect.exit(effect), {
        duration: storeTimeout,
        orElse: (): Effect.Effect<Exit.Exit<A, unknown>> =>
          Effect.succeed(Exit.fail(new Error(`no response within ${Duration.format(storeTimeout)}`)))
      }),
      Exit.match({
        onSuccess: (result) => {
          isWarned = false
          return Effect.succeed(result)
        },
        onFailure: (cause) => {
          if (isWarned) return Effect.succeed(undefined)
          isWarned = true
          const reason = sanitize.text(describe(Cause.squash(cause)))
          return Effect.as(
            Effect.ignoreCause(
              Effect.logWarning(`The store of access tokens failed. Each process requests its own token: ${reason}`)
            ),
            undefined
          )
        }
      })
    )

  const readStore = orUndefined(store.read)

  return ({ current, refused, retry }) => {
    const renew = Effect.tap(requestToken({ current, refused, retry }), (token) => orUndefined(store.write(token)))

    /** The token of the store, if it can be used and is newer than the current one. */
    const newerToken = Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const stored = yield* readStore
      if (stored === undefined || ageOf(stored, clock) >= stored.expiresAfter) return undefined
      if (refused !== undefined && Equal.equals(stored.token, refused)) return undefined
      return current === undefined || ageOf(stored, clock) < ageOf(current, clock) ? stored : undefined
    })

    return Effect.gen(function* () {
      const stored = yield* newerToken
      const clock = yield* Clock.Clock
      if (current === undefined) {
        if (stored === undefined) return yield* renew
        // The caller does not wait for a renewal: the cache starts it.
        return ageOf(stored, clock) < renewalDue(stored) ? stored : { ...stored, renewAfter: 0 }
      }
      const newest = stored ?? current
      const age = ageOf(newest, clock)
      if (age < renewalDue(newest)) return newest
      const probability = renewalProbability(newest, age)
      if ((yield* Random.next) >= probability) {
        return { ...newest, renewAfter: age + 1000 + 2000 * (yield* Random.next) }
      }
      if (probability < 1) {
        yield* Effect.sleep(spreadMillis * (yield* Random.next))
        const renewed = yield* newerToken
        if (renewed !== undefined && ageOf(renewed, clock) < renewalDue(renewed)) return renewed
      }
      return yield* renew
    })
  }
}
