import * as Effect from "effect/Effect"
import type { HttpRouter } from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import type * as Config from "effect/Config"
import type * as Redacted from "effect/Redacted"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import { createServer } from "node:http"
import {
  type DeadLetter,
  type InboxUnavailable,
  type InvalidOption,
  type OutcomeContradiction,
  type TicketEvent,
  TicketInbox,
  TicketInboxLive,
  type TicketOutcome,
  type TicketOutcomes,
  TicketWebhookHandler,
  TicketWebhookRoute,
  type TicketWebhooks,
  TicketWebhooksLive,
  type WebhookRejected
} from "effect-ripio-tickets"
import { toNodeListener } from "effect-ripio-tickets/node"
import { describe, expect, test } from "tstyche"

declare const secret: Redacted.Redacted
declare const headers: Headers
declare const webhooks: TicketWebhooks["Service"]
declare const outcomes: TicketOutcomes["Service"]
declare const event: TicketEvent
declare const outcome: TicketOutcome

describe("TicketWebhookHandler.fromLayer", () => {
  const inbox = TicketInboxLive.layer()

  test("returns a function of a request and of any context", () => {
    const handle = TicketWebhookHandler.fromLayer(TicketWebhooksLive.layerConfig, () => Effect.void)
    expect(handle).type.toBe<TicketWebhookHandler.Handler>()
    expect(handle).type.toBeAssignableTo<(request: Request) => Promise<Response>>()
    // The context of a route of Next.js, of `Deno.serve` and of Cloudflare Workers.
    expect(handle).type.toBeAssignableTo<
      (request: Request, context: { readonly params: Promise<Record<string, string>> }) => Promise<Response>
    >()
    expect(handle).type.toBeCallableWith(new Request(""), { waitUntil: (_: Promise<unknown>) => {} })
    expect(handle).type.not.toBeCallableWith(new Request(""), { waitUntil: "later" })
  })

  test("requires a layer with TicketWebhooks and with what onEvent needs", () => {
    expect(TicketWebhookHandler.fromLayer).type.toBeCallableWith(
      Layer.merge(TicketWebhooksLive.layerConfig, inbox),
      TicketInbox.offer,
      { lifetime: "process", timeout: "1 second" }
    )
    expect(TicketWebhookHandler.fromLayer).type.not.toBeCallableWith(TicketWebhooksLive.layerConfig, TicketInbox.offer)
    expect(TicketWebhookHandler.fromLayer).type.not.toBeCallableWith(inbox, TicketInbox.offer)
    expect(TicketWebhookHandler.fromLayer).type.not.toBeCallableWith(
      TicketWebhooksLive.layerConfig,
      () => Effect.void,
      {
        lifetime: "isolate"
      }
    )
    expect(TicketWebhookHandler.fromLayer).type.not.toBeCallableWith(
      TicketWebhookRoute.layer("/webhooks", () => Effect.void),
      () => Effect.void
    )
  })
})

describe("webhooks", () => {
  test("verify accepts bytes and headers, and has no requirements", () => {
    const verified = webhooks.verify({ body: new Uint8Array(), headers })
    expect(verified).type.toBe<Effect.Effect<TicketEvent, WebhookRejected>>()
    expect(webhooks.verify).type.toBeCallableWith({ body: new Uint8Array(), headers: { "x-wh-signature-256": "x" } })
    // The signature covers the bytes, so text and parsed JSON are not accepted.
    expect(webhooks.verify).type.not.toBeCallableWith({ body: "{}", headers })
    expect(webhooks.verify).type.not.toBeCallableWith({ body: { eventType: "x" }, headers })
  })

  test("WebhookRejected has a closed set of reasons", () => {
    expect<WebhookRejected["reason"]["_tag"]>().type.toBe<
      | "MissingSignature"
      | "MalformedSignature"
      | "SignatureMismatch"
      | "OutsideWindow"
      | "MalformedEvent"
      | "BodyTooLarge"
    >()
    expect<WebhookRejected["suspect"]>().type.toBe<"body" | "header" | "secret" | "clock">()
  })

  test("the layers have no requirements, and need at least one secret", () => {
    expect(TicketWebhooksLive.layer({ secrets: [secret] })).type.toBe<Layer.Layer<TicketWebhooks, InvalidOption>>()
    expect(TicketWebhooksLive.layerConfig).type.toBe<Layer.Layer<TicketWebhooks, Config.ConfigError | InvalidOption>>()
    expect(TicketWebhooksLive.layerConfigFor("AR")).type.toBe<typeof TicketWebhooksLive.layerConfig>()
    expect(TicketWebhooksLive.layer).type.not.toBeCallableWith({ secrets: [] })
    expect(TicketWebhooksLive.layer).type.not.toBeCallableWith({ secrets: ["plain"] })
  })

  test("tolerance is a duration, or one for each direction", () => {
    for (const tolerance of [
      "1 hour",
      5000,
      Infinity,
      { hours: 1 },
      { past: "1 hour", future: undefined },
      undefined
    ] as const) {
      expect(TicketWebhooksLive.layer).type.toBeCallableWith({ secrets: [secret], tolerance })
    }
    expect(TicketWebhooksLive.layer).type.not.toBeCallableWith({ secrets: [secret], tolerance: { past: true } })
  })

  test("the inbox in memory has limits, and an inbox on a store needs one", () => {
    expect(TicketInboxLive.layer({ capacity: 1, rememberFor: undefined })).type.toBe<
      Layer.Layer<TicketInbox, InvalidOption>
    >()
    expect(TicketInboxLive.layerStore()).type.toBe<Layer.Layer<TicketInbox, InvalidOption, PersistedQueueStore>>()
    expect(TicketInboxLive.layerStore).type.not.toBeCallableWith({ capacity: 1 })
    expect<TicketInbox["Service"]["deadLetters"]>().type.toBe<
      Effect.Effect<ReadonlyArray<DeadLetter>, InboxUnavailable>
    >()
  })

  test("toNodeListener accepts a web handler, and returns a listener of node:http", () => {
    expect(createServer).type.toBeCallableWith(toNodeListener(() => Promise.resolve(new Response())))
    expect(toNodeListener).type.not.toBeCallableWith(() => new Response())
  })

  test("the route and the handler require the services of onEvent", () => {
    expect(TicketWebhookRoute.layer("/webhooks/ripio", TicketInbox.offer)).type.toBe<
      Layer.Layer<never, InvalidOption, HttpRouter | TicketWebhooks | TicketInbox>
    >()
    expect(TicketWebhookHandler.make(TicketInbox.offer)).type.toBe<
      Effect.Effect<(request: Request) => Promise<Response>, InvalidOption, TicketWebhooks | TicketInbox>
    >()
    expect(TicketInbox.offer(event)).type.toBe<Effect.Effect<void, InboxUnavailable, TicketInbox>>()
  })

  test("publish and record can fail with OutcomeContradiction", () => {
    expect(outcomes.publish(event)).type.toBe<Effect.Effect<void, OutcomeContradiction>>()
    expect(outcomes.record(outcome)).type.toBe<Effect.Effect<void, OutcomeContradiction>>()
  })
})
