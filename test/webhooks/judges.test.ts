/** Signatures, checked against implementations that others wrote. */
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
  atMoment,
  bytesOf,
  created,
  createdJson,
  failed,
  moment,
  nodeSignature,
  otherJson,
  secret,
  secretText
} from "./support.ts"

const verifier = (key: Redacted.Redacted) =>
  Effect.provide(TicketWebhooks, Layer.orDie(TicketWebhooksLive.layer({ secrets: [key] })))

const bodies = [createdJson, otherJson].flatMap((json) => [
  JSON.stringify(json),
  JSON.stringify(json, null, 2).replaceAll("\n", "\r\n")
])

/** Of a body that a signature is right for, but that is no event, it is said that the signature is right. */
const isSignatureRight = (body: Uint8Array, signature: string, key = secret) =>
  Effect.gen(function* () {
    const webhooks = yield* verifier(key)
    return yield* webhooks.verify({ body, headers: { "http-x-wh-signature-256": signature } }).pipe(
      Effect.as(true),
      Effect.catchReason("WebhookRejected", "MalformedEvent", () => Effect.succeed(true)),
      Effect.catchReason("WebhookRejected", "SignatureMismatch", () => Effect.succeed(false))
    )
  })

describe("vectors that are published", () => {
  for (const [source, key, text, digits] of [
    [
      "GitHub, validating webhook deliveries",
      "It's a Secret to Everybody",
      "Hello, World!",
      "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    ],
    [
      "Amazon, deriving a signing key",
      "AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      "20120215",
      "969fbb94feb542b71ede6f87fe4d5fa29c789342b0f407474670f0c2489e0a0d"
    ]
  ] as const) {
    it.effect(source, () =>
      Effect.gen(function* () {
        const signature = `sha256=${digits}`
        assert.isTrue(yield* isSignatureRight(bytesOf(text), signature, Redacted.make(key)))
        assert.isFalse(yield* isSignatureRight(bytesOf(`${text} `), signature, Redacted.make(key)))
        const signed = yield* signWebhook({ body: text }, { secret: Redacted.make(key) })
        assert.strictEqual(signed.headers["Http-X-Wh-Signature-256"], signature)
      })
    )
  }
})

describe("@octokit/webhooks-methods, which has the same wire form", () => {
  for (const [index, body] of bodies.entries()) {
    it.effect(`signs what we accept, and accepts what we sign: body ${index}`, () =>
      Effect.gen(function* () {
        yield* atMoment
        const webhooks = yield* verifier(secret)
        const signature = yield* Effect.promise(() => octokitSign(secretText, body))
        yield* webhooks.verify({ body: bytesOf(body), headers: { "x-wh-signature-256": signature } })
        const ours = yield* signWebhook({ body }, { secret })
        const header = ours.headers["Http-X-Wh-Signature-256"] ?? ""
        assert.isTrue(yield* Effect.promise(() => octokitVerify(secretText, body, header)))
      })
    )
  }
})

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0

describe.skipIf(!hasOpenssl)("openssl", () => {
  const dgst = (body: Uint8Array) =>
    spawnSync("openssl", ["dgst", "-sha256", "-hmac", secretText], { input: body, encoding: "utf8" })
      .stdout.trim()
      .split(" ")
      .at(-1) ?? ""

  it.effect("agrees on bytes of any kind and length", () =>
    Effect.gen(function* () {
      yield* atMoment
      for (const body of [
        ...bodies.map(bytesOf),
        new Uint8Array(),
        ...[1, 55, 56, 64, 65, 4096].map((length) => randomBytes(length))
      ]) {
        const digits = dgst(body)
        assert.strictEqual(digits.length, 64)
        assert.isTrue(yield* isSignatureRight(body, `sha256=${digits}`))
        assert.strictEqual(nodeSignature(body), `sha256=${digits}`)
      }
    })
  )
})

describe("signWebhook", () => {
  it.effect("makes of an outcome the event that Ripio sends", () =>
    Effect.gen(function* () {
      yield* atMoment
      const webhooks = yield* verifier(secret)
      const success = yield* signWebhook(created, { secret })
      assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(success.body)), {
        eventType: "SUPPORT_TICKET.CREATED",
        issueDatetime: moment,
        supportTicket: { ticketId: created.ticketId, status: "CREATED", issueKey: "SUP-1234" }
      })
      assert.strictEqual((yield* webhooks.verify(success))._tag, "TicketCreated")
      const failure = yield* signWebhook(failed, {
        secret,
        issuedAt: "2026-06-26T14:29:00Z",
        header: "x-wh-signature-256"
      })
      assert.strictEqual((yield* webhooks.verify(failure))._tag, "TicketFailed")
      assert.strictEqual(failure.headers["x-wh-signature-256"], nodeSignature(failure.body))
    })
  )

  it.effect("writes JSON in ASCII alone, as Ripio does, and a body as it is", () =>
    Effect.gen(function* () {
      const { body } = yield* signWebhook({ json: { a: "ñ €😀\u007f" } }, { secret })
      assert.strictEqual(new TextDecoder().decode(body), String.raw`{"a":"\u00f1 \u20ac\ud83d\ude00\u007f"}`)
      const raw = Uint8Array.of(0xff, 0x00)
      assert.deepStrictEqual((yield* signWebhook({ body: raw }, { secret })).body, raw)
    })
  )
})
