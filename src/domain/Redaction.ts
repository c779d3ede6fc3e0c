import * as Redacted from "effect/Redacted"

const placeholder = "<redacted>"
const maxLength = 512

// A logger recurses into `detail` and prints all of it, so its depth and its number of values are limited.
const maxDepth = 100
const maxValues = 256

// Credentials in an echoed header, in a query or a form, and in a JSON field.
const credentials = [
  /\b(Bearer|Basic)(\s+|%20|\+)(?:\\[^\s"']|[^\s"'<>&,;\\]){8,}/gi,
  /\b((?:access|refresh|id)_?token|client_?secret)((?:\\*["']|&quot;|%22)?\s*(?:[=:]|%3D|%3A)\s*(?:\\*["']|&quot;|%22)?)(?:\\[^\s"']|[^\s"'<>&,;\\])+/gi
]
const credentialField = /^(?:(?:access|refresh|id)_?token|client_?secret)$/i

const utf8 = new TextDecoder()
const htmlEntities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }
const escapes = /[\\%&+]/u

/** Undoes one level of the escaping of JSON, URLs, forms and HTML. Backslashes are dropped. */
const unescapeOnce = (text: string): string =>
  text
    .replace(
      /&(?:#(\d{1,6})|#x([0-9a-f]{1,5})|(amp|lt|gt|quot|apos));/gi,
      (_, decimal?: string, hex?: string, name?: string) =>
        decimal !== undefined
          ? String.fromCodePoint(Number(decimal))
          : hex !== undefined
            ? String.fromCodePoint(Number.parseInt(hex, 16))
            : (htmlEntities[name?.toLowerCase() ?? ""] ?? "")
    )
    .replaceAll("+", " ")
    .replace(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
      utf8.decode(Uint8Array.from(bytes.slice(1).split("%"), (byte) => Number.parseInt(byte, 16)))
    )
    .replace(/\\+(?:u([0-9a-f]{4}))?/gi, (_, unit?: string) =>
      unit === undefined ? "" : String.fromCharCode(Number.parseInt(unit, 16))
    )

/** Undoes nested escaping, such as that of JSON within JSON, and the case of ASCII letters. */
const normalize = (text: string): string => {
  let plain = text
  for (let level = 0; level < 4 && escapes.test(plain); level++) plain = unescapeOnce(plain)
  return plain.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

interface Secret {
  readonly text: string
  readonly normalized: string
}

const toSecret = (secret: Redacted.Redacted): Secret => {
  const text = Redacted.value(secret)
  return { text, normalized: normalize(text) }
}

const redactSecrets = (text: string, secrets: ReadonlyArray<Secret>): string => {
  let redacted = text
  // Literal comparison only: a pattern built from a secret would be as expensive as the secret is long.
  for (const secret of secrets) redacted = redacted.replaceAll(secret.text, placeholder)
  if (secrets.length > 0 && escapes.test(redacted)) {
    const normalized = normalize(redacted)
    if (secrets.some((secret) => normalized.includes(secret.normalized))) return placeholder
  }
  for (const pattern of credentials) redacted = redacted.replace(pattern, `$1$2${placeholder}`)
  return redacted
}

/**
 * Replaces our own secrets and everything that looks like a credential. A text that contains a secret in an escaped form
 * is dropped as a whole.
 */
export const redact = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  redactSecrets(text, secrets.map(toSecret))

/**
 * A copy of a JSON value with every string and key redacted, limited in depth and in the number of values. What exceeds a
 * limit becomes `"…"`.
 */
export const redactJson = (json: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  const all = secrets.map(toSecret)
  let values = 0
  const copy = (value: unknown, depth: number): unknown => {
    if (++values > maxValues) return "…"
    if (typeof value === "string") return redactSecrets(value, all)
    if (typeof value !== "object" || value === null) return value
    if (depth > maxDepth) return "…"
    if (Array.isArray(value)) return firstOf(value).map((item) => copy(item, depth + 1))
    return Object.fromEntries(
      firstOf(Object.entries(value)).map(([key, field]: [string, unknown]) => [
        redactSecrets(key, all),
        credentialField.test(key) ? placeholder : copy(field, depth + 1)
      ])
    )
  }
  const firstOf = <A>(items: ReadonlyArray<A>) => items.slice(0, Math.max(0, maxValues - values))
  return copy(json, 0)
}

/** The first 512 characters of a text that has been redacted. */
export const truncate = (text: string): string => (text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`)
