import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { TicketWebhooksOptions } from "../../src/index.ts"
import { createdJson, issueTime, jsonDelivery, nodeSignature, otherJson } from "./fixtures.ts"
import { rejectionOf, verifyNow } from "./verify.ts"

/** Verifies an event so long after its issue time. */
const verifyAfter = (delay: Duration.Input, options?: Partial<TicketWebhooksOptions>) =>
  Effect.andThen(
    TestClock.setTime(Date.parse(issueTime) + Duration.toMillis(delay)),
    verifyNow(jsonDelivery(createdJson), options)
  )

describe("the time window", () => {
  it.effect("is five minutes in both directions by default, to the millisecond", () =>
    Effect.gen(function* () {
      yield* verifyAfter("5 minutes")
      yield* verifyAfter(Duration.negate(Duration.minutes(5)))
      for (const { delay, message } of [
        { delay: 300_001, message: /check the clock: the event was issued 5m 1ms ago, and 5m are accepted/u },
        {
          delay: -300_001,
          message: /check the clock: the event was issued 5m 1ms in the future, and 5m are accepted/u
        }
      ]) {
        const error = yield* Effect.flip(verifyAfter(Duration.millis(delay)))
        assert.strictEqual(error.reason._tag, "OutsideWindow")
        assert.match(error.message, message)
      }
    })
  )

  it.effect("is as wide as tolerance, and unlimited with Duration.infinity", () =>
    Effect.gen(function* () {
      yield* verifyAfter("1 hour", { tolerance: "1 hour" })
      yield* Effect.flip(verifyAfter("1 hour", { tolerance: "59 minutes" }))
      yield* verifyAfter("3650 days", { tolerance: Duration.infinity })
    })
  )

  it.effect("applies to events of other families, and is checked after the signature", () =>
    Effect.gen(function* () {
      const old = jsonDelivery({ ...otherJson, issueDatetime: "2026-06-26T14:00:00Z" })
      assert.strictEqual((yield* rejectionOf(old))._tag, "OutsideWindow")
      const forged = { ...old, headers: { "x-wh-signature-256": nodeSignature("x") } }
      assert.strictEqual((yield* rejectionOf(forged))._tag, "SignatureMismatch")
    })
  )
})
