import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type { HttpClient } from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { AccessTokenFromWire, renewAfter, Unauthenticated } from "../domain/AccessToken.ts"
import { classifyGrant, unexpected } from "../domain/classify.ts"
import { baseUrlOf, type Environment } from "../domain/Environment.ts"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import { issueOf } from "../domain/describeSchemaError.ts"
import type { RequestOptions } from "../domain/RetryPolicy.ts"
import { type RipioHttpError, ripioHttpError, type RipioHttpErrorReason } from "../domain/RipioHttpError.ts"
import { makeExchange } from "../internal/http/sendOnce.ts"
import * as metrics from "../internal/metrics.ts"
import { clientId, clientSecret, requestOptions } from "../internal/options.ts"
import { passing, patient, retrying } from "../internal/http/retry.ts"
import { withSpan } from "../internal/tracing.ts"
import { AuthService } from "../services/AuthService.ts"

/**
 * The credentials of one account, and how its tokens are obtained.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends RequestOptions {
  readonly environment: Environment
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
}

/** A token in use. Times are in milliseconds of the `Clock`. */
interface Grant {
  readonly token: Redacted.Redacted
  readonly grantedAt: number
  readonly renewAt: number
  readonly expiresAt: number
}

const operation = "accessToken"
const decodeToken = Schema.decodeUnknownResult(AccessTokenFromWire)

// For how many milliseconds the old token serves after an early renewal has failed, before the next one is tried.
const renewalPause = 5_000

const make = Effect.fnUntraced(function* (options: Options) {
  const baseUrl = yield* Effect.fromResult(baseUrlOf(options.environment))
  const id = yield* clientId(options.clientId)
  const secret = yield* clientSecret(options.clientSecret)
  const { schedule, timeout } = yield* requestOptions(options)
  const exchange = yield* makeExchange(timeout)
  const retrySchedule = patient(schedule)
  const count = metrics.forOperation(operation)

  const credentials = Redacted.make(Base64.encode(`${id}:${Redacted.value(secret)}`))
  const request = HttpClientRequest.post(`${baseUrl}/oauth2/token/`).pipe(
    HttpClientRequest.setHeader("authorization", `Basic ${Redacted.value(credentials)}`),
    HttpClientRequest.acceptJson,
    HttpClientRequest.bodyUrlParams({ grant_type: "client_credentials" })
  )

  /** Asks the token endpoint: once, or by the retry policy. */
  const obtain = (repeat: boolean): Effect.Effect<Grant, Unauthenticated | RipioHttpError> =>
    Effect.suspend(() => {
      let attempts = 0
      const fail = (reason: RipioHttpErrorReason, requestId?: string) =>
        Effect.fail(ripioHttpError(operation, attempts, reason, requestId))

      const attempt = Effect.gen(function* () {
        count.attempt(++attempts, yield* Effect.context())
        // The lifetime began at the server some time after this.
        const grantedAt = yield* Clock.currentTimeMillis
        const answer = yield* Effect.catch(exchange(request, [secret, credentials]), (reason) => fail(reason))
        const classification = classifyGrant(answer)
        switch (classification._tag) {
          case "Success": {
            const decoded = decodeToken(classification.json)
            // The body of a grant that cannot be read may still hold the token.
            if (Result.isFailure(decoded)) {
              return yield* fail(unexpected({ ...answer, body: undefined }, issueOf(decoded.failure)), answer.requestId)
            }
            const { lifetime, token } = decoded.success
            return {
              token,
              grantedAt,
              renewAt: grantedAt + Duration.toMillis(renewAfter(lifetime)),
              expiresAt: grantedAt + Duration.toMillis(lifetime)
            }
          }
          case "Unauthenticated":
            return yield* new Unauthenticated({ ...classification, refused: "credentials", attempts })
          default:
            return yield* fail(classification, answer.requestId)
        }
      })
      return repeat ? retrying(attempt, retrySchedule, passing) : attempt
    }).pipe(
      Effect.tap(Metric.update(metrics.tokenRenewals, 1)),
      Effect.tapError(count.failure),
      withSpan("AuthService.accessToken")
    )

  let current: Grant | undefined
  let renewals = 0

  const isGood = (grant: Grant) => Effect.map(Clock.currentTimeMillis, (now) => now < grant.expiresAt)

  /** A new token; or the old one for a little longer, while it is good and a new one cannot be had. */
  const renew = Effect.gen(function* () {
    const old = current
    if (old !== undefined && (yield* isGood(old))) {
      const early = yield* Effect.result(obtain(false))
      if (Result.isSuccess(early)) return (current = early.success)
      if (current === old && (yield* isGood(old))) {
        yield* Effect.logWarning(
          `The access token is not renewed yet, the old one still serves: ${early.failure.message}`
        )
        return old
      }
    }
    return (current = yield* obtain(true))
  })

  const lookup = Effect.fnUntraced(function* (_: typeof operation) {
    const grant = yield* Effect.acquireUseRelease(
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
    const fresh = grant.renewAt - now
    const servesFor = fresh > 0 ? fresh : Math.min(grant.expiresAt - now, renewalPause)
    return { grant, servesFor: Duration.millis(Math.max(servesFor, 0)) }
  })

  // One request serves all who wait for it, and whoever stops waiting does not end it for the others.
  const cache = yield* Cache.makeWith(lookup, {
    capacity: 1,
    timeToLive: Exit.match({ onFailure: () => Duration.zero, onSuccess: ({ servesFor }) => servesFor })
  })

  return AuthService.of({
    accessToken: Effect.withFiber((fiber) => {
      const use = ({ grantedAt, token }: Grant) => {
        metrics.tokenUsed(fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() - grantedAt, fiber.context)
        return Effect.succeed(token)
      }
      // Almost every call finds a fresh token. To ask the cache for it would be a tenth of the call.
      return current !== undefined && fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() < current.renewAt
        ? use(current)
        : Effect.flatMap(Cache.get(cache, operation), ({ grant }) => use(grant))
    }),
    invalidate: (stale) =>
      Effect.suspend(() => {
        if (current === undefined || !Equal.equals(current.token, stale)) return Effect.void
        current = undefined
        // A renewal under way does not fall back on it any more: it brings another.
        return renewals > 0 ? Effect.void : Cache.invalidate(cache, operation)
      })
  })
})

/**
 * Obtains the access token with the client credentials, and keeps it.
 *
 * - One request to the token endpoint, however many callers wait for it; one that stops waiting fails nobody else.
 * - Renewed 60 s before it expires, or at the half of a lifetime under two minutes; ten hours at most are believed. While
 *   an early renewal fails, the old token serves on.
 * - A failure is not kept: the next caller asks again.
 *
 * Fails with `InvalidOption` before anything is sent: no token is asked for until the first call needs one.
 *
 * @see Acquire Access Token
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<AuthService, InvalidOption, HttpClient> =>
  Layer.effect(AuthService, make(options))
