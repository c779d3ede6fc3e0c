/**
 * What it costs to verify and decode a webhook of 300 bytes, beside what others do with the same bytes.
 *
 * `node bench/webhooks.ts`: the candidates take turns in each round, and the median round counts. Only ratios within one
 * run mean anything. Fails if verify and decode reach less than 0.7 of the throughput of bare WebCrypto.
 */
import { verify as octokitVerify } from "@octokit/webhooks-methods"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TicketId, TicketWebhooks, TicketWebhooksLive } from "effect-ripio-tickets"
import { signWebhook } from "effect-ripio-tickets/testing"
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto"
import { Webhook } from "standardwebhooks"

const rounds = 15
const calls = 2_000
const goal = 0.7

const secret = Redacted.make("0123456789abcdef0123456789abcdef")
const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
const event = {
  eventType: "SUPPORT_TICKET.CREATED",
  issueDatetime: new Date().toISOString(),
  supportTicket: { ticketId, status: "CREATED", issueKey: "SUP-1234", customerId: ticketId, summary: "x".repeat(45) }
}

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

const program = Effect.gen(function* () {
  const webhooks = yield* TicketWebhooks
  const signed = yield* signWebhook({ json: event }, { secret })
  const { body } = signed
  const text = new TextDecoder().decode(body)
  const signature = signed.headers["Http-X-Wh-Signature-256"] ?? ""
  const tag = Buffer.from(signature.slice("sha256=".length), "hex")
  const raw = Buffer.from(Redacted.value(secret))
  const keyObject = createSecretKey(raw)
  const key = yield* Effect.promise(() =>
    crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"])
  )
  const standard = new Webhook(raw.toString("base64"))
  const standardHeaders = {
    "webhook-id": "msg_1",
    "webhook-timestamp": `${Math.floor(Date.now() / 1000)}`,
    "webhook-signature": standard.sign("msg_1", new Date(), text)
  }
  const check = (isGood: boolean) => {
    if (!isGood) throw new Error("A candidate refuses a true signature")
  }
  const node = (key: Parameters<typeof createHmac>[1]) => () => {
    check(timingSafeEqual(createHmac("sha256", key).update(body).digest(), tag))
    JSON.parse(text)
  }

  const loop = (call: () => unknown) =>
    Effect.promise(async () => {
      for (let i = 0; i < calls; i++) await call()
    })
  const candidates: ReadonlyArray<readonly [name: string, run: Effect.Effect<void>]> = [
    ["crypto.subtle.verify, nothing else", loop(async () => check(await crypto.subtle.verify("HMAC", key, tag, body)))],
    [
      "TicketWebhooks.verify: verify, window, decode",
      Effect.orDie(Effect.replicateEffect(webhooks.verify(signed), calls, { discard: true }))
    ],
    ["node createHmac, raw key, JSON.parse", loop(node(raw))],
    ["node createHmac, KeyObject, JSON.parse", loop(node(keyObject))],
    [
      "@octokit/webhooks-methods, no decode",
      loop(async () => check(await octokitVerify(raw.toString(), text, signature)))
    ],
    ["standardwebhooks, its own wire form, JSON.parse", loop(() => standard.verify(text, standardHeaders))]
  ]

  const times = candidates.map((): Array<number> => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, [, run]] of candidates.entries()) {
      const start = performance.now()
      yield* run
      times[index]?.push(((performance.now() - start) * 1000) / calls)
    }
  }

  const bare = median(times[0] ?? [])
  console.log(`body of ${body.length} bytes, Node.js ${process.version}, median of ${rounds} rounds of ${calls} calls`)
  console.table(
    candidates.map(([candidate], index) => {
      const micros = median(times[index] ?? [])
      return {
        candidate,
        "us a call": Number(micros.toFixed(1)),
        "throughput to bare WebCrypto": Number((bare / micros).toFixed(2))
      }
    })
  )
  const ratio = bare / median(times[1] ?? [])
  if (ratio < goal) {
    console.error(`verify and decode reach ${ratio.toFixed(2)} of bare WebCrypto, the goal is ${goal}`)
    process.exitCode = 1
  }
}).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [secret] })))

await Effect.runPromise(program)
