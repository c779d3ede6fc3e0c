import { assert, describe, it } from "@effect/vitest"
import type { Poll } from "../../../src/internal/http/gate/currentPoll.ts"
import { Outage } from "../../../src/internal/http/gate/outage.ts"

const pollOf = (ticketId: string): Poll => ({ ticketId, intervalMillis: 1000, isHeld: false, account: undefined })

const polls = ["a", "b", "c", "d", "e"].map(pollOf)

/** How many polls fail until an outage begins, each of another ticket. */
const failuresOf = (outage: Outage, failureOf: (index: number) => unknown): number =>
  polls.findIndex((poll, index) => outage.failed(poll, failureOf(index), polls.length, 0, () => 0)) + 1

describe("the failures that begin an outage", () => {
  it("are five", () => {
    assert.strictEqual(
      failuresOf(new Outage(), (index) => index),
      5
    )
  })

  it("count one that several polls share once", () => {
    assert.strictEqual(
      failuresOf(new Outage(), () => "the token"),
      0
    )
  })

  it("count one that several polls share again after a response", () => {
    const outage = new Outage()
    outage.failed(pollOf("f"), "the token", polls.length, 0, () => 0)
    outage.succeeded(0)
    assert.strictEqual(
      failuresOf(outage, (index) => (index === 0 ? "the token" : index)),
      5
    )
  })
})
