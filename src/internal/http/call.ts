import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import { Unauthenticated } from "../../domain/AccessToken.ts"
import { ApiError } from "../../domain/ApiError.ts"
import { classify } from "../../domain/classify.ts"
import { describe } from "../../domain/describe.ts"
import type { ExecuteOptions } from "../../domain/ExecuteOptions.ts"
import type { RawResponse } from "../../domain/RawResponse.ts"
import {
  invalidRequest,
  mayHaveBeenCarriedOut,
  type RateLimited,
  type RipioHttpError,
  ripioHttpError,
  TransportFailed
} from "../../domain/RipioHttpError.ts"
import { makeSanitizer } from "../../domain/sanitize.ts"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"
import type { AccountMetrics, OperationMetrics } from "../metrics.ts"
import { CurrentWrite, type ObservedWrite } from "./currentWrite.ts"
import type { Detach } from "./detach.ts"
import type { AccountErrors } from "./gate/accountErrors.ts"
import type { AccountGate } from "./gate/accountGate.ts"
import { CurrentPoll, type Poll } from "./gate/currentPoll.ts"
import type { AnyFiber, Permit, Visit, Waiter } from "./gate/visit.ts"
import { interpret } from "./interpret.ts"
import { isTransient, retryWith, wasNotSent, withoutAnnotations } from "./retry.ts"
import { Attempt, type SendOnce } from "./sendOnce.ts"

/** What the calls of one account share. */
export interface Account {
  readonly auth: {
    readonly accessToken: Effect.Effect<Redacted.Redacted, Unauthenticated | RipioHttpError>
    readonly invalidate: (stale: Redacted.Redacted) => Effect.Effect<void>
  }
  /** What is wrong with an access token, or `undefined`. */
  readonly checkToken: (token: Redacted.Redacted) => string | undefined
  readonly sendOnce: SendOnce
  readonly detach: Detach
  readonly gate: AccountGate
  readonly metrics: AccountMetrics
  readonly errors: AccountErrors
  /** The delays between the attempts. */
  readonly schedule: Schedule.Schedule<unknown, RipioHttpError>
}

/** A request, and how to name it and to decode its response: checked, and not read again. */
export interface CallOptions<A> extends ExecuteOptions<A> {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly annotations: NonNullable<ExecuteOptions<A>["annotations"]>
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

/** How a request that was sent fails. */
type SentFailure = TokenRefused | ApiError | RipioHttpError

/** How an attempt fails. */
type AttemptFailure = SentFailure | TokenUnavailable | Unauthenticated

/** The failure to reach the API, or `undefined` if there was a response. */
const failureOf = (failure: AttemptFailure): RipioHttpError | undefined => {
  const error = failure._tag === "TokenUnavailable" ? failure.error : failure
  return error._tag === "RipioHttpError" ? error : undefined
}

const classifyWrite = (response: RawResponse) => classify(response, { isWrite: true })

/** One call of an operation, across its attempts. */
export class Call<A> implements Visit {
  readonly fiber: AnyFiber
  readonly poll: Poll | undefined
  attempts = 0
  permit: Permit | undefined = undefined
  waiter: Waiter | undefined = undefined
  private readonly account: Account
  private readonly options: CallOptions<A>
  private readonly isWrite: boolean
  /** The worker that observes this write, if there is one. */
  private readonly write: ObservedWrite | undefined
  private readonly metrics: OperationMetrics
  /** The token that the API rejected. */
  private refused: TokenRefused | undefined = undefined

  constructor(account: Account, options: CallOptions<A>, fiber: AnyFiber) {
    const { method } = options.request
    this.fiber = fiber
    this.poll = fiber.getRef(CurrentPoll)
    this.account = account
    this.options = options
    this.isWrite = method !== "GET" && method !== "HEAD"
    this.write = this.isWrite ? fiber.getRef(CurrentWrite) : undefined
    this.metrics = account.metrics.forOperation(options.operation)
  }

  run(): Effect.Effect<A, Unauthenticated | ApiError | RipioHttpError> {
    const { account, fiber, poll, write } = this
    if (poll !== undefined) account.gate.join(poll, fiber.context)
    if (write !== undefined) write.isObserved = true
    return Effect.catch(this.startAttempt(), (failure) => this.recover(failure))
  }

  heldBack(reason: RateLimited): RipioHttpError {
    return ripioHttpError(this.options.operation, this.attempts, reason)
  }

  /** After the first attempt failed: a new token, then retries, and what the account learns from the last failure. */
  private recover(first: AttemptFailure): Effect.Effect<A, Unauthenticated | ApiError | RipioHttpError> {
    const { account, options, isWrite } = this
    const renewed = this.renewToken(first)
    const result =
      this.poll === undefined
        ? retryWith(renewed, {
            next: Effect.catch(this.nextAttempt(), (failure) => this.renewToken(failure)),
            schedule: account.schedule,
            isRepeatable: isWrite ? wasNotSent : isTransient,
            // Those of a create take time (a hash of the files), which would delay the retry.
            annotations: isWrite ? withoutAnnotations : () => options.annotations(undefined)
          })
        : // A poll is one request: the polling schedule repeats it.
          renewed
    return Effect.catch(result, (failure) => {
      const error = failure._tag === "TokenUnavailable" ? failure.error : failure
      this.metrics.failure(error, this.fiber.context)
      return Effect.andThen(account.errors.failed(options.operation, error), Effect.fail(error))
    })
  }

  /** After the API rejected the token, sends the request once more with a new one. Any other failure stays. */
  private renewToken(failure: AttemptFailure): Effect.Effect<A, Exclude<AttemptFailure, TokenRefused>> {
    if (failure._tag !== "TokenRefused") return Effect.fail(failure)
    const { auth } = this.account
    const drop = ({ error, token }: TokenRefused) => Effect.andThen(auth.invalidate(token), Effect.fail(error))
    if (this.refused !== undefined) return drop(failure)
    this.refused = failure
    return Effect.andThen(auth.invalidate(failure.token), Effect.catchTag(this.nextAttempt(), "TokenRefused", drop))
  }

  private nextAttempt(): Effect.Effect<A, AttemptFailure> {
    return Effect.suspend(() => this.startAttempt())
  }

  /** Sends the request once, and then leaves the gate. It asks the gate at once, so only code that runs may call it. */
  private startAttempt(): Effect.Effect<A, AttemptFailure> {
    const { gate } = this.account
    return Effect.onExitPrimitive(gate.isHoldingBack(this) ? this.sendAfterWait() : this.sendWithToken(), (exit) => {
      gate.end(this, exit, failureOf)
      return undefined
    })
  }

  /** A token may expire while the call waits, so it is requested afterwards. */
  private sendAfterWait(): Effect.Effect<A, AttemptFailure> {
    return Effect.flatMap(this.account.gate.wait(this), () => this.sendWithToken())
  }

  /** Sends the request once with the current token, as soon as the gate permits. */
  private sendWithToken(): Effect.Effect<A, AttemptFailure> {
    const { auth, checkToken, gate } = this.account
    return Effect.matchEffect(auth.accessToken, {
      onFailure: (error) => {
        const failure = Exit.fail<TokenUnavailable>({ _tag: "TokenUnavailable", error })
        // With a permit, `end` reports it.
        if (this.permit === undefined) gate.observe(failure, failureOf, this.poll, this.fiber, false)
        return failure
      },
      onSuccess: (token): Effect.Effect<A, AttemptFailure> => {
        const issue = checkToken(token)
        if (issue !== undefined) {
          return Effect.fail({ _tag: "TokenUnavailable", error: invalidRequest("accessToken", issue) })
        }
        // If the token is unchanged (a static token), the API would reject it again.
        if (this.refused !== undefined && Equal.equals(this.refused.token, token)) {
          return Effect.fail(this.refused.error)
        }
        return gate.enter(this) ? this.send(token) : this.sendAfterWait()
      }
    })
  }

  private send(token: Redacted.Redacted): Effect.Effect<A, SentFailure> {
    if (!this.isWrite) return this.exchange(token, ++this.attempts)
    if (this.write === undefined) return this.sendWrite(token)
    return Effect.andThen(
      this.write.beforeSend,
      Effect.suspend(() => this.sendWrite(token))
    )
  }

  /** Sends the request and interprets the response. */
  private exchange(token: Redacted.Redacted, number: number, sending?: Attempt): Effect.Effect<A, SentFailure> {
    const { account, fiber, metrics, options, permit } = this
    if (permit !== undefined) permit.isSent = true
    metrics.attempt(number, fiber.context)
    if (this.poll !== undefined) account.metrics.poll(fiber.context)
    return Effect.matchEffect(
      account.sendOnce(
        HttpClientRequest.bearerToken(options.request, token),
        this.secretsOf(token),
        { metrics, number, classify: this.isWrite ? classifyWrite : classify },
        sending
      ),
      {
        onFailure: (reason) => Effect.fail(ripioHttpError(options.operation, number, reason)),
        onSuccess: (response) => this.toResult(response, token, number)
      }
    )
  }

  /** Sends a write. Once the transport has it, it goes on if its caller is interrupted. */
  private sendWrite(token: Redacted.Redacted): Effect.Effect<A, SentFailure> {
    const { account, fiber, options, write } = this
    const { annotations, operation } = options
    const number = ++this.attempts
    const sending = new Attempt(options.request, fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())
    const exchange = withoutLoss(
      // A client that throws before it sends is a defect of the exchange.
      Effect.suspend(() => this.exchange(token, number, sending)),
      { operation, sending, attempts: number, secrets: this.secretsOf(token) }
    )
    if (write !== undefined) write.attempt = sending
    let permit: Permit | undefined
    return account.detach(exchange, {
      stop: () => {
        if (sending.isHandedOver) {
          // The exchange goes on in its place.
          permit = account.gate.takePermit(this)
          return false
        }
        // What is not handed over yet is not sent any later.
        sending.end()
        return true
      },
      onDetached: (exit) =>
        // The caller's fiber may have ended, and then it has no context.
        Effect.withFiber((fiber) => {
          if (permit !== undefined) account.gate.returnPermit(permit, exit, failureOf, fiber)
          return logDetached(operation, annotations, exit)
        })
    })
  }

  private secretsOf(token: Redacted.Redacted): ReadonlyArray<Redacted.Redacted> {
    return this.refused === undefined ? [token] : [token, this.refused.token]
  }

  private toResult(response: RawResponse, token: Redacted.Redacted, number: number): Effect.Effect<A, SentFailure> {
    const { account, options, isWrite } = this
    const meaning = interpret(response, options.decode, { isWrite })
    switch (meaning._tag) {
      case "Success":
        account.errors.succeeded(options.operation)
        return Effect.succeed(meaning.value)
      case "Unauthenticated": {
        const error = withoutStackTrace(() => new Unauthenticated({ ...meaning, refused: "token", attempts: number }))
        return Effect.fail({ _tag: "TokenRefused", token, error })
      }
      case "ApiError":
        return Effect.fail(withoutStackTrace(() => new ApiError({ ...meaning, attempts: number })))
      default:
        return Effect.fail(ripioHttpError(options.operation, number, meaning, response.requestId))
    }
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
  annotations: CallOptions<A>["annotations"],
  exit: Exit.Exit<A, SentFailure>
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

const describeExit = (exit: Exit.Exit<unknown, SentFailure>): string => {
  if (Exit.isSuccess(exit)) return "carried it out"
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error === undefined) return "may have carried it out"
  const { message } = error._tag === "TokenRefused" ? error.error : error
  const isAmbiguous = error._tag === "RipioHttpError" && mayHaveBeenCarriedOut(error.reason)
  return `${isAmbiguous ? "may have carried it out" : "did not carry it out"}: ${message}`
}
