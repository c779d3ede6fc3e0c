import { inspect } from "node:util"
import * as Base64 from "effect/encoding/Base64"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

/**
 * What must not be seen anywhere. It is only letters and digits, so that no escaping changes it, and every secret of the
 * tests that watch for it holds it several times.
 */
export const marker = ["cAnArY", "7k"].join("")

export const clientId = "partner-arg"
export const clientSecret = `${marker}Secret"&<>'/+ %é\\?${marker}~>?${marker}Secret`
/** Visible ASCII with whatever JSON, HTML, URLs and regular expressions treat in their own way. */
export const token = (name: string) => `${marker}${name}/+=&"<>'\\%,;.*$(${marker})[]{}^|?~${marker}${name}`

const credentials = Base64.encode(`${clientId}:${clientSecret}`)
export const basic = `Basic ${credentials}`

const pieceLength = 12
// The client id may be seen, and so may the part of the header that holds no more than it.
const start = Base64.encode(`${clientId}:`).length
const pieces = Array.from({ length: credentials.length - start - pieceLength }, (_, index) =>
  credentials.slice(start + index, start + index + pieceLength).toLowerCase()
)

/** The secrets that a text contains, whole or in part. The result does not show them. */
export const sightings = (text: string): ReadonlyArray<string> => {
  const lower = text.toLowerCase()
  return [
    ...(lower.includes(marker.toLowerCase()) ? ["the canary"] : []),
    ...(pieces.some((piece) => lower.includes(piece)) ? ["the basic credentials"] : [])
  ]
}

const attempt = (print: () => string | undefined) => {
  try {
    return print() ?? ""
  } catch {
    return ""
  }
}

/** A value in every form in which it may come to be printed. */
export const printed = (value: unknown): string => {
  const all = { showHidden: true, depth: Infinity, getters: true, maxArrayLength: null, maxStringLength: null }
  const causes = Exit.isExit(value) ? (Exit.isFailure(value) ? [value.cause] : []) : Cause.isCause(value) ? [value] : []
  return [
    inspect(value, all),
    inspect(value, { ...all, customInspect: false }),
    attempt(() => String(value)),
    attempt(() => JSON.stringify(value)),
    ...causes.map(exported),
    ...(value instanceof Error ? [value.message, exported(Cause.fail(value)), exported(Cause.die(value))] : [])
  ].join("\n")
}

/** A cause as a logger or an exporter of traces prints it. */
export const exported = (cause: Cause.Cause<unknown>): string =>
  [
    Cause.pretty(cause),
    inspect(cause, { showHidden: true, depth: Infinity }),
    attempt(() => JSON.stringify(cause)),
    ...Cause.prettyErrors(cause).flatMap(({ message, name, stack }) => [name, message, stack ?? ""])
  ].join("\n")
