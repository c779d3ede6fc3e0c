import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { classify } from "../../src/domain/classify.ts"
import { redact as scrub } from "../../src/domain/Redaction.ts"

const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("")
const long = (length: number) => visible.repeat(Math.ceil(length / visible.length)).slice(0, length)

const html = (text: string) => text.replace(/[&<>"']/gu, (char) => `&#${char.charCodeAt(0)};`)
const escapings: Readonly<Record<string, (text: string) => string>> = {
  JSON: (text) => JSON.stringify(text).slice(1, -1),
  "JSON in JSON": (text) => JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1),
  "a URL": encodeURIComponent,
  HTML: html,
  "JSON in HTML": (text) => html(JSON.stringify(text).slice(1, -1)),
  "a URL in JSON": (text) => JSON.stringify(encodeURIComponent(text)).slice(1, -1)
}

describe("scrubbing", () => {
  for (const [where, write] of Object.entries(escapings)) {
    it(`takes a secret of any length out of ${where}, and leaves what stands around it`, () => {
      for (const length of [1, 40, 2400, 8192, 65_536]) {
        const secret = Redacted.make(long(length))
        const text = `before &amp; 100%25 \\n ${write(Redacted.value(secret))} after &amp; \\" İ`
        assert.notInclude(scrub(text, [secret]), write(Redacted.value(secret)).slice(0, 20), `${length}`)
        if (length > 1) {
          assert.strictEqual(scrub(text, [secret]), 'before &amp; 100%25 \\n <redacted> after &amp; \\" İ', `${length}`)
        }
      }
    })
  }

  it("ends, whatever the characters of the secret and of 64 KiB of text are", () => {
    const size = 64 * 1024
    for (const char of ["\\", "%", "&", "+", "a", "&amp;", "%25", "\\u005c"]) {
      for (const secret of [`${char.repeat(8)}x`, char.repeat(2000)]) {
        const text = char.repeat(Math.floor(size / char.length))
        assert.isString(scrub(text, [Redacted.make(secret)]))
      }
    }
  })

  it("makes no defect of an answer, however long the token is", () => {
    const secrets = [Redacted.make(long(65_536))]
    const bodies = [
      `<html>&amp; %20 \\ + ${long(65_536)}`.slice(0, 65_000),
      JSON.stringify({
        code: 40017,
        type: "SupportTicketNotFoundException",
        detail: { message: "+54 \\ &" },
        status: 404
      })
    ]
    for (const status of [200, 302, 400, 401, 403, 404, 429, 500, 503]) {
      for (const body of bodies) {
        assert.notInclude(JSON.stringify(classify({ status, body, secrets })), long(200))
      }
    }
  })
})
