import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import {
  createdJson,
  failedJson,
  jsonDelivery,
  otherJson,
  secret,
  secretText,
  setClockToIssueTime
} from "./fixtures.ts"

/** The counter of deliveries by its `result` label. */
const deliveryCounts = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all.flatMap(({ attributes, id, state, type }) =>
      id === "ripio.webhook.deliveries" && type === "Counter"
        ? [[String(attributes?.["result"]), Number(state.count)] as const]
        : []
    )
  )
)

describe("TicketWebhooks.verify", () => {
  it.effect("counts deliveries by their result, without the ticket id", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      const webhooks = yield* TicketWebhooks
      const before = yield* deliveryCounts
      for (const json of [createdJson, createdJson, failedJson, otherJson, {}]) {
        yield* Effect.exit(webhooks.verify(jsonDelivery(json)))
      }
      yield* Effect.exit(webhooks.verify({ ...jsonDelivery(createdJson), headers: {} }))
      const after = yield* deliveryCounts
      const increases = Object.entries(after)
        .map(([result, count]) => [result, count - (before[result] ?? 0)] as const)
        .filter(([, increase]) => increase > 0)
      assert.deepStrictEqual(Object.fromEntries(increases), {
        TicketCreated: 2,
        TicketFailed: 1,
        OtherEvent: 1,
        MalformedEvent: 1,
        MissingSignature: 1
      })
      assert.notInclude(JSON.stringify(after), ticketId)
    }).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [secret] })))
  )

  it.effect("has one span, which shows nothing of the delivery", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
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
