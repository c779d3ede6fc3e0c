import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import { Unauthenticated } from "../../domain/AccessToken.ts"
import { ApiError } from "../../domain/ApiError.ts"
import { type Classification, classify, unexpectedResponse } from "../../domain/classify.ts"
import { describeSchemaError } from "../../domain/describeSchemaError.ts"
import type { ExecuteOptions } from "../../domain/ExecuteOptions.ts"
import type { RawResponse } from "../../domain/RawResponse.ts"
import { makeSanitizer } from "../../domain/sanitize.ts"
import { type RipioHttpError, ripioHttpError, TransportFailed } from "../../domain/RipioHttpError.ts"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"
import * as metrics from "../metrics.ts"
import type { Detach } from "./detach.ts"
import { isTransient, retryWith, wasNotSent } from "./retry.ts"
import { Attempt, type SendOnce } from "./sendOnce.ts"

/** Sends a request of an account and decodes the response. */
export type Execute = <A>(
  request: HttpClientRequest.HttpClientRequest,
  options: ExecuteOptions<A>
) => Effect.Effect<A, Unauthenticated | ApiError | RipioHttpError>

type Decode<A> = ExecuteOptions<A>["decode"]

/** The meaning of a response: its decoded value, or what `classify` says. */
export const interpret = <A>(
  response: RawResponse,
  decode: Decode<A>,
  options: { readonly isWrite: boolean }
): { readonly _tag: "Success"; readonly value: A } | Exclude<Classification, { readonly _tag: "Success" }> => {
  const classification = classify(response, options)
  if (classification._tag !== "Success") return classification
  const decoded = decode(classification.json)
  if (Result.isSuccess(decoded)) return { _tag: "Success", value: decoded.success }
  const { failure } = decoded
  return unexpectedResponse(response, typeof failure === "string" ? failure : describeSchemaError(failure))
}

/** The API rejected the token of an attempt. */
interface TokenRefused {
  readonly _tag: "TokenRefused"
  readonly token: Redacted.Redacted
  readonly error: Unauthenticated
}

/** There is no token. `AuthService` has already repeated what is safe to repeat, so `retryWith` must not. */
interface TokenUnavailable {
  readonly _tag: "TokenUnavailable"
  readonly error: Unauthenticated | RipioHttpError
}

/** The state of one call across its attempts. */
interface Call {
  readonly context: Context.Context<never>
  attempts: number
  refused: TokenRefused | undefined
}

const withoutAnnotations = () => Effect.succeed({})

/** Turns a defect of the client or the tracer into an error once the request may have been sent. */
const withoutLoss = <A, E>(
  result: Effect.Effect<A, E>,
  {
    attempts,
    operation,
    secrets,
    sending
  }: {
    readonly operation: string
    readonly sending: Attempt
    readonly attempts: number
    readonly secrets: ReadonlyArray<Redacted.Redacted>
  }
) =>
  Effect.catchDefect(result, (defect): Effect.Effect<never, RipioHttpError> => {
    const description = `the client failed: ${makeSanitizer(secrets).text(String(defect))}`
    const mayHaveBeenSent = sending.isHandedOver
    const failure = Effect.fail(
      ripioHttpError(operation, attempts, new TransportFailed({ description, mayHaveBeenSent }))
    )
    return mayHaveBeenSent
      ? Effect.andThen(
          Effect.logError(`${operation}: a defect after the request may have been sent: ${description}`),
          failure
        )
      : failure
  })

/** Logs how a write ended whose caller was interrupted. The caller cannot know it. */
const logDetached = <A>(
  operation: string,
  annotations: NonNullable<ExecuteOptions<A>["annotations"]>,
  exit: Exit.Exit<A, TokenRefused | Unauthenticated | ApiError | RipioHttpError>
): Effect.Effect<void> =>
  Effect.flatMap(annotations(Exit.isSuccess(exit) ? exit.value : undefined), (details) =>
    Effect.logWarning(
      Exit.isSuccess(exit)
        ? `${operation}: the caller was interrupted, and the API carried it out`
        : `${operation}: the caller was interrupted, and the API may have carried it out: ${describeCause(exit.cause)}`
    ).pipe(Effect.annotateLogs(details))
  )

const describeCause = (cause: Cause.Cause<TokenRefused | Unauthenticated | ApiError | RipioHttpError>): string => {
  const error = Cause.squash(cause)
  return typeof error === "object" && error !== null && "message" in error
    ? String(error.message)
    : "the token was rejected"
}

/** Creates an {@link Execute}. */
export const makeExecute = ({
  auth,
  baseUrl,
  detach,
  schedule,
  sendOnce
}: {
  readonly baseUrl: string
  readonly auth: {
    readonly accessToken: Effect.Effect<Redacted.Redacted, Unauthenticated | RipioHttpError>
    readonly invalidate: (stale: Redacted.Redacted) => Effect.Effect<void>
  }
  readonly sendOnce: SendOnce
  readonly detach: Detach
  readonly schedule: Schedule.Schedule<unknown, RipioHttpError>
}): Execute => {
  return <A>(
    request: HttpClientRequest.HttpClientRequest,
    { annotations = withoutAnnotations, decode, operation }: ExecuteOptions<A>
  ) => {
    const count = metrics.forOperation(operation)
    const isWrite = request.method !== "GET" && request.method !== "HEAD"
    const addressed = request.pipe(HttpClientRequest.prependUrl(baseUrl), HttpClientRequest.acceptJson)

    const toResult = (
      response: RawResponse,
      token: Redacted.Redacted,
      attempts: number
    ): Effect.Effect<A, TokenRefused | ApiError | RipioHttpError> => {
      const meaning = interpret(response, decode, { isWrite })
      switch (meaning._tag) {
        case "Success":
          return Effect.succeed(meaning.value)
        case "Unauthenticated": {
          const error = withoutStackTrace(() => new Unauthenticated({ ...meaning, refused: "token", attempts }))
          return Effect.fail({ _tag: "TokenRefused", token, error })
        }
        case "ApiError":
          return Effect.fail(withoutStackTrace(() => new ApiError({ ...meaning, attempts })))
        default:
          return Effect.fail(ripioHttpError(operation, attempts, meaning, response.requestId))
      }
    }

    /** Sends the request once with the current token. */
    const attempt = (
      call: Call
    ): Effect.Effect<A, TokenUnavailable | TokenRefused | Unauthenticated | ApiError | RipioHttpError> =>
      Effect.matchEffect(auth.accessToken, {
        onFailure: (error) => Effect.fail<TokenUnavailable>({ _tag: "TokenUnavailable", error }),
        onSuccess: (token): Effect.Effect<A, TokenRefused | Unauthenticated | ApiError | RipioHttpError> => {
          // If the token is unchanged (a static token), the API would reject it again.
          if (call.refused !== undefined && Equal.equals(call.refused.token, token)) {
            return Effect.fail(call.refused.error)
          }
          const attempts = ++call.attempts
          count.attempt(attempts, call.context)
          const secrets = call.refused === undefined ? [token] : [token, call.refused.token]
          const authorized = HttpClientRequest.bearerToken(addressed, token)
          const sending = isWrite ? new Attempt(authorized) : undefined
          const result = Effect.matchEffect(sendOnce(authorized, secrets, sending), {
            onFailure: (reason) => Effect.fail(ripioHttpError(operation, attempts, reason)),
            onSuccess: (response) => toResult(response, token, attempts)
          })
          return sending === undefined
            ? result
            : detach(withoutLoss(result, { operation, sending, attempts, secrets }), {
                isUnstoppable: () => sending.isHandedOver,
                onDetached: (exit) => logDetached(operation, annotations, exit)
              })
        }
      })

    /** Sends the request, and once more with a new token if the API rejects the token. */
    const attemptWithRenewal = (
      call: Call
    ): Effect.Effect<A, TokenUnavailable | Unauthenticated | ApiError | RipioHttpError> =>
      Effect.catchTag(attempt(call), "TokenRefused", (refused) => {
        if (call.refused !== undefined) return Effect.fail(refused.error)
        call.refused = refused
        const again = Effect.catchTag(attempt(call), "TokenRefused", ({ error }) => Effect.fail(error))
        return Effect.andThen(auth.invalidate(refused.token), again)
      })

    const isRepeatable = isWrite ? wasNotSent : isTransient
    return Effect.withFiber(({ context }) => {
      const call: Call = { context, attempts: 0, refused: undefined }
      return Effect.catch(retryWith(attemptWithRenewal(call), schedule, isRepeatable), (failure) => {
        const error = failure._tag === "TokenUnavailable" ? failure.error : failure
        return Effect.andThen(count.failure(error), Effect.fail(error))
      })
    })
  }
}
