import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { TokenText } from "../domain/AccessToken.ts"
import { InvalidOption } from "../domain/InvalidOption.ts"
import { type RequestOptions, retrySchedule } from "../domain/RetryPolicy.ts"

const isTokenText = Schema.is(TokenText)

const invalid = (option: string, issue: string) => Effect.fail(new InvalidOption({ option, issue }))

const duration = (option: string, input: Duration.Input) =>
  Option.match(
    Option.filter(Duration.fromInput(input), (duration) => Duration.isPositive(duration)),
    {
      onNone: () => invalid(option, "expected a duration above zero"),
      onSome: Effect.succeed
    }
  )

export const requestOptions = Effect.fnUntraced(function* ({
  retry = {},
  timeout = Duration.seconds(10)
}: RequestOptions) {
  if (!Schedule.isSchedule(retry)) {
    if (retry.base !== undefined) yield* duration("retry.base", retry.base)
    if (retry.max !== undefined) yield* duration("retry.max", retry.max)
    const times = retry.times ?? 0
    if (!Number.isInteger(times) || times < 0) {
      return yield* invalid("retry.times", "expected a whole number that is not negative")
    }
  }
  return { timeout: yield* duration("timeout", timeout), schedule: retrySchedule(retry) }
})

// From JavaScript anything may come, a plain text in place of a `Redacted` or nothing at all.
const isText = (value: unknown): value is string => typeof value === "string"

/** RFC 7617: the client id ends at the first colon, and neither part holds a control character. */
export const clientId = (value: string) =>
  isText(value) && /^[^:\p{Cc}]*[^:\p{Cc}\s][^:\p{Cc}]*$/u.test(value)
    ? Effect.succeed(value)
    : invalid("clientId", "expected some text without a colon and without control characters")

const redacted = (option: string, secret: Redacted.Redacted, isGood: (value: string) => boolean, issue: string) => {
  if (!Redacted.isRedacted(secret)) return invalid(option, "expected a Redacted")
  const value = Redacted.value(secret)
  return isText(value) && isGood(value) ? Effect.succeed(secret) : invalid(option, issue)
}

export const clientSecret = (secret: Redacted.Redacted) =>
  redacted(
    "clientSecret",
    secret,
    (value) => /^\P{Cc}*[^\p{Cc}\s]\P{Cc}*$/u.test(value),
    "expected some text without control characters"
  )

export const token = (token: Redacted.Redacted) =>
  redacted("token", token, isTokenText, "expected visible ASCII characters")
