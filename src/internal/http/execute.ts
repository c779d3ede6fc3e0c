import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import { Unauthenticated } from "../../domain/AccessToken.ts"
import { ApiError } from "../../domain/ApiError.ts"
import { type Classification, classify, unexpectedResponse } from "../../domain/classify.ts"
import { describe } from "../../domain/describe.ts"
import { describeSchemaError } from "../../domain/describeSchemaError.ts"
import type { ExecuteOptions } from "../../domain/ExecuteOptions.ts"
import { checkOption, isObject } from "../../domain/InvalidOption.ts"
import type { RawResponse } from "../../domain/RawResponse.ts"
import { makeSanitizer } from "../../domain/sanitize.ts"
import { invalidRequest, type RipioHttpError, ripioHttpError, TransportFailed } from "../../domain/RipioHttpError.ts"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"
import * as metrics from "../metrics.ts"
import { token } from "../options.ts"
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
  try {
    const decoded = decode(classification.json)
    if (Result.isSuccess(decoded)) return { _tag: "Success", value: decoded.success }
    const { failure } = decoded
    return unexpectedResponse(response, typeof failure === "string" ? failure : describeSchemaError(failure))
  } catch (defect) {
    // The response has arrived, whatever the decoder does with it.
    return unexpectedResponse(response, `it could not be decoded: ${describe(defect)}`)
  }
}

/** A request and its options, read once. */
interface CheckedCall<A> extends ExecuteOptions<A> {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly annotations: NonNullable<ExecuteOptions<A>["annotations"]>
}

/** Checks the arguments of a call, which JavaScript may have filled with anything. A failure describes the problem. */
const checkCall = <A>(
  baseUrl: string,
  request: HttpClientRequest.HttpClientRequest,
  options: ExecuteOptions<A>
): Result.Result<CheckedCall<A>, string> => {
  try {
    if (!HttpClientRequest.isHttpClientRequest(request) || !HttpBody.isHttpBody(request.body)) {
      return Result.fail("request: expected an HttpClientRequest")
    }
    const addressed = request.pipe(HttpClientRequest.prependUrl(baseUrl), HttpClientRequest.acceptJson)
    if (typeof addressed.method !== "string") return Result.fail("request: expected a method")
    if (!isObject(options)) return Result.fail("options: expected an object")
    const { annotations = withoutAnnotations, decode, operation } = options
    if (typeof operation !== "string") return Result.fail("operation: expected some text")
    if (typeof decode !== "function") return Result.fail("decode: expected a function")
    if (typeof annotations !== "function") return Result.fail("annotations: expected a function")
    return Result.succeed({ request: addressed, annotations, decode, operation })
  } catch {
    return Result.fail("request: expected an HttpClientRequest and options that can be read")
  }
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
  attempts: number
  refused: TokenRefused | undefined
}

const withoutAnnotations = () => Effect.succeed({})

const describeCause = (cause: Cause.Cause<TokenRefused | ApiError | RipioHttpError>): string => {
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
  const unavailable = (error: TokenUnavailable["error"]): Effect.Effect<never, TokenUnavailable> =>
    Effect.fail({ _tag: "TokenUnavailable", error })

  const accessToken = Effect.matchEffect(auth.accessToken, {
    onFailure: unavailable,
    // A custom `AuthService` may return anything, and a token may be wiped at any time.
    onSuccess: (received) => {
      const checked = checkOption("token", () => token(received))
      return Result.isSuccess(checked)
        ? Effect.succeed(checked.success)
        : unavailable(invalidRequest("accessToken", checked.failure.message))
    }
  })

  const run = <A>({ annotations, decode, operation, request }: CheckedCall<A>) => {
    const count = metrics.forOperation(operation)
    const isWrite = request.method !== "GET" && request.method !== "HEAD"

    /** Logs how a write ended whose caller was interrupted. The caller cannot know it. */
    const logDetached = (exit: Exit.Exit<A, TokenRefused | ApiError | RipioHttpError>): Effect.Effect<void> =>
      Effect.suspend(() => annotations(Exit.isSuccess(exit) ? exit.value : undefined)).pipe(
        Effect.catchCause(withoutAnnotations),
        Effect.flatMap((details) =>
          Effect.logWarning(
            Exit.isSuccess(exit)
              ? `${operation}: the caller was interrupted, and the API carried it out`
              : `${operation}: the caller was interrupted, and the API may have carried it out: ${describeCause(exit.cause)}`
          ).pipe(Effect.annotateLogs(details))
        ),
        Effect.ignoreCause
      )

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

    /** Turns a defect of the client or the tracer into an error once the request may have been sent. */
    const withoutLoss = <E>(
      result: Effect.Effect<A, E>,
      sending: Attempt,
      attempts: number,
      secrets: ReadonlyArray<Redacted.Redacted>
    ) =>
      Effect.catchDefect(result, (defect): Effect.Effect<never, RipioHttpError> => {
        if (!sending.isHandedOver) return Effect.die(defect)
        const description = `the client failed: ${makeSanitizer(secrets).text(describe(defect))}`
        return Effect.andThen(
          Effect.ignoreCause(
            Effect.logError(`${operation}: a defect after the request may have been sent: ${description}`)
          ),
          Effect.fail(ripioHttpError(operation, attempts, new TransportFailed({ description, mayHaveBeenSent: true })))
        )
      })

    /** Sends the request once with the current token. */
    const attempt = (
      call: Call
    ): Effect.Effect<A, TokenUnavailable | TokenRefused | Unauthenticated | ApiError | RipioHttpError> =>
      Effect.flatMap(accessToken, (token) =>
        Effect.withFiber((fiber): Effect.Effect<A, TokenRefused | Unauthenticated | ApiError | RipioHttpError> => {
          // If the token is unchanged (a static token), the API would reject it again.
          if (call.refused !== undefined && Equal.equals(call.refused.token, token)) {
            return Effect.fail(call.refused.error)
          }
          const attempts = ++call.attempts
          count.attempt(attempts, fiber.context)
          const secrets = call.refused === undefined ? [token] : [token, call.refused.token]
          const authorized = HttpClientRequest.bearerToken(request, token)
          const sending = new Attempt(authorized)
          const result = Effect.matchEffect(sendOnce(authorized, secrets, sending), {
            onFailure: (reason) => Effect.fail(ripioHttpError(operation, attempts, reason)),
            onSuccess: (response) => toResult(response, token, attempts)
          })
          return isWrite
            ? detach(withoutLoss(result, sending, attempts, secrets), {
                isUnstoppable: () => sending.isHandedOver,
                onDetached: logDetached
              })
            : result
        })
      )

    /** Sends the request, and once more with a new token if the API rejects the token. */
    const attemptWithRenewal = (
      call: Call
    ): Effect.Effect<A, TokenUnavailable | Unauthenticated | ApiError | RipioHttpError> =>
      attempt(call).pipe(
        Effect.catchTag("TokenRefused", (refused) => {
          if (call.refused !== undefined) return Effect.fail(refused.error)
          call.refused = refused
          return Effect.andThen(auth.invalidate(refused.token), attempt(call))
        }),
        Effect.catchTag("TokenRefused", ({ error }) => Effect.fail(error))
      )

    const isRepeatable = isWrite ? wasNotSent : isTransient
    return Effect.suspend(() =>
      retryWith(attemptWithRenewal({ attempts: 0, refused: undefined }), schedule, isRepeatable)
    ).pipe(
      Effect.catchTag("TokenUnavailable", ({ error }) => Effect.fail(error)),
      Effect.tapError(count.failure)
    )
  }

  return (request, options) => {
    const call = checkCall(baseUrl, request, options)
    return Result.isSuccess(call) ? run(call.success) : Effect.fail(invalidRequest("execute", call.failure))
  }
}
