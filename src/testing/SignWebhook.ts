/**
 * Signs webhooks in the same way as Ripio, for tests of webhook receivers.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Redacted from "effect/Redacted"
import type { TicketOutcome } from "../domain/SupportTicket.ts"

/**
 * The content of a webhook: a ticket outcome, which becomes the event that Ripio sends for it; any other event as JSON; or
 * an exact body, such as one that Ripio never sends.
 *
 * @category models
 * @since 0.1.0
 */
export type WebhookContent =
  | TicketOutcome
  | { readonly json: Readonly<Record<string, unknown>> }
  | { readonly body: string | Uint8Array }

/**
 * How to sign a webhook.
 *
 * @category options
 * @since 0.1.0
 */
export interface SignWebhookOptions {
  readonly secret: Redacted.Redacted
  /** The `issueDatetime` in the event of an outcome. Default: the current time of the `Clock`. */
  readonly issuedAt?: DateTime.DateTime.Input | undefined
  /** The name of the signature header. Default: `Http-X-Wh-Signature-256`, the documented name. */
  readonly header?: string | undefined
}

/**
 * A signed webhook. Pass it to `TicketWebhooks.verify`, or send it with `new Request(url, { method: "POST", ...signed })`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SignedWebhook {
  readonly body: Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
}

const utf8 = new TextEncoder()

/** JSON in the format of Ripio: compact, with every character above U+007E escaped. */
const wireJson = (json: unknown): string =>
  JSON.stringify(json).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

const encodeBody = (content: WebhookContent, issuedAt: DateTime.Utc): Uint8Array<ArrayBuffer> => {
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

// Independent of the `Mac` that verifies signatures, so that tests detect a bug in either.
const hmac = async (secret: Redacted.Redacted, body: Uint8Array<ArrayBuffer>) => {
  const algorithm = { name: "HMAC", hash: "SHA-256" }
  const key = await crypto.subtle.importKey("raw", utf8.encode(Redacted.value(secret)), algorithm, false, ["sign"])
  return Hex.encode(new Uint8Array(await crypto.subtle.sign("HMAC", key, body)))
}

/**
 * Makes a webhook in the format of Ripio, signed with a secret of the test.
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
    const body = encodeBody(content, DateTime.toUtc(DateTime.makeUnsafe(options.issuedAt ?? now)))
    return Effect.map(
      Effect.promise(() => hmac(options.secret, body)),
      (digest) => ({
        body,
        headers: {
          "content-type": "application/json",
          [options.header ?? "Http-X-Wh-Signature-256"]: `sha256=${digest}`
        }
      })
    )
  })
