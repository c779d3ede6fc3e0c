import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Redacted from "effect/Redacted"
import type { TicketOutcome } from "../domain/SupportTicket.ts"

/**
 * What to sign: a ticket's outcome, which becomes the event that Ripio sends of it; any other event as JSON; or a body as
 * it is, for what Ripio would never send.
 *
 * @category models
 * @since 0.1.0
 */
export type WebhookContent =
  | TicketOutcome
  | { readonly json: Readonly<Record<string, unknown>> }
  | { readonly body: string | Uint8Array }

/**
 * How to sign it.
 *
 * @category options
 * @since 0.1.0
 */
export interface SignWebhookOptions {
  readonly secret: Redacted.Redacted
  /** The signed moment of an outcome's event. Default: now, by the `Clock`. */
  readonly issuedAt?: DateTime.DateTime.Input
  /** The name of the signature's header. Default: `Http-X-Wh-Signature-256`, as documented. */
  readonly header?: string
}

/**
 * A signed webhook: hand it to `TicketWebhooks.verify` as it is, or send it with
 * `new Request(url, { method: "POST", ...signed })`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SignedWebhook {
  readonly body: Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
}

const utf8 = new TextEncoder()

/** As Ripio writes JSON: compact, and ASCII alone. */
const wireJson = (json: unknown): string =>
  JSON.stringify(json).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

const bodyOf = (content: WebhookContent, issuedAt: DateTime.Utc): Uint8Array<ArrayBuffer> => {
  if ("body" in content)
    return typeof content.body === "string" ? utf8.encode(content.body) : new Uint8Array(content.body)
  if ("json" in content) return utf8.encode(wireJson(content.json))
  return utf8.encode(
    wireJson({
      eventType: content._tag === "Created" ? "SUPPORT_TICKET.CREATED" : "SUPPORT_TICKET.FAILED",
      issueDatetime: DateTime.formatIso(issuedAt),
      supportTicket: {
        ticketId: content.ticketId,
        status: content._tag === "Created" ? "CREATED" : "FAILED",
        issueKey: content._tag === "Created" ? content.issueKey : null
      }
    })
  )
}

// Not the `Mac` that verifies: a mistake in one would not show against itself.
const hmac = async (secret: Redacted.Redacted, body: Uint8Array<ArrayBuffer>) => {
  const algorithm = { name: "HMAC", hash: "SHA-256" }
  const key = await crypto.subtle.importKey("raw", utf8.encode(Redacted.value(secret)), algorithm, false, ["sign"])
  return Hex.encode(new Uint8Array(await crypto.subtle.sign("HMAC", key, body)))
}

/**
 * Makes a webhook as Ripio would send it, signed with your secret, for tests of whatever receives webhooks.
 *
 * **Example** (The test of a web handler)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Redacted from "effect/Redacted"
 * import { SupportTicket, TicketId } from "effect-ripio-tickets"
 * import { signWebhook } from "effect-ripio-tickets/testing"
 *
 * const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
 *
 * const send = Effect.fnUntraced(function* (handler: (request: Request) => Promise<Response>) {
 *   const failed = SupportTicket.cases.Failed.make({ ticketId })
 *   const signed = yield* signWebhook(failed, { secret: Redacted.make("the secret of the test") })
 *   const request = new Request("https://example.com/webhooks/ripio", { method: "POST", ...signed })
 *   return yield* Effect.promise(() => handler(request))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const signWebhook = (content: WebhookContent, options: SignWebhookOptions): Effect.Effect<SignedWebhook> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const body = bodyOf(content, DateTime.toUtc(DateTime.makeUnsafe(options.issuedAt ?? now)))
    return Effect.map(
      Effect.promise(() => hmac(options.secret, body)),
      (digits) => ({
        body,
        headers: {
          "content-type": "application/json",
          [options.header ?? "Http-X-Wh-Signature-256"]: `sha256=${digits}`
        }
      })
    )
  })
