import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { BearerToken } from "../domain/AccessToken.ts"
import type { AwaitOptions } from "../domain/AwaitOptions.ts"
import { baseUrlOf, type Environment } from "../domain/Environment.ts"
import type { GateOptions } from "../domain/GateOptions.ts"
import { checkDuration, checkOption, checkOptionsObject, InvalidOption, isObject } from "../domain/InvalidOption.ts"
import type { RequestOptions, RetryPolicy } from "../domain/RequestOptions.ts"
import { retrySchedule } from "./http/retry.ts"

type Checked<A> = Result.Result<A, InvalidOption>

const invalid = (option: string, issue: string): Checked<never> => Result.fail(new InvalidOption({ option, issue }))

export const positiveDuration = (option: string, input: Duration.Input): Checked<Duration.Duration> =>
  checkDuration(option, input, Duration.isPositive, "expected a duration above zero")

export const nonNegativeDuration = (option: string, input: Duration.Input): Checked<Duration.Duration> =>
  checkDuration(option, input, (duration) => !Duration.isNegative(duration), "expected a duration that is not negative")

export const positiveInt = (option: string, value: number): Checked<number> =>
  Number.isInteger(value) && value >= 1 ? Result.succeed(value) : invalid(option, "expected a whole number above zero")

export const nonNegativeInt = (option: string, value: number): Checked<number> =>
  Number.isInteger(value) && value >= 0
    ? Result.succeed(value)
    : invalid(option, "expected a whole number that is not negative")

export const nonEmptyText = (option: string, value: string): Checked<string> =>
  value === "" ? invalid(option, "expected some text") : Result.succeed(value)

/** How the requests of an account are sent. */
export interface CheckedRequestOptions {
  readonly baseUrl: string
  readonly timeout: Duration.Duration
  readonly schedule: ReturnType<typeof retrySchedule>
}

export const requestOptions = (
  options: RequestOptions & { readonly environment: Environment }
): Checked<CheckedRequestOptions> =>
  Result.gen(function* () {
    yield* checkOptionsObject(options)
    return {
      baseUrl: yield* checkOption("environment", () => baseUrlOf(options.environment)),
      schedule: yield* checkOption("retry", () => retryOption(options.retry)),
      timeout: yield* checkOption("timeout", () => {
        const { timeout = Duration.seconds(10) } = options
        return positiveDuration("timeout", timeout)
      })
    }
  })

const retryOption = (retry: RetryPolicy = {}): Checked<CheckedRequestOptions["schedule"]> =>
  Result.gen(function* () {
    if (Schedule.isSchedule(retry)) return retrySchedule(retry)
    if (!isObject(retry)) return yield* invalid("retry", "expected an object or a Schedule")
    const { base, max, times } = retry
    return retrySchedule({
      base: base === undefined ? undefined : yield* positiveDuration("retry.base", base),
      max: max === undefined ? undefined : yield* positiveDuration("retry.max", max),
      times: times === undefined ? undefined : yield* nonNegativeInt("retry.times", times)
    })
  })

/** The credentials of an account, and how its requests are sent. */
export const accountOptions = (
  options: RequestOptions & {
    readonly environment: Environment
    readonly clientId: string
    readonly clientSecret: Redacted.Redacted
  }
): Checked<CheckedRequestOptions & { readonly clientId: string; readonly clientSecret: Redacted.Redacted }> =>
  Result.gen(function* () {
    return {
      ...(yield* requestOptions(options)),
      clientId: yield* checkOption("clientId", () => clientId(options.clientId)),
      clientSecret: yield* checkOption("clientSecret", () => clientSecret(options.clientSecret))
    }
  })

/** Checks a schedule. JavaScript may pass another object. */
export const scheduleOption = <S extends Schedule.Schedule<unknown, never>>(schedule: S): Checked<S> =>
  Schedule.isSchedule(schedule) ? Result.succeed(schedule) : invalid("schedule", "expected a Schedule")

/** How long to wait for an outcome, and how often to poll. */
export interface WaitOptions {
  readonly schedule: AwaitOptions["schedule"]
  readonly deadline: Duration.Duration
}

export const defaultWaitOptions: WaitOptions = { schedule: undefined, deadline: Duration.minutes(15) }

/** The options of `awaitOutcome`, `changes` and `raise`. */
export const waitOptions = (options: AwaitOptions | undefined): Checked<WaitOptions> =>
  options === undefined
    ? Result.succeed(defaultWaitOptions)
    : Result.gen(function* () {
        yield* checkOptionsObject(options)
        return {
          deadline: yield* checkOption("deadline", () => {
            const { deadline = defaultWaitOptions.deadline } = options
            return nonNegativeDuration("deadline", deadline)
          }),
          schedule: yield* checkOption("schedule", () => {
            const { schedule } = options
            return schedule === undefined ? Result.succeed(undefined) : scheduleOption(schedule)
          })
        }
      })

/** The checked options of the account gate. */
export interface CheckedGateOptions {
  readonly concurrency: number
  readonly rateLimit: { readonly limit: number; readonly window: Duration.Duration } | undefined
  readonly account: string | undefined
}

export const gateOptions = (options: RequestOptions): Checked<CheckedGateOptions> =>
  checkOption("gate", () => checkGate(options.gate))

const checkGate = (gate: GateOptions = {}): Checked<CheckedGateOptions> =>
  Result.gen(function* () {
    if (!isObject(gate)) return yield* invalid("gate", "expected an object")
    const { account, concurrency = 32, rateLimit } = gate
    if (
      account !== undefined &&
      (!isString(account) || !/^[^\p{Cc}]{1,100}$/u.test(account) || account.trim() === "")
    ) {
      return yield* invalid("gate.account", "expected some text of at most 100 characters")
    }
    if (rateLimit !== undefined && !isObject(rateLimit)) {
      return yield* invalid("gate.rateLimit", "expected an object with a limit and a window")
    }
    return {
      account,
      concurrency: yield* positiveInt("gate.concurrency", concurrency),
      rateLimit:
        rateLimit === undefined
          ? undefined
          : {
              limit: yield* positiveInt("gate.rateLimit.limit", rateLimit.limit),
              window: yield* checkDuration(
                "gate.rateLimit.window",
                rateLimit.window,
                (window) => Duration.isFinite(window) && Duration.isPositive(window),
                "expected a duration above zero that ends"
              )
            }
    }
  })

// JavaScript may pass anything: a plain string instead of a `Redacted`, or nothing.
const isString = (value: unknown): value is string => typeof value === "string"

/** RFC 7617: the client id ends at the first colon, and neither part contains a control character. */
const clientId = (value: string): Checked<string> =>
  isString(value) && !/[:\p{Cc}]/u.test(value) && /\S/u.test(value)
    ? Result.succeed(value)
    : invalid("clientId", "expected some text without a colon and without control characters")

const redacted = (
  option: string,
  secret: Redacted.Redacted,
  isValid: (value: string) => boolean,
  issue: string
): Checked<Redacted.Redacted> => {
  if (!Redacted.isRedacted(secret)) return invalid(option, "expected a Redacted")
  const value = valueOf(secret)
  if (value === undefined) return invalid(option, "expected a Redacted made by this copy of effect and not wiped")
  return isString(value.value) && isValid(value.value) ? Result.succeed(secret) : invalid(option, issue)
}

const valueOf = (secret: Redacted.Redacted): { readonly value: unknown } | undefined => {
  try {
    return { value: Redacted.value(secret) }
  } catch {
    return undefined
  }
}

const clientSecret = (secret: Redacted.Redacted): Checked<Redacted.Redacted> =>
  redacted(
    "clientSecret",
    secret,
    (value) => !/\p{Cc}/u.test(value) && /\S/u.test(value),
    "expected some text without control characters"
  )

const isBearerToken = Schema.is(BearerToken)

export const token = (token: Redacted.Redacted): Checked<Redacted.Redacted> =>
  redacted("token", token, isBearerToken, "expected visible ASCII characters")

export const tokenOptions = (options: { readonly token: Redacted.Redacted }): Checked<Redacted.Redacted> =>
  Result.flatMap(checkOptionsObject(options), () => checkOption("token", () => token(options.token)))

const encoder = new TextEncoder()

/** The text of a secret, or `undefined` if it is not text, or if its `Redacted` was wiped or is of another copy of Effect. */
const textOf = (secret: unknown): string | undefined => {
  if (!Redacted.isRedacted(secret)) return undefined
  try {
    const text = Redacted.value(secret)
    return isString(text) ? text : undefined
  } catch {
    return undefined
  }
}

/** The bytes of a webhook secret. */
export const webhookSecret = (option: string, secret: unknown): Checked<Uint8Array<ArrayBuffer>> => {
  const text = textOf(secret)
  if (text === undefined) {
    return invalid(option, "expected a Redacted text, made by this copy of effect and not wiped")
  }
  // White space left from a file or a form would make every signature wrong.
  if (/^\s|\s$|\p{Cc}/u.test(text)) {
    return invalid(option, "expected no white space at its ends and no control character")
  }
  const bytes = encoder.encode(text)
  return bytes.length < 16 ? invalid(option, "expected at least 16 bytes") : Result.succeed(bytes)
}

const toleranceSide = (option: string, input: Duration.Input): Checked<Duration.Duration> =>
  checkDuration(
    option,
    input,
    Duration.isPositive,
    "expected a duration above zero, or Duration.infinity to turn the check off"
  )

interface Window<A> {
  readonly past: A
  readonly future: A
}

const isWindow = (
  input: Duration.Input | Partial<Window<Duration.Input | undefined>>
): input is Partial<Window<Duration.Input | undefined>> =>
  typeof input === "object" &&
  input !== null &&
  !Array.isArray(input) &&
  !Duration.isDuration(input) &&
  Object.keys(input).every((key) => key === "past" || key === "future")

/** How long ago and how far in the future an event may have been issued. One duration applies to both. */
export const webhookTolerance = (
  input: Duration.Input | Partial<Window<Duration.Input | undefined>> = {}
): Checked<Window<Duration.Duration>> =>
  Result.gen(function* () {
    if (!isWindow(input)) {
      const both = yield* toleranceSide("tolerance", input)
      return { past: both, future: both }
    }
    const { future = Duration.minutes(5), past = Duration.days(3) } = input
    return {
      past: yield* toleranceSide("tolerance.past", past),
      future: yield* toleranceSide("tolerance.future", future)
    }
  })
