/**
 * The error of an option that cannot work.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"

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
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("InvalidOption")
  }
  override get message() {
    return `${this.option}: ${this.issue}`
  }
}

/**
 * Reads an option and checks it. JavaScript may pass anything, so a value that throws while it is read, such as a getter or
 * a revoked proxy, is an invalid option too.
 */
export const checkOption = <A>(
  option: string,
  check: () => Result.Result<A, InvalidOption>
): Result.Result<A, InvalidOption> => {
  try {
    return check()
  } catch {
    return Result.fail(new InvalidOption({ option, issue: "expected a value that can be read" }))
  }
}

/** Whether a value is an object, whose fields are options. */
export const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Checks the object that holds the options. */
export const checkOptionsObject = (options: unknown): Result.Result<void, InvalidOption> =>
  isObject(options) ? Result.void : Result.fail(new InvalidOption({ option: "options", issue: "expected an object" }))

/** Checks a duration option. The result is a copy, so that nothing can change after the check. */
export const checkDuration = (
  option: string,
  input: Duration.Input,
  isValid: (duration: Duration.Duration) => boolean,
  issue: string
): Result.Result<Duration.Duration, InvalidOption> => {
  const duration = Option.getOrUndefined(readDuration(input))
  return duration !== undefined && isValid(duration) && !isZeroByMistake(duration, input)
    ? Result.succeed(duration)
    : Result.fail(new InvalidOption({ option, issue }))
}

const readDuration = Option.liftThrowable((input: Duration.Input): Duration.Duration => {
  // An object may only look like a `Duration`.
  const millis: unknown = Duration.toMillis(Duration.fromInputUnsafe(input))
  if (typeof millis !== "number" || Number.isNaN(millis)) throw new TypeError("not a duration")
  return Duration.millis(millis)
})

/** `Duration` reads `NaN` as zero, and objects with no number in a unit that it knows. */
const isZeroByMistake = (duration: Duration.Duration, input: Duration.Input): boolean => {
  if (!Duration.isZero(duration) || Duration.isDuration(input)) return false
  if (typeof input !== "object") return Number.isNaN(input)
  const values: ReadonlyArray<unknown> = Object.values(input)
  return !values.includes(0) || values.some((value) => value !== 0 && value !== undefined)
}
