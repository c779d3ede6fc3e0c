// Measures one way to verify a webhook of 300 bytes.
import { verify as octokitVerify } from "@octokit/webhooks-methods"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto"
import { TicketWebhooks, TicketWebhooksLive } from "effect-ripio-tickets"
import { Webhook } from "standardwebhooks"
import { known } from "../client.ts"
import { role, serve } from "./serve.ts"

const secret = "a secret of thirty-two characters"
const bodyOf = (filler: string) =>
  JSON.stringify({
    eventType: "SUPPORT_TICKET.CREATED",
    issueDatetime: new Date().toISOString(),
    supportTicket: { ticketId: known, status: "CREATED", issueKey: "SUP-1234" },
    filler
  })
const text = bodyOf("x".repeat(300 - bodyOf("").length))
const body = Buffer.from(text)
const digits = createHmac("sha256", secret).update(body).digest("hex")
const headers = { "http-x-wh-signature-256": `sha256=${digits}` }

const algorithm = { name: "HMAC", hash: "SHA-256" }
const key = await crypto.subtle.importKey("raw", Buffer.from(secret), algorithm, false, ["verify"])

const id = `msg_${randomUUID()}`
const standard = new Webhook(Buffer.from(secret).toString("base64"))
const standardHeaders = {
  "webhook-id": id,
  "webhook-timestamp": `${Math.floor(Date.now() / 1000)}`,
  "webhook-signature": standard.sign(id, new Date(), text)
}

const runtime = ManagedRuntime.make(TicketWebhooksLive.layer({ secrets: [Redacted.make(secret)] }))
const webhooks = await runtime.runPromise(TicketWebhooks)

const signature = (value: string) => Buffer.from(value.slice("sha256=".length), "hex")
const header = headers["http-x-wh-signature-256"]
const accept = (isAccepted: boolean) => {
  if (!isAccepted) throw new Error("The signature was rejected.")
}

/** Each candidate verifies the webhook a number of times. */
const candidates: Readonly<Record<string, (times: number) => Promise<void>>> = {
  "crypto.subtle.verify": async (times) => {
    for (let i = 0; i < times; i++) accept(await crypto.subtle.verify("HMAC", key, signature(header), body))
  },
  createHmac: async (times) => {
    for (let i = 0; i < times; i++) {
      accept(timingSafeEqual(createHmac("sha256", secret).update(body).digest(), signature(header)))
      JSON.parse(body.toString())
    }
  },
  standardwebhooks: async (times) => {
    for (let i = 0; i < times; i++) standard.verify(text, standardHeaders)
  },
  "@octokit/webhooks-methods": async (times) => {
    for (let i = 0; i < times; i++) {
      accept(await octokitVerify(secret, text, header))
      JSON.parse(text)
    }
  },
  ours: (times) => {
    const verify = webhooks.verify({ body, headers })
    return runtime.runPromise(Effect.forEach(Array.from({ length: times }), () => verify, { discard: true }))
  }
}

const verify = candidates[role() as string]!
serve(async ({ calls, inFlight }) => {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: inFlight }, () => verify(calls / inFlight)))
  const wall = (performance.now() - start) * 1000
  const { system, user } = process.cpuUsage(cpu)
  return { cpu: (system + user) / calls, wall: wall / calls }
})
