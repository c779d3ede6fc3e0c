import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { Unauthenticated } from "../domain/AccessToken.ts"
import { type Answer, classify, unexpected } from "../domain/classify.ts"
import { ApiError } from "../domain/ApiError.ts"
import { baseUrlOf, type Environment } from "../domain/Environment.ts"
import { issueOf } from "../domain/describeSchemaError.ts"
import type { RequestOptions } from "../domain/RetryPolicy.ts"
import {
  type RipioHttpError,
  ripioHttpError,
  type RipioHttpErrorReason,
  ServerFailed
} from "../domain/RipioHttpError.ts"
import { makeExchange } from "../internal/http/sendOnce.ts"
import * as metrics from "../internal/metrics.ts"
import { requestOptions } from "../internal/options.ts"
import { passing, patient, retrying, unsent } from "../internal/http/retry.ts"
import { stackless } from "../domain/withoutStackTrace.ts"
import { AuthService } from "./AuthService.ts"

/**
 * What to do with a request and its answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExecuteOptions<A> {
  /** A short name for the operation, one of a few: errors, logs and the labels of metrics carry it. */
  readonly operation: string
  /** Reads the JSON of a 2xx answer: `Schema.decodeUnknownResult(schema)`, built once. A string says what is wrong. */
  readonly decode: (json: unknown) => Result.Result<A, Schema.SchemaError | string>
  /** What the log of a request that was interrupted under way says besides, to find out what became of it. */
  readonly annotations?: Record<string, unknown>
}

/**
 * The Ripio Ramp API as the library sees it: base URL, bearer token, a time limit for each attempt, the retry of what is
 * safe to repeat, and typed errors. It knows nothing of tickets, so it serves for the API's other endpoints too.
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
 * @category services
 * @since 0.1.0
 */
export class RipioHttp extends Context.Service<
  RipioHttp,
  {
    /**
     * Sends a request whose URL is a path, such as `/api/v1/supportTickets/`, and reads its answer.
     *
     * A `GET` or `HEAD` is repeated by the retry policy; any other method only if it certainly was not sent. A token that
     * the API refuses is dropped, and the request sent once more with a new one. Interrupting a request that may have
     * changed something logs a warning.
     *
     * Fails with `Unauthenticated` if the credentials, or two tokens in a row, are refused; with `ApiError` if the API
     * refuses the request with an error body of its own; with `RipioHttpError` if there is no usable answer.
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

/**
 * Builds {@link RipioHttp} on an `AuthService` and any `HttpClient`. Fails with `InvalidOption` before anything is sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeRipioHttp = Effect.fnUntraced(function* (options: RipioHttpOptions) {
  const auth = yield* AuthService
  const baseUrl = yield* Effect.fromResult(baseUrlOf(options.environment))
  const { schedule, timeout } = yield* requestOptions(options)
  const exchange = yield* makeExchange(timeout)
  const retrySchedule = patient(schedule)
  // The series of an operation cost more to name than to count in.
  const series = new Map<string, ReturnType<typeof metrics.forOperation>>()
  const countOf = (operation: string) => {
    const known = series.get(operation)
    if (known !== undefined) return known
    const count = metrics.forOperation(operation)
    series.set(operation, count)
    return count
  }

  const execute = <A>(
    request: HttpClientRequest.HttpClientRequest,
    { annotations = {}, decode, operation }: ExecuteOptions<A>
  ): Effect.Effect<A, Failure> => {
    const count = countOf(operation)
    const addressed = request.pipe(HttpClientRequest.prependUrl(baseUrl), HttpClientRequest.acceptJson)
    const isSafe = request.method === "GET" || request.method === "HEAD"

    const unseen = () =>
      Effect.annotateLogs(
        Effect.logWarning(`${operation}: interrupted under way, so it may have been carried out unseen`),
        annotations
      )

    return Effect.withFiber((fiber) => {
      let attempts = 0
      let tokenFailure: Unauthenticated | RipioHttpError | undefined
      let refused: { readonly token: Redacted.Redacted; readonly error: Unauthenticated } | undefined

      const fail = (reason: RipioHttpErrorReason, requestId?: string) =>
        Effect.fail(ripioHttpError(operation, attempts, reason, requestId))

      const read = (answer: Answer, token: Redacted.Redacted): Effect.Effect<A, Failure> => {
        const classification = classify(answer)
        switch (classification._tag) {
          case "Success": {
            const decoded = decode(classification.json)
            return Result.isSuccess(decoded)
              ? Effect.succeed(decoded.success)
              : fail(
                  unexpected(answer, typeof decoded.failure === "string" ? decoded.failure : issueOf(decoded.failure)),
                  answer.requestId
                )
          }
          case "Unauthenticated": {
            // Of a server that fails, nobody knows how far it came.
            if (!isSafe && answer.status >= 500) {
              return fail(new ServerFailed({ status: answer.status }), answer.requestId)
            }
            const error = stackless(() => new Unauthenticated({ ...classification, refused: "token", attempts }))
            if (refused !== undefined) return Effect.fail(error)
            refused = { token, error }
            return Effect.andThen(auth.invalidate(token), attempt)
          }
          case "ApiError":
            return Effect.fail(stackless(() => new ApiError({ ...classification, attempts })))
          default:
            return fail(classification, answer.requestId)
        }
      }

      const token = Effect.tapError(auth.accessToken, (error) =>
        Effect.sync(() => {
          tokenFailure = error
        })
      )

      const attempt: Effect.Effect<A, Failure> = Effect.flatMap(token, (token) => {
        // A token service that has nothing else to offer gives the same token again: it is not worth a request.
        if (refused !== undefined && Equal.equals(refused.token, token)) return Effect.fail(refused.error)
        count.attempt(++attempts, fiber.context)
        const secrets = refused === undefined ? [token] : [token, refused.token]
        const answer = exchange(HttpClientRequest.bearerToken(addressed, token), secrets)
        return Effect.matchEffect(isSafe ? answer : Effect.onInterrupt(answer, unseen), {
          onSuccess: (answer) => read(answer, token),
          onFailure: (reason) => fail(reason)
        })
      })

      // The token client has repeated what may be repeated of its failures: they do not start the schedule again.
      const mayRepeat = (error: RipioHttpError) => error !== tokenFailure && (isSafe ? passing(error) : unsent(error))
      return Effect.tapError(retrying(attempt, retrySchedule, mayRepeat), count.failure)
    })
  }

  return RipioHttp.of({ execute })
})

type Failure = Unauthenticated | ApiError | RipioHttpError
