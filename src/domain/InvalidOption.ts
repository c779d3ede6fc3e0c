/**
 * The error of an option that cannot work.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * An option has a value that cannot work: a base URL that is not a URL, an empty credential, a negative duration.
 *
 * A layer fails with it while it is built, before anything is sent. The value is not shown, because it may be a secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("effect-ripio-tickets/InvalidOption")(
  "InvalidOption",
  {
    /** The option's name, such as `baseUrl`, or the name of the environment variable. */
    option: Schema.String,
    /** What is wrong with the value. */
    issue: Schema.String
  }
) {
  override get message() {
    return `${this.option}: ${this.issue}`
  }
}

/** Checks a duration option that JavaScript may have filled with anything. */
export const checkDuration = (
  option: string,
  input: Duration.Input,
  isValid: (duration: Duration.Duration) => boolean,
  issue: string
): Result.Result<Duration.Duration, InvalidOption> => {
  const duration = Duration.fromInput(input)
  return Option.isSome(duration) && isValid(duration.value) && !isZeroByMistake(duration.value, input)
    ? Result.succeed(duration.value)
    : Result.fail(new InvalidOption({ option, issue }))
}

/** `Duration` reads `NaN` as zero, and objects with no number in a unit that it knows. */
const isZeroByMistake = (duration: Duration.Duration, input: Duration.Input): boolean => {
  if (!Duration.isZero(duration) || Duration.isDuration(input)) return false
  if (typeof input !== "object") return Number.isNaN(input)
  const values: ReadonlyArray<unknown> = Object.values(input)
  return !values.includes(0) || values.some((value) => value !== 0 && value !== undefined)
}
