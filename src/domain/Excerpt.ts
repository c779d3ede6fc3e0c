import * as Redacted from "effect/Redacted"

const longest = 512
const gone = "<redacted>"

// What carries a credential, wherever it stands: an echoed header, a query or form, a JSON field.
const credentials = [
  /\b(Bearer|Basic)(\s+|%20)[^\s"'<>&,;]{8,}/gi,
  /\b((?:access|refresh|id)_?token|client_?secret)((?:"|&quot;|%22)?\s*(?:[=:]|%3D|%3A)\s*(?:"|&quot;|%22)?)[^\s"'<>&,;]+/gi
]

/** Takes out our own secrets, and whatever else looks like a credential. */
export const scrub = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  let scrubbed = text
  for (const secret of secrets) {
    const value = Redacted.value(secret)
    // As it is, inside JSON, inside a URL.
    for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed())]) {
      scrubbed = scrubbed.replaceAll(form, gone)
    }
  }
  for (const pattern of credentials) scrubbed = scrubbed.replace(pattern, `$1$2${gone}`)
  return scrubbed
}

/** The beginning of a text that has been scrubbed, for an error to carry: at most 512 characters. */
export const excerpt = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`)
