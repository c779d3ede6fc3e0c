import * as Redacted from "effect/Redacted"

const longest = 512
const gone = "<redacted>"

// What carries a credential, wherever it stands: an echoed header, a query or form, a JSON field.
const credentials = [
  /\b(Bearer|Basic)(\s+|%20|\+)(?:\\[^\s"']|[^\s"'<>&,;\\]){8,}/gi,
  /\b((?:access|refresh|id)_?token|client_?secret)((?:\\*["']|&quot;|%22)?\s*(?:[=:]|%3D|%3A)\s*(?:\\*["']|&quot;|%22)?)(?:\\[^\s"']|[^\s"'<>&,;\\])+/gi
]
const credentialField = /^(?:(?:access|refresh|id)_?token|client_?secret)$/i

const entities: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" }
const hex = (code: number, length = 2) => code.toString(16).padStart(length, "0")
const units = (char: string) => char.split("").map((unit) => unit.charCodeAt(0))
const utf8 = new TextEncoder()

/** A pattern of one character: as it is, in JSON, in a URL or form, in HTML; also where one stands within another. */
const written = (char: string): string => {
  const code = char.codePointAt(0) ?? 0
  const entity = [`#0*${code}`, `#x0*${hex(code)}`, ...(entities[char] === undefined ? [] : [entities[char]])]
  return [
    `\\\\{0,7}${char.replace(/[\^$\\.*+?()[\]{}|/]/gu, "\\$&")}`,
    units(char)
      .map((unit) => `\\\\{1,7}u${hex(unit, 4)}`)
      .join(""),
    Array.from(utf8.encode(char), (byte) => `%(?:25)?${hex(byte)}`).join(""),
    `&(?:amp;)?(?:${entity.join("|")});`,
    ...(char === " " ? ["\\+"] : [])
  ].join("|")
}

// A token serves for hours, and its pattern is long.
const patterns = new WeakMap<Redacted.Redacted, RegExp>()

const inAnyForm = (secret: Redacted.Redacted): RegExp => {
  const known = patterns.get(secret)
  if (known !== undefined) return known
  const pattern = new RegExp(Array.from(Redacted.value(secret), (char) => `(?:${written(char)})`).join(""), "giu")
  patterns.set(secret, pattern)
  return pattern
}

/** Takes out our own secrets, however they are escaped, and whatever else looks like a credential. */
export const scrub = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  const isEscaped = /[\\%&+]/u.test(text)
  let scrubbed = text
  for (const secret of secrets) {
    scrubbed = isEscaped ? scrubbed.replace(inAnyForm(secret), gone) : scrubbed.replaceAll(Redacted.value(secret), gone)
  }
  for (const pattern of credentials) scrubbed = scrubbed.replace(pattern, `$1$2${gone}`)
  return scrubbed
}

// Whoever prints an error goes through its details recursively: nothing may be nested beyond the stack.
const deepest = 100

/**
 * The same JSON with every text in it scrubbed, and not nested beyond measure. Done to the text of the JSON, the
 * scrubbing could leave no JSON at all.
 */
export const scrubJson = (json: unknown, secrets: ReadonlyArray<Redacted.Redacted>, depth = 0): unknown => {
  if (typeof json === "string") return scrub(json, secrets)
  if (typeof json !== "object" || json === null) return json
  if (depth > deepest) return "…"
  if (Array.isArray(json)) return json.map((item) => scrubJson(item, secrets, depth + 1))
  return Object.fromEntries(
    Object.entries(json).map(([key, value]: [string, unknown]) => [
      scrub(key, secrets),
      credentialField.test(key) ? gone : scrubJson(value, secrets, depth + 1)
    ])
  )
}

/** The beginning of a text that has been scrubbed, for an error to carry: at most 512 characters. */
export const excerpt = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`)
