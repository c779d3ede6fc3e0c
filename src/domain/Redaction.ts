import * as Redacted from "effect/Redacted"

const longest = 512
const gone = "<redacted>"

// What carries a credential, wherever it stands: an echoed header, a query or form, a JSON field.
const credentials = [
  /\b(Bearer|Basic)(\s+|%20|\+)(?:\\[^\s"']|[^\s"'<>&,;\\]){8,}/gi,
  /\b((?:access|refresh|id)_?token|client_?secret)((?:\\*["']|&quot;|%22)?\s*(?:[=:]|%3D|%3A)\s*(?:\\*["']|&quot;|%22)?)(?:\\[^\s"']|[^\s"'<>&,;\\])+/gi
]
const credentialField = /^(?:(?:access|refresh|id)_?token|client_?secret)$/i

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }
const utf8 = new TextDecoder()

// One level of escaping: of JSON, of a URL or a form, of HTML.
const escapes =
  /\\+(?:u([0-9a-f]{4}))?|((?:%[0-9a-f]{2})+)|&(?:#(\d{1,6})|#x([0-9a-f]{1,5})|(amp|lt|gt|quot|apos));|\+/gi

const unescaped = (escape: string, unit?: string, bytes?: string, decimal?: string, hex?: string, entity?: string) => {
  if (unit !== undefined) return String.fromCharCode(Number.parseInt(unit, 16))
  if (bytes !== undefined)
    return utf8.decode(Uint8Array.from(bytes.slice(1).split("%"), (byte) => Number.parseInt(byte, 16)))
  if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
  if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
  if (entity !== undefined) return entities[entity.toLowerCase()] ?? ""
  return escape === "+" ? " " : ""
}

/** A text without its escapes, and for each of its characters where in the original it begins and ends. */
interface Plain {
  readonly text: string
  readonly begins: ReadonlyArray<number>
  readonly ends: ReadonlyArray<number>
}

const unescape = ({ begins, ends, text }: Plain): Plain => {
  let plain = ""
  const from: Array<number> = []
  const to: Array<number> = []
  const take = (piece: string, begin: number, end: number) => {
    plain += piece
    for (let unit = 0; unit < piece.length; unit++) {
      from.push(begins[begin] ?? 0)
      to.push(ends[end] ?? 0)
    }
  }
  let at = 0
  for (const match of text.matchAll(escapes)) {
    for (; at < match.index; at++) take(text.charAt(at), at, at)
    const [escape, ...groups] = match
    take(unescaped(escape, ...groups), at, at + escape.length - 1)
    at += escape.length
  }
  for (; at < text.length; at++) take(text.charAt(at), at, at)
  return { text: plain, begins: from, ends: to }
}

/** Without any escapes: they stand within one another, as in JSON that is quoted in JSON. */
const plainOf = (text: string): Plain => {
  const indices = Array.from({ length: text.length }, (_, index) => index)
  let plain: Plain = { text, begins: indices, ends: indices }
  for (let level = 0; level < 4 && plain.text.search(escapes) >= 0; level++) plain = unescape(plain)
  return plain
}

// Of ASCII alone, which keeps the length.
const lowerCase = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

/** Takes out a secret wherever it stands once everything is unescaped. A text and a secret are unescaped alike. */
const withoutEscaped = (text: string, secret: string): string => {
  const plain = plainOf(text)
  const wanted = lowerCase(plainOf(secret).text)
  const searched = lowerCase(plain.text)
  if (wanted === "") return gone
  let scrubbed = ""
  let at = 0
  for (let found = searched.indexOf(wanted); found >= 0; found = searched.indexOf(wanted, found + wanted.length)) {
    scrubbed += text.slice(at, plain.begins[found]) + gone
    at = (plain.ends[found + wanted.length - 1] ?? 0) + 1
  }
  return scrubbed + text.slice(at)
}

/** Takes out our own secrets, however they are escaped, and whatever else looks like a credential. */
export const scrub = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  let scrubbed = text
  for (const secret of secrets) {
    const value = Redacted.value(secret)
    scrubbed = scrubbed.replaceAll(value, gone)
    // No pattern is made of a secret: what is not a literal comparison would take its length, or its characters, amiss.
    if (/[\\%&+]/u.test(scrubbed)) scrubbed = withoutEscaped(scrubbed, value)
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
