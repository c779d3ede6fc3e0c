import * as Redacted from "effect/Redacted"

export const placeholder = "<redacted>"

// Credentials in an echoed header, in a query or a form, and in a JSON field. White space may be escaped already. An
// ellipsis ends a text that was cut.
const credentials = [
  /\b(Bearer|Basic)((?:\s|\\[nrt]|%20|\+)+)(?!\\[nrt])(?:\\[^\s"'…]|[^\s"'<>&,;\\…]){8,}/gi,
  /\b((?:access|refresh|id)_?token|client_?secret)((?:\\*["']|&quot;|%22)?(?:\s|\\[nrt])*(?:[=:]|%3D|%3A)(?:\s|\\[nrt])*(?:\\*["']|&quot;|%22)?)(?!\\[nrt])(?:\\[^\s"'…]|[^\s"'<>&,;\\…])+/gi
]
const credentialField = /^(?:(?:access|refresh|id)_?token|client_?secret)$/i

/** Whether a JSON field of this name holds a credential. */
export const isCredentialField = (name: string): boolean => credentialField.test(name)

// Most texts have none of these words. One search takes a fraction of the time of the patterns.
const credentialWord = /bearer|basic|token|client_?secret/i

/** Replaces everything that looks like a credential. */
export const redactCredentials = (text: string): string => {
  if (!credentialWord.test(text)) return text
  let redacted = text
  for (const pattern of credentials) redacted = redacted.replace(pattern, `$1$2${placeholder}`)
  return redacted
}

const utf8 = new TextDecoder()
const htmlEntities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }

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

const maxLevels = 12
const escapes = /[\\%&+]/u

/** Undoes nested escaping, such as that of JSON within JSON, and the case of letters. */
const normalize = (text: string): string => {
  let plain = text
  for (let level = 0; level < maxLevels && escapes.test(plain); level++) {
    const next = unescapeOnce(plain)
    if (next === plain) break
    plain = next
  }
  return plain.toLowerCase()
}

/**
 * How many characters of a text are compared with secrets. The cost of a comparison is at most this number times the
 * length of the secret, however repetitive both are and however long the text is.
 */
const maxCompared = 4096

// Where this many characters of a secret occur in an escaped form, the rest follows.
const maxPrefix = 64

const makeSecret = (secret: string) => {
  const prefix = normalize(secret.slice(0, 4 * maxPrefix)).slice(0, maxPrefix)
  return {
    /** Replaces the secret at the beginning of a text, and omits the rest of the text. */
    replaceIn: (text: string): string => {
      let redacted = ""
      let end = 0
      while (redacted.length < maxCompared) {
        const limit = end + maxCompared - redacted.length
        const start = text.slice(end, limit + secret.length).indexOf(secret)
        if (start < 0) return redacted + text.slice(end, limit)
        redacted += text.slice(end, end + start) + placeholder
        end += start + secret.length
      }
      return redacted
    },
    isIn: (normalized: string): boolean => prefix !== "" && normalized.includes(prefix)
  }
}

const valueOf = (secret: Redacted.Redacted): string | undefined => {
  try {
    return Redacted.value(secret)
  } catch {
    return undefined
  }
}

/**
 * Creates a function that replaces secrets in the beginning of a text, at most 4096 characters, and omits the rest. A text
 * that contains a secret in an escaped form is dropped as a whole. So is every text if the value of a secret was wiped,
 * because then nothing can be compared with it.
 */
export const makeRedactSecrets = (secrets: ReadonlyArray<Redacted.Redacted>): ((text: string) => string) => {
  const values = secrets.map(valueOf).filter((value) => value !== "")
  const all = values.filter((value) => value !== undefined).map(makeSecret)
  if (all.length < values.length) return () => placeholder
  return (text) => {
    if (all.length === 0) return text.slice(0, maxCompared)
    let redacted = text
    for (const secret of all) redacted = secret.replaceIn(redacted)
    const normalized = normalize(redacted)
    return all.some((secret) => secret.isIn(normalized)) ? placeholder : redacted
  }
}

const maxLength = 512

/** The first 512 characters of a text. A character is never cut in two. */
export const truncate = (text: string, length: number = maxLength): string => {
  if (text.length <= length) return text
  const isPair = (text.codePointAt(length - 2) ?? 0) > 0xffff
  return `${text.slice(0, isPair ? length - 2 : length - 1)}…`
}
