import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { makeSanitizer } from "../../src/domain/sanitize.ts"
import { classify, rawResponse } from "./responses.ts"

const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("")

/** A secret of this length, of all visible ASCII characters in turn. */
const secretOf = (length: number) => visible.repeat(Math.ceil(length / visible.length)).slice(0, length)

const inJson = (text: string) => JSON.stringify(text).slice(1, -1)
const inHtml = (text: string) => text.replace(/[&<>"']/gu, (char) => `&#${char.charCodeAt(0)};`)

const escapings: ReadonlyArray<{ readonly title: string; readonly escape: (text: string) => string }> = [
  { title: "JSON", escape: inJson },
  { title: "JSON in JSON", escape: (text) => inJson(inJson(text)) },
  { title: "a URL", escape: encodeURIComponent },
  { title: "HTML", escape: inHtml },
  { title: "JSON in HTML", escape: (text) => inHtml(inJson(text)) },
  { title: "a URL in JSON", escape: (text) => inJson(encodeURIComponent(text)) }
]

describe("redaction", () => {
  for (const { escape, title } of escapings) {
    it(`drops a text with a secret of any length that is escaped as in ${title}`, () => {
      for (const length of [40, 2400, 8192, 65_536]) {
        const secret = secretOf(length)
        const text = `before &amp; 100%25 \\n ${escape(secret)} after &amp; \\" İ`
        const redacted = makeSanitizer([Redacted.make(secret)]).text(text)
        assert.strictEqual(redacted, "<redacted>", `${length}`)
      }
    })
  }

  it("replaces an unescaped secret, and keeps the text around it", () => {
    const secret = "a-token/of+the=tests"
    const text = `before &amp; 100%25 \\n ${secret} after ${secret} &amp; \\" İ`
    assert.strictEqual(
      makeSanitizer([Redacted.make(secret)]).text(text),
      'before &amp; 100%25 \\n <redacted> after <redacted> &amp; \\" İ'
    )
  })

  it("ends for repeated special characters, in the secret and in 64 KiB of text", () => {
    const size = 64 * 1024
    for (const special of ["\\", "%", "&", "+", "a", "&amp;", "%25", "\\u005c"]) {
      for (const secret of [`${special.repeat(8)}x`, special.repeat(2000)]) {
        const text = special.repeat(Math.floor(size / special.length))
        assert.isString(makeSanitizer([Redacted.make(secret)]).text(text))
      }
    }
  })

  it("does not turn a response into a defect, however long the token is", () => {
    const secrets = [Redacted.make(secretOf(65_536))]
    const bodies = [
      `<html>&amp; %20 \\ + ${secretOf(65_536)}`.slice(0, 65_000),
      JSON.stringify({
        code: 40017,
        type: "SupportTicketNotFoundException",
        detail: { message: "+54 \\ &" },
        status: 404
      })
    ]
    for (const status of [200, 302, 400, 401, 403, 404, 429, 500, 503]) {
      for (const body of bodies) {
        const classification = classify(rawResponse(status, body, { secrets }))
        assert.notInclude(JSON.stringify(classification), secretOf(200))
      }
    }
  })
})
