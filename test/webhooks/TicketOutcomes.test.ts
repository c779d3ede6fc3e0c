import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import { IssueKey, TicketOutcomes, TicketOutcomesLive, type TicketOutcomesOptions } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { createdTicket, eventOf, failedTicket, numberedTicketId } from "./fixtures.ts"
import { onSandboxWithOutcomes } from "./outcomes.ts"
import { recordLog } from "./recordLog.ts"

const build = (options?: TicketOutcomesOptions) => Effect.provide(TicketOutcomes, TicketOutcomesLive.layer(options))

const contradictionCount = Effect.map(Metric.snapshot, (all) => {
  const metric = all.find(({ id }) => id === "ripio.ticket.contradictions")
  return metric?.type === "Counter" ? Number(metric.state.count) : 0
})

describe("a contradicting outcome", () => {
  it.effect("fails, is logged and counted, and does not replace the first", () =>
    Effect.gen(function* () {
      const { layer, lines } = recordLog()
      const outcomes = yield* build()
      const before = yield* contradictionCount
      yield* outcomes.publish(eventOf(createdTicket))
      yield* outcomes.publish(eventOf(createdTicket))
      const otherIssueKey = { ...createdTicket, issueKey: IssueKey.make("SUP-9") }
      for (const received of [failedTicket, otherIssueKey]) {
        const error = yield* Effect.provide(Effect.flip(outcomes.publish(eventOf(received))), layer)
        assert.strictEqual(error._tag, "OutcomeContradiction")
        assert.deepStrictEqual([error.known, error.received], [createdTicket, received])
      }
      assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.some(createdTicket))
      assert.strictEqual((yield* contradictionCount) - before, 2)
      assert.deepStrictEqual(lines, [
        `Error Ticket ${ticketId} was already Created SUP-1234; a later event says Failed. Keeping the first; contact Ripio`,
        `Error Ticket ${ticketId} was already Created SUP-1234; a later event says Created SUP-9. Keeping the first; contact Ripio`
      ])
    })
  )

  it.effect("is reported for Created after Failed, but not for Failed after Failed", () =>
    Effect.gen(function* () {
      const outcomes = yield* build()
      yield* outcomes.publish(eventOf(failedTicket))
      yield* outcomes.publish(eventOf(failedTicket))
      const error = yield* Effect.provide(Effect.flip(outcomes.publish(eventOf(createdTicket))), Logger.layer([]))
      assert.deepStrictEqual([error.known, error.received], [failedTicket, createdTicket])
    })
  )

  it.effect("is reported when a webhook contradicts a poll", () =>
    onSandboxWithOutcomes(({ outcomes, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Failed", after: 0 })
        assert.deepStrictEqual(yield* tickets.awaitOutcome(id), failedTicket)
        const error = yield* Effect.flip(outcomes.publish(eventOf(createdTicket)))
        assert.strictEqual(error._tag, "OutcomeContradiction")
        assert.deepStrictEqual(yield* tickets.awaitOutcome(id), failedTicket)
      })
    )
  )
})

describe("TicketOutcomes", () => {
  it.effect("does not share outcomes with another TicketOutcomes", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([build(), build()])
      yield* one.publish(eventOf(createdTicket))
      assert.deepStrictEqual(yield* one.get(ticketId), Option.some(createdTicket))
      assert.deepStrictEqual(yield* other.get(ticketId), Option.none())
    })
  )

  it.effect("holds as many outcomes as its capacity and drops the oldest first", () =>
    Effect.gen(function* () {
      const ids = [1, 2, 3].map(numberedTicketId)
      for (const { capacity, expected } of [
        { capacity: 2, expected: [false, true, true] },
        { capacity: 1, expected: [false, false, true] }
      ]) {
        const outcomes = yield* build({ capacity })
        for (const ticketId of ids) yield* outcomes.record({ _tag: "Failed", ticketId })
        const known = yield* Effect.forEach(ids, (id) => Effect.map(outcomes.get(id), Option.isSome))
        assert.deepStrictEqual(known, expected)
      }
    })
  )

  for (const { issue, option, options } of [
    { options: { capacity: 0 }, option: "capacity", issue: "expected a whole number above zero" },
    { options: { capacity: 1.5 }, option: "capacity", issue: "expected a whole number above zero" },
    {
      options: { assumeWebhooksFor: -1 },
      option: "assumeWebhooksFor",
      issue: "expected a duration that is not negative"
    }
  ]) {
    it.effect(`fails with InvalidOption for ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(build(options))
        assert.deepInclude(error, { _tag: "InvalidOption", option, issue })
      })
    )
  }
})
