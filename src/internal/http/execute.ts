import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
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
import {
  invalidRequest,
  mayHaveBeenCarriedOut,
  type RipioHttpError,
  ripioHttpError,
  TransportFailed
} from "../../domain/RipioHttpError.ts"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"
import type { AccountMetrics } from "../metrics.ts"
import { token } from "../options.ts"
import type { AccountErrors } from "./gate/accountErrors.ts"
import type { AccountGate } from "./gate/accountGate.ts"
import { CurrentPoll } from "./gate/currentPoll.ts"
import { CurrentWrite, type ObservedWrite } from "./currentWrite.ts"
import type { Detach } from "./detach.ts"
import { isTransient, retryWith, wasNotSent } from "./retry.ts"
import { Attempt, type SendOnce } from "./sendOnce.ts"
import type { Permit, Visit } from "./gate/visit.ts"

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
    const addressed = HttpClientRequest.acceptJson(HttpClientRequest.prependUrl(request, baseUrl))
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
interface Call extends Visit {
  attempts: number
  refused: TokenRefused | undefined
}

/** The failure to reach the API, or `undefined` if there was a response. */
const failureOf = (error: AttemptFailure): RipioHttpError | undefined => {
  const cause = error._tag === "TokenUnavailable" ? error.error : error
  return cause._tag === "RipioHttpError" ? cause : undefined
}

const withoutAnnotations = () => Effect.succeed({})

const classifyWrite = (response: RawResponse) => classify(response, { isWrite: true })

/** Creates an {@link Execute}. */
export const makeExecute = ({
  accountErrors,
  auth,
  baseUrl,
  detach,
  gate,
  metrics,
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
  readonly gate: AccountGate
  readonly metrics: AccountMetrics
  readonly accountErrors: AccountErrors
  readonly schedule: Schedule.Schedule<unknown, RipioHttpError>
}): Execute => {
  const isUsable = makeTokenCheck()

  const run = <A>({ annotations, decode, operation, request }: CheckedCall<A>) => {
    const count = metrics.forOperation(operation)
    const isWrite = request.method !== "GET" && request.method !== "HEAD"
    const classifyResponse = isWrite ? classifyWrite : classify

    const toResult = (
      response: RawResponse,
      token: Redacted.Redacted,
      attempts: number
    ): Effect.Effect<A, AttemptError> => {
      const meaning = interpret(response, decode, { isWrite })
      switch (meaning._tag) {
        case "Success":
          accountErrors.succeeded(operation)
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

    /** Sends the request once. */
    const send = (call: Call, token: Redacted.Redacted): Effect.Effect<A, AttemptError> => {
      const write = isWrite ? call.fiber.getRef(CurrentWrite) : undefined
      return write === undefined
        ? sendNow(call, token, undefined)
        : Effect.andThen(
            write.beforeSend,
            Effect.suspend(() => sendNow(call, token, write))
          )
    }

    const sendNow = (
      call: Call,
      token: Redacted.Redacted,
      write: ObservedWrite | undefined
    ): Effect.Effect<A, AttemptError> => {
      const { context } = call.fiber
      const attempts = ++call.attempts
      if (call.permit !== undefined) call.permit.isSent = true
      count.attempt(attempts, context)
      if (call.poll !== undefined) metrics.poll(context)
      const secrets = call.refused === undefined ? [token] : [token, call.refused.token]
      const authorized = HttpClientRequest.bearerToken(request, token)
      const sending = isWrite
        ? new Attempt(authorized, call.fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())
        : undefined
      const result = Effect.matchEffect(
        sendOnce(authorized, secrets, { metrics: count, number: attempts, classify: classifyResponse }, sending),
        {
          onFailure: (reason) => Effect.fail(ripioHttpError(operation, attempts, reason)),
          onSuccess: (response) => toResult(response, token, attempts)
        }
      )
      if (sending === undefined) return result
      if (write !== undefined) write.attempt = sending
      let permit: Permit | undefined
      return detach(withoutLoss(result, { operation, sending, attempts, secrets }), {
        stop: () => {
          if (sending.isHandedOver) {
            // The exchange goes on in its place.
            permit = gate.takePermit(call)
            return false
          }
          // What is not handed over yet is not sent any later.
          sending.end()
          return true
        },
        onDetached: (exit) =>
          // The caller's fiber may have ended, and then it has no context.
          Effect.withFiber((fiber) => {
            if (permit !== undefined) gate.returnPermit(permit, exit, failureOf, fiber)
            return logDetached(operation, annotations, exit)
          })
      })
    }

    /** Sends the request once with the current token, as soon as the gate permits. */
    const sendWithToken = (call: Call): Effect.Effect<A, AttemptFailure> =>
      Effect.matchEffect(auth.accessToken, {
        onFailure: (error) => {
          const failure = Exit.fail<TokenUnavailable>({ _tag: "TokenUnavailable", error })
          // With a permit, `end` reports it.
          if (call.permit === undefined) gate.observe(failure, failureOf, call.poll, call.fiber, false)
          return failure
        },
        onSuccess: (token): Effect.Effect<A, AttemptFailure> => {
          const issue = isUsable(token)
          if (issue !== undefined) {
            return Effect.fail({ _tag: "TokenUnavailable", error: invalidRequest("accessToken", issue) })
          }
          // If the token is unchanged (a static token), the API would reject it again.
          if (call.refused !== undefined && Equal.equals(call.refused.token, token)) {
            return Effect.fail(call.refused.error)
          }
          return gate.enter(call) ? send(call, token) : sendAfterWait(call)
        }
      })

    /** A token may expire while the call waits, so it is requested afterwards. */
    const sendAfterWait = (call: Call) => Effect.flatMap(gate.wait(call), () => sendWithToken(call))

    /** Sends the request once from now on, and leaves the gate. */
    const start = (call: Call): Effect.Effect<A, AttemptFailure> =>
      Effect.onExitPrimitive(gate.isHoldingBack(call) ? sendAfterWait(call) : sendWithToken(call), (exit) => {
        gate.end(call, exit, failureOf)
        return undefined
      })

    const attempt = (call: Call) => Effect.suspend(() => start(call))

    /** Sends the request once more with a new token. The API has rejected the one of this failure, if it is such a failure. */
    const renewToken = (
      call: Call,
      failure: AttemptFailure
    ): Effect.Effect<A, Exclude<AttemptFailure, TokenRefused>> => {
      if (failure._tag !== "TokenRefused") return Effect.fail(failure)
      const drop = ({ error, token }: TokenRefused) => Effect.andThen(auth.invalidate(token), Effect.fail(error))
      if (call.refused !== undefined) return drop(failure)
      call.refused = failure
      return Effect.andThen(auth.invalidate(failure.token), Effect.catchTag(attempt(call), "TokenRefused", drop))
    }

    const isRepeatable = isWrite ? wasNotSent : isTransient
    // Those of a create take time (a hash of the files), which would delay the retry.
    const retryAnnotations = isWrite ? withoutAnnotations : () => annotations(undefined)

    /** After a first attempt failed: a new token, then retries, and what the account learns from the last failure. */
    const recover = (
      call: Call,
      first: AttemptFailure
    ): Effect.Effect<A, Unauthenticated | ApiError | RipioHttpError> => {
      const renewed = renewToken(call, first)
      const retried =
        call.poll === undefined
          ? retryWith(
              renewed,
              Effect.catch(attempt(call), (failure) => renewToken(call, failure)),
              schedule,
              isRepeatable,
              retryAnnotations
            )
          : // A poll is one request: the polling schedule repeats it.
            renewed
      return Effect.catch(retried, (failure) => {
        const error = failure._tag === "TokenUnavailable" ? failure.error : failure
        return Effect.andThen(
          count.failure(error),
          Effect.andThen(accountErrors.failed(operation, error), Effect.fail(error))
        )
      })
    }

    return Effect.withFiber((fiber) => {
      const poll = fiber.getRef(CurrentPoll)
      if (poll !== undefined) gate.join(poll, fiber.context)
      const write = fiber.getRef(CurrentWrite)
      if (write !== undefined) write.isObserved = true
      const call: Call = {
        fiber,
        poll,
        heldBack: (reason) => ripioHttpError(operation, call.attempts, reason),
        permit: undefined,
        waiter: undefined,
        attempts: 0,
        refused: undefined
      }
      return Effect.catch(start(call), (failure) => recover(call, failure))
    })
  }

  return (request, options) => {
    const call = checkCall(baseUrl, request, options)
    return Result.isSuccess(call) ? run(call.success) : Effect.fail(invalidRequest("execute", call.failure))
  }
}

/** How a request that was sent fails. */
type AttemptError = TokenRefused | ApiError | RipioHttpError

/** How an attempt fails. */
type AttemptFailure = AttemptError | TokenUnavailable | Unauthenticated

/**
 * Creates a check of access tokens: what is wrong with a token, or `undefined`. A custom `AuthService` may return anything,
 * and a token may be wiped at any time. The characters of a token are checked once.
 */
const makeTokenCheck = () => {
  const checked = new WeakSet<Redacted.Redacted>()
  return (received: Redacted.Redacted): string | undefined => {
    if (checked.has(received) && isReadable(received)) return undefined
    const result = checkOption("token", () => token(received))
    if (Result.isFailure(result)) return result.failure.message
    checked.add(received)
    return undefined
  }
}

const isReadable = (secret: Redacted.Redacted): boolean => {
  try {
    Redacted.value(secret)
    return true
  } catch {
    return false
  }
}

/**
 * Turns every other end of a write (a defect of the client or the tracer, a client that interrupts itself) into an error
 * that says whether the request may have been sent.
 */
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
): Effect.Effect<A, E | RipioHttpError> =>
  Effect.catchCause(result, (cause): Effect.Effect<never, E | RipioHttpError> => {
    if (Cause.hasFails(cause)) return Effect.failCause(cause)
    const mayHaveBeenSent = !sending.end()
    const description = `the client failed: ${makeSanitizer(secrets).text(describe(Cause.squash(cause)))}`
    return Effect.andThen(
      mayHaveBeenSent
        ? Effect.ignoreCause(
            Effect.logError(`${operation}: a defect after the request may have been sent: ${description}`)
          )
        : Effect.void,
      Effect.fail(ripioHttpError(operation, attempts, new TransportFailed({ description, mayHaveBeenSent })))
    )
  })

/** Logs how a write ended whose caller was interrupted. The caller cannot know it. */
const logDetached = <A>(
  operation: string,
  annotations: CheckedCall<A>["annotations"],
  exit: Exit.Exit<A, AttemptError>
): Effect.Effect<void> =>
  Effect.suspend(() => annotations(Exit.isSuccess(exit) ? exit.value : undefined)).pipe(
    Effect.catchCause(withoutAnnotations),
    Effect.flatMap((details) =>
      Effect.annotateLogs(
        Effect.logWarning(`${operation}: the caller was interrupted, and the API ${describeExit(exit)}`),
        details
      )
    ),
    Effect.ignoreCause
  )

const describeExit = (exit: Exit.Exit<unknown, AttemptError>): string => {
  if (Exit.isSuccess(exit)) return "carried it out"
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error === undefined) return "may have carried it out"
  const { message } = error._tag === "TokenRefused" ? error.error : error
  const isAmbiguous = error._tag === "RipioHttpError" && mayHaveBeenCarriedOut(error.reason)
  return `${isAmbiguous ? "may have carried it out" : "did not carry it out"}: ${message}`
}
