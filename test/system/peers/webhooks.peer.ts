import { spawnSync } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sign, verify } from "@octokit/webhooks-methods"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { TicketWebhooks, TicketWebhooksLive } from "../../../src/index.ts"
import { type SignedWebhook, signWebhook, type WebhookContent } from "../../../src/testing/index.ts"
import { created, failed, ticketId } from "../../support/fixtures.ts"
import { Peer, peer } from "./support.ts"

const secret = Redacted.make("a shared secret, ñ included")
const header = "Http-X-Wh-Signature-256"

const deliveries: ReadonlyArray<WebhookContent> = [
  { _tag: "Failed", ticketId },
  { json: { eventType: "ON-RAMP.COMPLETED", issueDatetime: "2026-06-26T14:30:00Z", amount: "1 € = 💸" } },
  {
    body: JSON.stringify({
      eventType: "SUPPORT_TICKET.CREATED",
      issueDatetime: "2026-06-26T14:30:00Z",
      supportTicket: created
    })
  },
  {
    body: JSON.stringify({
      eventType: "SUPPORT_TICKET.FAILED",
      issueDatetime: "2026-06-26T14:30:00.123456Z",
      supportTicket: failed
    })
  }
]

const hooks = () => {
  const file = join(mkdtempSync(join(tmpdir(), "effect-ripio-tickets-")), "hooks.json")
  const signature = {
    type: "payload-hmac-sha256",
    secret: Redacted.value(secret),
    parameter: { source: "header", name: header }
  }
  writeFileSync(
    file,
    JSON.stringify([
      {
        id: "ripio",
        "execute-command": "/bin/true",
        "response-message": "accepted",
        "trigger-rule": { match: signature }
      }
    ])
  )
  return file
}

layer(
  peer("webhook", (port) => ["-hooks", hooks(), "-ip", "127.0.0.1", "-port", `${port}`, "-verbose"], /serving hooks/u),
  { excludeTestServices: true, timeout: "60 seconds" }
)("Debian's webhook", (it) => {
  const sent = ({ body, headers }: SignedWebhook) =>
    Effect.flatMap(Peer, ({ baseUrl }) =>
      Effect.promise(async () => {
        const response = await fetch(`${baseUrl}/hooks/ripio`, { method: "POST", body, headers })
        return [response.status, await response.text()]
      })
    )

  // The program responds to an invalid signature with 500, as to an internal error.
  const rejected = [500, "Error occurred while evaluating hook rules."]

  it.effect("accepts the library's signatures, and rejects a changed body and another secret", () =>
    Effect.gen(function* () {
      for (const content of deliveries) {
        const signed = yield* signWebhook(content, { secret })
        assert.deepStrictEqual(yield* sent(signed), [200, "accepted"])
        const forged = new Uint8Array(signed.body)
        forged[12]! ^= 1
        assert.deepStrictEqual(yield* sent({ ...signed, body: forged }), rejected)
        const other = yield* signWebhook(content, { secret: Redacted.make("another shared secret") })
        assert.deepStrictEqual(yield* sent(other), rejected)
      }
    })
  )
})

/** The tag of the event, or of the reason for which the library rejects the delivery. */
const verified = (body: Uint8Array, signature: string) =>
  TicketWebhooks.use(({ verify }) => verify({ body, headers: { [header]: signature } })).pipe(
    Effect.map(({ _tag }): string => _tag),
    Effect.catch(({ reason }) => Effect.succeed(reason._tag)),
    Effect.provide(Layer.orDie(TicketWebhooksLive.layer({ secrets: [secret], tolerance: Duration.infinity })))
  )

interface Signer {
  readonly name: string
  readonly signatureOf: (body: Uint8Array) => Promise<string>
}

const signers: ReadonlyArray<Signer> = [
  {
    name: "@octokit/webhooks-methods",
    signatureOf: (body) => sign(Redacted.value(secret), Buffer.from(body).toString())
  },
  {
    name: "openssl",
    signatureOf: (body) => {
      const { status, stderr, stdout } = spawnSync("openssl", ["dgst", "-sha256", "-hmac", Redacted.value(secret)], {
        input: body,
        encoding: "utf8"
      })
      if (status !== 0) throw new Error(`openssl: ${stderr}`)
      return Promise.resolve(`sha256=${stdout.trim().replace(/^.*= */u, "")}`)
    }
  }
]

describe("third-party signatures", () => {
  for (const { name, signatureOf } of signers) {
    it.live(`${name} makes the same signature as the library, and the library accepts it`, () =>
      Effect.gen(function* () {
        for (const content of deliveries) {
          const { body, headers } = yield* signWebhook(content, { secret })
          const signature = yield* Effect.promise(() => signatureOf(body))
          assert.strictEqual(headers[header], signature)
          assert.match(yield* verified(body, signature), /^(TicketFailed|TicketCreated|OtherEvent)$/u)
          const forged = signature.replace(/.$/u, (digit) => (digit === "0" ? "1" : "0"))
          assert.strictEqual(yield* verified(body, forged), "SignatureMismatch")
        }
      })
    )
  }

  it.live("@octokit/webhooks-methods accepts the library's signatures, and rejects a changed body", () =>
    Effect.gen(function* () {
      for (const content of deliveries) {
        const { body, headers } = yield* signWebhook(content, { secret })
        const isAccepted = (text: string) =>
          Effect.promise(() => verify(Redacted.value(secret), text, headers[header] ?? ""))
        assert.isTrue(yield* isAccepted(Buffer.from(body).toString()))
        assert.isFalse(yield* isAccepted(`${Buffer.from(body).toString()} `))
      }
    })
  )
})
