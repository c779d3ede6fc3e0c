import * as Schema from "effect/Schema"

/** What must not appear in a message or a log: control and format characters, line separators, and half a surrogate pair. */
export const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** Begins a line that a hostile text adds to a log. */
export const forged = "FORGED LINE"

/** Pieces of texts that harm a terminal or a log, or that redaction acts on. */
const pieces = [
  `\n${forged}`,
  `\r${forged}`,
  `\u2028${forged}`,
  "\u001b[2J",
  "\u009b31m",
  "\u0000",
  "\u0085",
  "\u200d",
  "\u202e",
  "\u2066",
  "\ufeff",
  "\u{e0041}",
  "\ud800",
  "\udfff",
  "💸",
  "ñ",
  "Bearer ",
  "Basic\n",
  "access_token=",
  'client_secret":"',
  "abcdefgh",
  "1",
  " ",
  '"',
  "'",
  "<",
  "\\",
  "\\n",
  "\\u0041",
  "%",
  "%250A",
  "&",
  "&amp;#10;",
  "+",
  "…",
  "<redacted>",
  "x".repeat(300)
]

const join = (texts: ReadonlyArray<string>) => texts.join("")

/** Generates a hostile text. */
export const HostilePieces = Schema.Array(Schema.Literals(pieces)).check(Schema.isMaxLength(12))

/** A hostile text of its pieces. */
export const hostileText = join

/** Generates the pieces of a secret, of which many look like escapes. */
export const SecretPieces = Schema.Array(
  Schema.Literals([
    "%",
    "25",
    "41",
    "&",
    "amp",
    "#",
    "x26",
    ";",
    "\\",
    "u0041",
    "u",
    "+",
    "/",
    "=",
    "Zq",
    "7",
    '"',
    "é"
  ])
).check(Schema.isMinLength(12), Schema.isMaxLength(60))
