import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { isJsonObject, makeSanitizer, sanitize } from "../../src/domain/sanitize.ts"
import { encodings } from "../support/encodings.ts"
import { HostilePieces, hostileText, SecretPieces, unsafe } from "../support/hostile.ts"

const secret = "8f2a-the.secret/of+this=test~0123456789"
const secrets = [Redacted.make(secret)]

describe("a text from outside", () => {
  it("is shown with control and format characters escaped", () => {
    for (const [text, expected] of [
      ["a\nb\rc\td", "a\\nb\\rc\\td"],
      ["\u0000\u001b[31m\u007f\u0085\u009b", "\\x00\\x1b[31m\\x7f\\x85\\x9b"],
      ["\u00ad\u200d\u202e\u2028\u2029\ufeff", "\\xad\\u200d\\u202e\\u2028\\u2029\\ufeff"],
      ["\u{e0041}", "\\u{e0041}"],
      ["\ud800 \udc00 💸", "\\ud800 \\udc00 💸"],
      ['Señal: "ok" <b> 日本', 'Señal: "ok" <b> 日本'],
      ["\\n", "\\n"]
    ] as const) {
      assert.strictEqual(sanitize.text(text), expected)
      assert.strictEqual(sanitize.message(text), expected)
    }
  })

  it("is cut without a half character", () => {
    assert.strictEqual(sanitize.text("💸".repeat(256)), "💸".repeat(256))
    assert.strictEqual(sanitize.text("💸".repeat(257)), `${"💸".repeat(255)}…`)
    assert.strictEqual(sanitize.text(`x${"💸".repeat(257)}`), `x${"💸".repeat(255)}…`)
    assert.strictEqual(sanitize.text("\n".repeat(65_536)).length, 512)
    assert.isAtMost(sanitize.text(`Bearer ${"x".repeat(65_536)}`).length, 512)
  })

  it("shows no part of a secret, wherever in a large text it is", () => {
    for (const length of [39, 8192]) {
      const long = secret.repeat(300).slice(0, length)
      const { text } = makeSanitizer([Redacted.make(long)])
      for (const encode of Object.values(encodings)) {
        for (const before of [0, 490, 2020, 2048, 4000, 4090, 60_000]) {
          // The credential leaves room for what follows it.
          for (const filler of ["x".repeat(before), `Bearer ${"y".repeat(before)} `]) {
            const shown = text(`${filler} ${encode(long)} ${encode(long)}`)
            assert.notInclude(shown, long.slice(0, 16))
            assert.notInclude(shown, encode(long).slice(0, 16))
          }
        }
      }
    }
  })

  it("is dropped if the value of a secret was wiped", () => {
    const wiped = Redacted.make("wiped")
    Redacted.wipeUnsafe(wiped)
    assert.strictEqual(makeSanitizer([wiped]).text("text"), "<redacted>")
  })

  it.prop(
    "has no unsafe character and at most 512 characters, and does not change again",
    { pieces: HostilePieces },
    ({ pieces }) => {
      const { message, text } = makeSanitizer(secrets)
      for (const show of [text, message, (value: string) => text(value, 128)]) {
        const shown = show(hostileText([...pieces, secret]))
        assert.notMatch(shown, unsafe)
        assert.notInclude(shown, secret)
        assert.isAtMost(shown.length, 512)
        assert.strictEqual(show(shown), shown)
      }
    }
  )

  it("does not change again if white space before a credential was escaped", () => {
    for (const text of [
      "access_token=\nabcdefgh",
      "Bearer \n\tabcdefgh",
      "access_token\r=",
      "Basic\nabc",
      "id_token:\n"
    ]) {
      const shown = sanitize.text(text)
      assert.notInclude(shown, "abcdefgh")
      assert.strictEqual(sanitize.text(shown), shown)
    }
  })

  it.prop("shows no secret in any escaping", { pieces: SecretPieces }, ({ pieces }) => {
    const value = pieces.join("")
    const { text } = makeSanitizer([Redacted.make(value)])
    for (const [name, encode] of Object.entries(encodings)) {
      const shown = text(`before ${encode(value)} after`)
      assert.notInclude(shown, value, name)
      assert.notInclude(shown, encode(value), name)
    }
  })
})

describe("a JSON object from outside", () => {
  /** How many texts, characters and levels a value has. */
  const measure = (value: unknown): { values: number; characters: number; depth: number } => {
    if (typeof value === "string") return { values: 1, characters: value.length, depth: 0 }
    if (typeof value !== "object" || value === null) return { values: 1, characters: 0, depth: 0 }
    const parts = Object.entries(value).map(([key, field]) => ({
      ...measure(field),
      key: Array.isArray(value) ? 0 : key.length
    }))
    return {
      values: 1 + parts.reduce((sum, { values }) => sum + values, 0),
      characters: parts.reduce((sum, { characters, key }) => sum + characters + key, 0),
      depth: 1 + Math.max(0, ...parts.map(({ depth }) => depth))
    }
  }
  const nested = (depth: number): unknown => (depth === 0 ? "x" : [nested(depth - 1), { a: nested(depth - 1) }])

  it("is limited in depth, values and characters, and does not change again", () => {
    for (const json of [
      nested(12),
      Array.from({ length: 16_000 }, () => ""),
      Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`${"k".repeat(index % 300)}${index}`, index])),
      Array.from({ length: 100 }, () => "\n".repeat(600)),
      Array.from({ length: 50 }, () => [["y".repeat(511)], "\u202e"]),
      Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`\u0000${"k".repeat(200)}${index}`, {}]))
    ]) {
      const object = makeSanitizer([]).object({ message: "stored", json })
      const { characters, depth, values } = measure(object)
      assert.strictEqual(object["message"], "stored")
      assert.isAtMost(depth, 10)
      assert.isAtMost(values, 140)
      assert.isAtMost(characters, 4096 + 20)
      assert.isAtMost(JSON.stringify(object).length, 10_000)
      assert.include(JSON.stringify(object), "…")
      assert.deepStrictEqual(makeSanitizer([]).object(object), object)
    }
  })

  it("keeps numbers that JavaScript does not have as text, and drops a key that sets a prototype", () => {
    const json: unknown = JSON.parse(
      '{"a":1e400,"b":-1e400,"c":-0,"__proto__":{"message":"x"},"d":{"__proto__":[]},"toString":1}'
    )
    assert(isJsonObject(json))
    const object = makeSanitizer([]).object(json)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(object)), {
      a: "Infinity",
      b: "-Infinity",
      c: 0,
      d: {},
      toString: 1
    })
    assert.strictEqual(Object.getPrototypeOf(object), Object.prototype)
  })

  it("reads only as much of a large object as it shows", () => {
    let reads = 0
    const counted = new Proxy(
      Array.from({ length: 16_000 }, () => "x".repeat(600)),
      {
        get: (target, key, receiver) => {
          reads++
          return Reflect.get(target, key, receiver) as unknown
        }
      }
    )
    makeSanitizer([]).object({ counted })
    assert.isAtMost(reads, 300)
  })

  it.prop(
    "has no unsafe character and no secret, and does not change again",
    { pieces: HostilePieces },
    ({ pieces }) => {
      const { object } = makeSanitizer(secrets)
      const text = hostileText([...pieces, secret])
      const shown = object({ message: text, [text]: [text, { [text]: text, access_token: 1 }], text })
      const printed = JSON.stringify(shown)
      assert.notMatch(printed, unsafe)
      assert.notInclude(printed, secret)
      assert.deepStrictEqual(object(shown), shown)
    }
  )
})
