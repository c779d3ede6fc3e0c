import type * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import { isCredentialField, makeRedactSecrets, placeholder, redactCredentials, truncate } from "./Redaction.ts"

// Control and format characters (which includes those that change the direction of text), separators of lines, and
// surrogates without their other half. A terminal or a log viewer acts on them instead of showing them.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escapeCharacter = (char: string): string => {
  const code = char.codePointAt(0) ?? 0
  const hex = code.toString(16)
  return (
    shortEscapes[char] ??
    (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`)
  )
}

/** Escapes the characters that are not shown. */
export const escapeUnsafe = (text: string): string => text.replace(unsafe, escapeCharacter)

// At most 512 characters of a text are shown. They come from its beginning, unless credentials fill it. The characters
// after these are compared with secrets too, so a secret that begins here is known although it ends there.
const maxScanned = 2048

// The limits of a JSON object. A logger prints all of it.
const maxDepth = 10
const maxValues = 128
const maxCharacters = 4096
const maxKeyLength = 128

/** Makes what comes from outside fit to be shown. Each function returns its own output unchanged. */
export interface Sanitizer {
  /**
   * The text of a response without secrets and credentials, at most 512 characters. Control and format characters are
   * escaped as in JavaScript.
   */
  readonly text: (text: string, maxLength?: number) => string
  /**
   * A message that may quote a response, without secrets, escaped and cut in the same way. It is not searched for
   * credentials, because `access_token: Missing key` looks like one.
   */
  readonly message: (message: string) => string
  /** A copy of a JSON object in which every text is sanitized, and whose size is limited. `"…"` stands for the rest. */
  readonly object: (object: Readonly<Record<string, unknown>>) => { readonly [key: string]: Schema.Json }
}

/** Creates the {@link Sanitizer} of a response. It knows the secrets of the request, which the response may repeat. */
export const makeSanitizer = (secrets: ReadonlyArray<Redacted.Redacted>): Sanitizer => {
  const redactSecrets = makeRedactSecrets(secrets)

  const escaped = (text: string): string => {
    const redacted = redactSecrets(text)
    return escapeUnsafe(redacted.length > maxScanned ? `${redacted.slice(0, maxScanned)}…` : redacted)
  }
  const text: Sanitizer["text"] = (text, maxLength) => truncate(redactCredentials(escaped(text)), maxLength)
  const message: Sanitizer["message"] = (message) => truncate(escaped(message))

  const object: Sanitizer["object"] = (root) => {
    let values = 0
    let characters = 0
    /** Counts a value. */
    const isFull = () => ++values > maxValues || characters >= maxCharacters
    const limited = (value: string, maxLength?: number): string => {
      const sanitized = truncate(text(value, maxLength), Math.max(maxCharacters - characters, 1))
      characters += sanitized.length
      return sanitized
    }
    const copy = (value: unknown, depth: number): Schema.Json => {
      if (typeof value === "string") return limited(value)
      // JSON has numbers that JavaScript does not.
      if (typeof value === "number") return Number.isFinite(value) ? value : String(value)
      if (typeof value === "boolean") return value
      if (Array.isArray(value)) return depth > maxDepth ? "…" : copyArray(value, depth)
      return isJsonObject(value) ? (depth > maxDepth ? "…" : copyObject(value, depth)) : null
    }
    const copyArray = (array: ReadonlyArray<unknown>, depth: number): Schema.Json => {
      const items: Array<Schema.Json> = []
      for (const item of array) {
        if (isFull()) return [...items, "…"]
        items.push(copy(item, depth + 1))
      }
      return items
    }
    const copyObject = (fields: Readonly<Record<string, unknown>>, depth: number) => {
      const entries: Array<readonly [string, Schema.Json]> = []
      for (const [key, field] of Object.entries(fields)) {
        // A schema that copies this field would set the prototype of the copy.
        if (key === "__proto__") continue
        if (isFull()) {
          entries.push(["…", "…"])
          break
        }
        entries.push([
          limited(key, maxKeyLength),
          isCredentialField(key) ? limited(placeholder) : copy(field, depth + 1)
        ])
      }
      return Object.fromEntries(entries)
    }
    return copyObject(root, 1)
  }

  return { text, message, object }
}

/** Sanitizes what cannot contain a secret of ours. */
export const sanitize = makeSanitizer([])

/** Whether a JSON value is an object. */
export const isJsonObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" && json !== null && !Array.isArray(json)
