import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { TicketOutcomes, TicketOutcomesLive } from "../../src/index.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { ticketId } from "../support/fixtures.ts"
import { untyped } from "../support/untyped.ts"

const throwing = {
  get _tag(): never {
    throw new Error("a getter")
  }
}

const values: ReadonlyArray<unknown> = [
  undefined,
  null,
  7,
  {},
  throwing,
  { _tag: "Pending", ticketId },
  { _tag: "Failed", ticketId: "not an id" },
  { _tag: "Created", ticketId },
  { _tag: "TicketCreated", ticketId, issueKey: 7 }
]

describe("a value that is not an outcome", () => {
  it.effect("is not recorded, releases no caller, and is logged as an error", () =>
    Effect.gen(function* () {
      const outcomes = yield* TicketOutcomes
      const waiting = yield* Effect.forkChild(outcomes.await(ticketId), { startImmediately: true })
      for (const value of values) {
        for (const call of [outcomes.record(untyped(value)), outcomes.publish(untyped(value))]) {
          const lines = yield* collectLogs(call)
          assert.lengthOf(lines, 1)
          assert.match(lines[0] ?? "", /^Error: TicketOutcomes: ignored a value/u)
        }
      }
      assert.isUndefined(waiting.pollUnsafe())
      assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.none())
      assert.deepStrictEqual(yield* outcomes.get(untyped(undefined)), Option.none())
    }).pipe(Effect.provide(TicketOutcomesLive.layer()))
  )
})

describe("a recorded outcome", () => {
  it.effect("does not change with the object that was recorded", () =>
    Effect.gen(function* () {
      const outcomes = yield* TicketOutcomes
      const outcome = { _tag: "Failed" as const, ticketId }
      yield* outcomes.record(outcome)
      Object.assign(outcome, { _tag: "Created", issueKey: "SUP-9" })
      assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.some({ _tag: "Failed", ticketId }))
    }).pipe(Effect.provide(TicketOutcomesLive.layer()))
  )
})
