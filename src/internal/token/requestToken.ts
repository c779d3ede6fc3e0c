import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { AccessTokenFromWire, renewAfter, Unauthenticated } from "../../domain/AccessToken.ts"
import { classifyTokenResponse, unexpectedResponse } from "../../domain/classify.ts"
import { describeSchemaError } from "../../domain/describeSchemaError.ts"
import { type RipioHttpError, ripioHttpError, type RipioHttpErrorReason } from "../../domain/RipioHttpError.ts"
import { stopwatchMillis } from "../http/monotonic.ts"
import { isTransient, retryWith } from "../http/retry.ts"
import type { SendOnce } from "../http/sendOnce.ts"
import { AccountMetrics, type TokenMetrics } from "../metrics.ts"
import { withSpan } from "../tracing.ts"

/** An access token and the ages, in milliseconds, at which it is renewed and expires. `renewAfter` is 0 if it is due now. */
export interface CachedToken {
  readonly token: Redacted.Redacted
  readonly requestedAt: Instant
  readonly renewAfter: number
  readonly expiresAfter: number
}

interface Instant {
  readonly wallMillis: number
  readonly monotonicMillis: number
}

const toInstant = (clock: Clock.Clock): Instant => ({
  wallMillis: clock.currentTimeMillisUnsafe(),
  monotonicMillis: stopwatchMillis(clock)
})

/**
 * The age of a token in milliseconds, on the clock that counted more: the wall clock may be set back, and the monotonic
 * clock may stop while the host sleeps.
 */
export const ageOf = ({ requestedAt }: CachedToken, clock: Clock.Clock): number =>
  Math.max(
    clock.currentTimeMillisUnsafe() - requestedAt.wallMillis,
    stopwatchMillis(clock) - requestedAt.monotonicMillis
  )

/** What a cache needs a token for. */
export interface TokenRequest {
  /** Whether the request is repeated by the retry policy. */
  readonly retry: boolean
  /** The unexpired token that is to be renewed, if there is one. */
  readonly current: CachedToken | undefined
  /** The token that the API has refused. */
  readonly refused: Redacted.Redacted | undefined
}

/** Requests a token, or takes one that another process has requested. */
export type RequestToken = (request: TokenRequest) => Effect.Effect<CachedToken, Unauthenticated | RipioHttpError>

const operation = "accessToken"
const path = "/oauth2/token/"
const decodeToken = Schema.decodeUnknownResult(AccessTokenFromWire)

/** Acquire Access Token: `POST /oauth2/token/`. */
export const makeRequestToken = (options: {
  readonly baseUrl: string
  readonly account: string | undefined
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
  readonly sendOnce: SendOnce
  readonly metrics: TokenMetrics
  readonly schedule: Schedule.Schedule<unknown, RipioHttpError>
}): RequestToken => {
  const count = new AccountMetrics(options).forOperation(operation)
  const credentials = Redacted.make(Base64.encode(`${options.clientId}:${Redacted.value(options.clientSecret)}`))
  const request = HttpClientRequest.post(`${options.baseUrl}${path}`).pipe(
    HttpClientRequest.setHeader("authorization", `Basic ${Redacted.value(credentials)}`),
    HttpClientRequest.acceptJson,
    HttpClientRequest.bodyUrlParams({ grant_type: "client_credentials" })
  )

  const attempt = Effect.fnUntraced(function* (attempts: number) {
    const fail = (reason: RipioHttpErrorReason, requestId?: string) =>
      Effect.fail(ripioHttpError(operation, attempts, reason, requestId))

    count.attempt(attempts, yield* Effect.context())
    // The server's lifetime begins later than this, so the token expires here first.
    const requestedAt = yield* Clock.clockWith((clock) => Effect.sync(() => toInstant(clock)))
    const response = yield* Effect.catch(
      options.sendOnce(request, [options.clientSecret, credentials], {
        metrics: count,
        number: attempts,
        classify: classifyTokenResponse
      }),
      (reason) => fail(reason)
    )
    const classification = classifyTokenResponse(response)
    switch (classification._tag) {
      case "Success": {
        const decoded = decodeToken(classification.json)
        // The body may contain the token in a shape that cannot be decoded.
        if (Result.isFailure(decoded)) {
          const reason = unexpectedResponse({ ...response, body: undefined }, describeSchemaError(decoded.failure))
          return yield* fail(reason, response.requestId)
        }
        const { lifetime, token } = decoded.success
        return {
          token,
          requestedAt,
          renewAfter: Duration.toMillis(renewAfter(lifetime)),
          expiresAfter: Duration.toMillis(lifetime)
        }
      }
      case "Unauthenticated":
        return yield* new Unauthenticated({ ...classification, refused: "credentials", attempts })
      default:
        return yield* fail(classification, response.requestId)
    }
  })

  return ({ retry }) =>
    Effect.suspend(() => {
      let attempts = 0
      const next = Effect.suspend(() => attempt(++attempts))
      return retry ? retryWith(next, { next, schedule: options.schedule, isRepeatable: isTransient }) : next
    }).pipe(
      Effect.tap(options.metrics.renewed),
      Effect.tapError((error) => Effect.map(Effect.context(), (context) => count.failure(error, context))),
      withSpan("AuthService.accessToken", { urlTemplate: path })
    )
}
