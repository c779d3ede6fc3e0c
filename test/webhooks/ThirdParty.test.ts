/** Signatures, checked against published vectors and other implementations. */
import { assert, describe, it } from "@effect/vitest"
import { sign as octokitSign, verify as octokitVerify } from "@octokit/webhooks-methods"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { signWebhook } from "../../src/testing/index.ts"
import {
  bytesOf,
  createdJson,
  createdTicket,
  failedTicket,
  issueTime,
  nodeSignature,
  otherJson,
  secret,
  secretText,
  setClockToIssueTime
} from "./fixtures.ts"

const verifierOf = (key: Redacted.Redacted) =>
  Effect.provide(TicketWebhooks, Layer.orDie(TicketWebhooksLive.layer({ secrets: [key] })))

const bodies = [
  { title: "a ticket event", body: JSON.stringify(createdJson) },
  { title: "a ticket event on several lines", body: JSON.stringify(createdJson, null, 2).replaceAll("\n", "\r\n") },
  { title: "another event", body: JSON.stringify(otherJson) },
  { title: "another event on several lines", body: JSON.stringify(otherJson, null, 2).replaceAll("\n", "\r\n") }
]

/** Whether the signature is right. A body that is not an event is rejected after its signature was found right. */
const isSignatureRight = (body: Uint8Array, signature: string, key = secret) =>
  Effect.gen(function* () {
    const webhooks = yield* verifierOf(key)
    return yield* webhooks.verify({ body, headers: { "http-x-wh-signature-256": signature } }).pipe(
      Effect.as(true),
      Effect.catchReason("WebhookRejected", "MalformedEvent", () => Effect.succeed(true)),
      Effect.catchReason("WebhookRejected", "SignatureMismatch", () => Effect.succeed(false))
    )
  })

describe("a published signature", () => {
  for (const { body, digits, key, source } of [
    {
      source: "GitHub, validating webhook deliveries",
      key: "It's a Secret to Everybody",
      body: "Hello, World!",
      digits: "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    },
    {
      source: "Amazon, deriving a signing key",
      key: "AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      body: "20120215",
      digits: "969fbb94feb542b71ede6f87fe4d5fa29c789342b0f407474670f0c2489e0a0d"
    }
  ]) {
    it.effect(`is verified and reproduced: ${source}`, () =>
      Effect.gen(function* () {
        const signature = `sha256=${digits}`
        assert.isTrue(yield* isSignatureRight(bytesOf(body), signature, Redacted.make(key)))
        assert.isFalse(yield* isSignatureRight(bytesOf(`${body} `), signature, Redacted.make(key)))
        const signed = yield* signWebhook({ body }, { secret: Redacted.make(key) })
        assert.strictEqual(signed.headers["Http-X-Wh-Signature-256"], signature)
      })
    )
  }
})

describe("@octokit/webhooks-methods", () => {
  for (const { body, title } of bodies) {
    it.effect(`signs what the library verifies, and verifies what the library signs: ${title}`, () =>
      Effect.gen(function* () {
        yield* setClockToIssueTime
        const webhooks = yield* verifierOf(secret)
        const signature = yield* Effect.promise(() => octokitSign(secretText, body))
        yield* webhooks.verify({ body: bytesOf(body), headers: { "x-wh-signature-256": signature } })
        const { headers } = yield* signWebhook({ body }, { secret })
        const header = headers["Http-X-Wh-Signature-256"] ?? ""
        assert.isTrue(yield* Effect.promise(() => octokitVerify(secretText, body, header)))
      })
    )
  }
})

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0

describe.skipIf(!hasOpenssl)("openssl", () => {
  const opensslDigits = (body: Uint8Array) =>
    spawnSync("openssl", ["dgst", "-sha256", "-hmac", secretText], { input: body, encoding: "utf8" })
      .stdout.trim()
      .split(" ")
      .at(-1) ?? ""

  it.effect("signs what the library verifies, for bytes of any kind and length", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      for (const body of [
        ...bodies.map(({ body }) => bytesOf(body)),
        new Uint8Array(),
        ...[1, 55, 56, 64, 65, 4096].map((length) => randomBytes(length))
      ]) {
        const digits = opensslDigits(body)
        assert.strictEqual(digits.length, 64)
        assert.isTrue(yield* isSignatureRight(body, `sha256=${digits}`))
        assert.strictEqual(nodeSignature(body), `sha256=${digits}`)
      }
    })
  )
})

describe("signWebhook", () => {
  it.effect("turns an outcome into the event that Ripio sends, and TicketWebhooks verifies it", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      const webhooks = yield* verifierOf(secret)
      const success = yield* signWebhook(createdTicket, { secret })
      assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(success.body)), {
        eventType: "SUPPORT_TICKET.CREATED",
        issueDatetime: issueTime,
        supportTicket: { ticketId: createdTicket.ticketId, status: "CREATED", issueKey: "SUP-1234" }
      })
      assert.strictEqual((yield* webhooks.verify(success))._tag, "TicketCreated")
      const failure = yield* signWebhook(failedTicket, {
        secret,
        issuedAt: "2026-06-26T14:29:00Z",
        header: "x-wh-signature-256"
      })
      assert.strictEqual((yield* webhooks.verify(failure))._tag, "TicketFailed")
      assert.strictEqual(failure.headers["x-wh-signature-256"], nodeSignature(failure.body))
    })
  )

  it.effect("escapes JSON to ASCII, as Ripio does, and sends a given body unchanged", () =>
    Effect.gen(function* () {
      const { body } = yield* signWebhook({ json: { a: "ñ €😀\u007f" } }, { secret })
      assert.strictEqual(new TextDecoder().decode(body), String.raw`{"a":"\u00f1 \u20ac\ud83d\ude00\u007f"}`)
      const raw = Uint8Array.of(0xff, 0x00)
      assert.deepStrictEqual((yield* signWebhook({ body: raw }, { secret })).body, raw)
    })
  )
})
