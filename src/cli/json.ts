import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

// A terminal acts on these characters, and JSON may contain them.
const unsafe = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu

const escape = (char: string): string =>
  Array.from({ length: char.length }, (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`).join(
    ""
  )

/**
 * A value of the library as one line of JSON, for programs in any language: durations in milliseconds, times in ISO 8601,
 * and the message of each error.
 */
export const toJsonLine = (value: object): string => JSON.stringify(plain(value)).replace(unsafe, escape)

const plain = (value: unknown): unknown => {
  if (Duration.isDuration(value)) return Duration.toMillis(value)
  if (DateTime.isDateTime(value)) return DateTime.formatIso(value)
  // `JSON.stringify` does not show its value.
  if (Redacted.isRedacted(value)) return value
  if (Array.isArray(value)) return value.map(plain)
  if (!Predicate.isObject(value)) return value
  const fields = Object.entries(value).map(([key, field]) => [key, plain(field)])
  return Object.fromEntries(
    value instanceof Error ? [["_tag", value.name], ["message", value.message], ...fields] : fields
  )
}
