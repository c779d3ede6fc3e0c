import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { TicketWebhooks, TicketWebhooksLive, type TicketWebhooksOptions } from "../../src/index.ts"
import { untyped } from "../support/untyped.ts"
import { createdJson, issueTime, jsonDelivery, nodeSignature, otherJson, secret } from "./fixtures.ts"
import { rejectionOf, verify, verifyNow } from "./verify.ts"

/** Verifies an event so long after its issue time. */
const verifyAfter = (delay: Duration.Input, options?: Partial<TicketWebhooksOptions>) =>
  Effect.andThen(
    TestClock.setTime(Date.parse(issueTime) + Duration.toMillis(delay)),
    verifyNow(jsonDelivery(createdJson), options)
  )

const threeDays = 3 * 24 * 60 * 60 * 1000

describe("the time window", () => {
  it.effect("is 3 days in the past and 5 minutes in the future by default, to the millisecond", () =>
    Effect.gen(function* () {
      yield* verifyAfter("3 days")
      yield* verifyAfter(Duration.negate(Duration.minutes(5)))
      for (const { delay, message, tolerance } of [
        {
          delay: threeDays + 1,
          message: /check the clock: the event was issued 3d 1ms ago, and 3d are accepted/u,
          tolerance: Duration.days(3)
        },
        {
          delay: -300_001,
          message: /check the clock: the event was issued 5m 1ms in the future, and 5m are accepted/u,
          tolerance: Duration.minutes(5)
        }
      ]) {
        const { message: actual, reason } = yield* Effect.flip(verifyAfter(Duration.millis(delay)))
        assert.isTrue(reason._tag === "OutsideWindow" && Duration.equals(reason.tolerance, tolerance))
        assert.match(actual, message)
      }
    })
  )

  it.effect("accepts a redelivery after an outage of six minutes, which repeats the first time of issue", () =>
    verifyAfter("6 minutes")
  )

  it.effect("is as wide as tolerance in both directions, and unlimited with Duration.infinity", () =>
    Effect.gen(function* () {
      yield* verifyAfter("1 hour", { tolerance: "1 hour" })
      yield* verifyAfter(Duration.negate(Duration.hours(1)), { tolerance: "1 hour" })
      yield* Effect.flip(verifyAfter("1 hour", { tolerance: "59 minutes" }))
      yield* verifyAfter("3650 days", { tolerance: Duration.infinity })
      yield* verifyAfter("1 hour", { tolerance: { hours: 1 } })
    })
  )

  it.effect("has one limit for each direction, with the default for one that is absent", () =>
    Effect.gen(function* () {
      const pastOnly = { tolerance: { past: "1 hour", future: undefined } } as const
      yield* verifyAfter("1 hour", pastOnly)
      yield* Effect.flip(verifyAfter(Duration.millis(3_600_001), pastOnly))
      yield* verifyAfter(Duration.negate(Duration.minutes(5)), pastOnly)
      yield* Effect.flip(verifyAfter(Duration.negate(Duration.minutes(6)), pastOnly))
      const futureOnly = { tolerance: { future: "1 hour" } } as const
      yield* verifyAfter(Duration.negate(Duration.hours(1)), futureOnly)
      yield* verifyAfter("3 days", futureOnly)
      yield* verifyAfter("3 days", { tolerance: {} })
      yield* verifyAfter("3650 days", { tolerance: { past: Duration.infinity } })
      yield* Effect.flip(verifyAfter(Duration.negate(Duration.minutes(6)), { tolerance: { past: Duration.infinity } }))
    })
  )

  for (const { option, tolerance } of [
    { tolerance: { past: 0 }, option: "tolerance.past" },
    { tolerance: { past: "-1 seconds" }, option: "tolerance.past" },
    { tolerance: { past: Number.NaN }, option: "tolerance.past" },
    { tolerance: { future: 0 }, option: "tolerance.future" },
    { tolerance: { future: null }, option: "tolerance.future" },
    { tolerance: { past: "1 hour", ahead: "1 hour" }, option: "tolerance" },
    { tolerance: null, option: "tolerance" },
    { tolerance: "soon", option: "tolerance" }
  ]) {
    it.effect(`fails with InvalidOption that names ${option} for ${JSON.stringify(tolerance)}`, () =>
      Effect.gen(function* () {
        const layer = TicketWebhooksLive.layer({ secrets: [secret], tolerance: untyped(tolerance) })
        const error = yield* Effect.flip(Effect.provide(TicketWebhooks, layer))
        assert.strictEqual(error.option, option)
        assert.include(error.issue, "Duration.infinity")
      })
    )
  }

  it.effect("applies to events of other families, and is checked after the signature", () =>
    Effect.gen(function* () {
      const old = jsonDelivery({ ...otherJson, issueDatetime: "2026-06-20T14:00:00Z" })
      assert.strictEqual((yield* rejectionOf(old))._tag, "OutsideWindow")
      const forged = { ...old, headers: { "x-wh-signature-256": nodeSignature("x") } }
      assert.strictEqual((yield* rejectionOf(forged))._tag, "SignatureMismatch")
    })
  )

  for (const [issueDatetime, expected] of [
    ["2026-06-26T14:29:60Z", "2026-06-26T14:30:00.000Z"],
    ["2026-06-26T14:29:60.250Z", "2026-06-26T14:30:00.250Z"],
    ["2026-06-26T11:29:60-03:00", "2026-06-26T14:30:00.000Z"]
  ] as const) {
    it.effect(`reads the leap second ${issueDatetime} as the start of the next minute`, () =>
      Effect.gen(function* () {
        const { issuedAt } = yield* verify(jsonDelivery({ ...createdJson, issueDatetime }))
        assert.strictEqual(DateTime.formatIso(issuedAt), expected)
      })
    )
  }
})
