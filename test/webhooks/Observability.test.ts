import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { atMoment, createdJson, failedJson, jsonDelivery, otherJson, secret, secretText, ticketId } from "./support.ts"

const counts = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all.flatMap(({ attributes, id, state, type }) =>
      id === "ripio_webhook_deliveries" && type === "Counter"
        ? [[String(attributes?.["result"]), Number(state.count)] as const]
        : []
    )
  )
)

describe("a verification", () => {
  it.effect("is counted by what it came to, and by nothing else", () =>
    Effect.gen(function* () {
      yield* atMoment
      const webhooks = yield* TicketWebhooks
      const before = yield* counts
      for (const json of [createdJson, createdJson, failedJson, otherJson, {}]) {
        yield* Effect.exit(webhooks.verify(jsonDelivery(json)))
      }
      yield* Effect.exit(webhooks.verify({ ...jsonDelivery(createdJson), headers: {} }))
      const after = yield* counts
      const more = Object.entries(after).map(([result, count]) => [result, count - (before[result] ?? 0)] as const)
      assert.deepStrictEqual(Object.fromEntries(more.filter(([, count]) => count > 0)), {
        TicketCreated: 2,
        TicketFailed: 1,
        OtherEvent: 1,
        MalformedEvent: 1,
        MissingSignature: 1
      })
      assert.notInclude(JSON.stringify(after), ticketId)
    }).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [secret] })))
  )

  it.effect("has a span of its own, without a word of the delivery", () =>
    Effect.gen(function* () {
      yield* atMoment
      const webhooks = yield* TicketWebhooks
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* Effect.withTracer(webhooks.verify(jsonDelivery(createdJson)), tracer)
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["TicketWebhooks.verify"]
      )
      const attributes = JSON.stringify([...(spans[0]?.attributes ?? [])])
      for (const hidden of [ticketId, secretText]) assert.notInclude(attributes, hidden)
    }).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [secret] })))
  )
})
