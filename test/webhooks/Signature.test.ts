import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { bytesOf, createdJson, delivery, nodeSignature, olderSecret, secret, setClockToIssueTime } from "./fixtures.ts"
import { rejectionOf, verify } from "./verify.ts"

const body = JSON.stringify(createdJson)
const signature = nodeSignature(body)
const digits = signature.slice("sha256=".length)

const withHeader = (value: string | Array<string>, name = "Http-X-Wh-Signature-256") => ({
  body: bytesOf(body),
  headers: { [name]: value }
})

describe("the signature header", () => {
  for (const name of [
    "Http-X-Wh-Signature-256",
    "HTTP-X-WH-SIGNATURE-256",
    "X-Wh-Signature-256",
    "x-wh-signature-256"
  ]) {
    it.effect(`is found as ${name} in a plain record, in web Headers and in headers of Node.js`, () =>
      Effect.gen(function* () {
        const webHeaders = { body: bytesOf(body), headers: new Headers({ [name]: signature }) }
        for (const delivery of [
          withHeader(signature, name),
          webHeaders,
          withHeader([signature], name),
          withHeader(` ${signature}\t`, name)
        ]) {
          assert.strictEqual((yield* verify(delivery))._tag, "TicketCreated")
        }
      })
    )
  }

  it.effect("may have upper-case digits", () => verify(withHeader(`sha256=${digits.toUpperCase()}`)))

  it.effect("with the documented name takes precedence", () =>
    Effect.gen(function* () {
      const headers = { "X-Wh-Signature-256": signature, "Http-X-Wh-Signature-256": nodeSignature("other") }
      assert.strictEqual((yield* rejectionOf({ body: bytesOf(body), headers }))._tag, "SignatureMismatch")
    })
  )

  it.effect("is required, and a missing one is rejected as MissingSignature", () =>
    Effect.gen(function* () {
      const inherited = Object.create({ "http-x-wh-signature-256": signature }) as Record<string, string>
      for (const headers of [{}, new Headers(), { "X-Hub-Signature-256": signature }, inherited]) {
        const error = yield* Effect.flip(verify({ body: bytesOf(body), headers }))
        assert.strictEqual(error.reason._tag, "MissingSignature")
        assert.strictEqual(error.suspect, "header")
        assert.match(error.message, /check the header: .*Http-X-Wh-Signature-256/u)
      }
    })
  )

  const noPrefix = "expected sha256= and 64 hexadecimal digits"
  const wrongDigits = (characters: number) =>
    `expected 64 hexadecimal digits after sha256=, got ${characters} characters`
  for (const { issue, value } of [
    { value: "", issue: noPrefix },
    { value: "sha256=", issue: wrongDigits(0) },
    { value: digits, issue: "expected sha256= before the digits. The option acceptBareHex accepts digits alone" },
    { value: `sha1=${digits}`, issue: noPrefix },
    { value: `SHA256=${digits}`, issue: noPrefix },
    { value: `sha256=${digits.slice(2)}`, issue: wrongDigits(62) },
    { value: `sha256=${digits}00`, issue: wrongDigits(66) },
    { value: `sha256=${digits.slice(1)}g`, issue: wrongDigits(64) },
    { value: `sha256= ${digits}`, issue: wrongDigits(65) },
    { value: `sha256=${digits}, sha256=${digits}`, issue: wrongDigits(137) },
    { value: Array<string>(2).fill(`sha256=${digits}`), issue: "expected one value" },
    { value: `sha256=${digits.slice(1)}１`, issue: wrongDigits(64) }
  ]) {
    const title = JSON.stringify(value)
      .replaceAll(digits, "<digits>")
      .replaceAll(digits.slice(2), "<62 digits>")
      .replaceAll(digits.slice(1), "<63 digits>")
    it.effect(`is rejected as MalformedSignature: ${title}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(verify(withHeader(value)))
        assert.strictEqual(error.reason._tag, "MalformedSignature")
        assert.strictEqual(error.message, `Webhook rejected, check the header: http-x-wh-signature-256: ${issue}`)
        assert.notInclude(inspect(error), digits)
      })
    )
  }

  it.effect("may omit sha256= only with acceptBareHex", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify(withHeader(digits)))
      assert.include(error.message, "acceptBareHex")
      const options = { acceptBareHex: true }
      assert.strictEqual((yield* verify(withHeader(digits), options))._tag, "TicketCreated")
      assert.strictEqual((yield* verify(withHeader(`sha256=${digits}`), options))._tag, "TicketCreated")
      const forged = { ...withHeader(digits), body: bytesOf(`${body} `) }
      assert.strictEqual((yield* rejectionOf(forged, options))._tag, "SignatureMismatch")
      assert.strictEqual((yield* rejectionOf(withHeader("x"), options))._tag, "MalformedSignature")
    })
  )
})

describe("the signature", () => {
  it.effect("may be of any of the secrets, and the event has the index of that secret", () =>
    Effect.gen(function* () {
      const secrets = [secret, olderSecret] as const
      assert.strictEqual((yield* verify(delivery(body), { secrets })).secretIndex, 0)
      assert.strictEqual((yield* verify(delivery(body, olderSecret), { secrets })).secretIndex, 1)
      const reason = yield* rejectionOf(delivery(body, Redacted.make("the secret of another account")), { secrets })
      assert.strictEqual(reason._tag === "SignatureMismatch" && reason.secretsTried, 2)
      assert.include(reason.message, ", 2 secrets tried)")
      assert.strictEqual((yield* rejectionOf(delivery(body, olderSecret)))._tag, "SignatureMismatch")
    })
  )

  it.effect("is checked on a copy of the body, so a caller may reuse the buffer", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      const signed = delivery(body)
      const buffer = Buffer.from(signed.body)
      const webhooks = yield* TicketWebhooks
      const verifying = webhooks.verify({ ...signed, body: buffer })
      const [event] = yield* Effect.all([verifying, Effect.sync(() => buffer.fill(0x20))], { concurrency: 2 })
      assert.strictEqual(event._tag, "TicketCreated")
    }).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [secret] })))
  )

  it.effect("is checked over the view only if the body is a view of a larger buffer", () =>
    Effect.gen(function* () {
      const signed = delivery(body)
      const pool = new Uint8Array(1000).fill(0x20)
      pool.set(signed.body, 100)
      const view = pool.subarray(100, 100 + signed.body.length)
      assert.strictEqual((yield* verify({ ...signed, body: view }))._tag, "TicketCreated")
    })
  )
})
