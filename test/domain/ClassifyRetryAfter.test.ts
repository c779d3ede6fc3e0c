import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { SupportTickets } from "../../src/index.ts"
import { created, ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"
import { reasonOf, retrieveFrom, toJson } from "./responses.ts"

describe("Retry-After", () => {
  const now = Date.UTC(2026, 5, 26, 14, 30, 0)
  const dateAt = (offset: number) => new Date(now + offset).toUTCString()

  const valid = [
    { header: "0", seconds: 0 },
    { header: "1", seconds: 1 },
    { header: "60", seconds: 60 },
    { header: " 7 ", seconds: 7 },
    { header: "007", seconds: 7 },
    { header: "61", seconds: 61 },
    { header: "86400", seconds: 86_400 },
    { header: "3000000", seconds: 3_000_000 },
    { header: "0.5", seconds: 0.5 },
    { header: "1.5", seconds: 1.5 },
    { header: dateAt(0), seconds: 0 },
    { header: dateAt(1_000), seconds: 1 },
    { header: dateAt(45_000), seconds: 45 },
    { header: dateAt(90_000), seconds: 90 },
    { header: dateAt(-1_000), seconds: 0 },
    { header: "Thu, 01 Jan 1970 00:00:00 GMT", seconds: 0 }
  ]

  // RFC 9110 does not allow these values, and no server is known to send them.
  const invalid = [
    "-5",
    "-0",
    "+5",
    "1.5.5",
    "3e6",
    "0x10",
    "Infinity",
    "NaN",
    "",
    "soon",
    "5 seconds",
    "5, 10",
    "2026-06-26T14:30:45.000Z",
    "Fri, 99 Jun 2026 14:30:45 GMT"
  ]

  /** Asserts what a response with this header asks to wait, on a 429 and on a 503. */
  const assertRetryAfter = (header: string, expected: number | undefined) =>
    Effect.gen(function* () {
      for (const status of [429, 503]) {
        const reason = reasonOf(yield* Effect.flip(retrieveFrom(status, "", { "retry-after": header })))
        assert(reason._tag === "RateLimited" || reason._tag === "ServerFailed")
        const seconds = reason.retryAfter === undefined ? undefined : Duration.toSeconds(reason.retryAfter)
        assert.strictEqual(seconds, expected, `${status} "${header}"`)
      }
    })

  it.effect("is read in seconds or as a date, relative to the Clock, and otherwise ignored", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now)
      for (const { header, seconds } of valid) yield* assertRetryAfter(header, seconds)
      for (const header of invalid) yield* assertRetryAfter(header, undefined)
    })
  )

  it.effect("with a huge number ends the call with RateLimited, which has a message and a JSON form", () =>
    Effect.gen(function* () {
      for (const header of ["9".repeat(15), "9".repeat(16), "9".repeat(40), "9".repeat(400)]) {
        const error = yield* Effect.flip(retrieveFrom(503, "", { "retry-after": header }))
        const reason = reasonOf(error)
        assert(reason._tag === "RateLimited")
        assert.isTrue(Duration.isGreaterThan(reason.retryAfter ?? Duration.zero, Duration.days(365)))
        assert.include(error.message, "try again in ")
        assert.deepInclude(toJson(error), { _tag: "RipioHttpError" })
      }
    })
  )

  for (const status of [408, 429, 503]) {
    it.effect(`of 60 s on a ${status} delays the retry, and a second more ends the call`, () =>
      Effect.gen(function* () {
        const reply = (seconds: number) => ({ status, text: "", headers: { "retry-after": `${seconds}` } })
        const retrieve = SupportTickets.use((tickets) => tickets.retrieve(ticketId))
        const retried = yield* scriptedTickets([reply(60), reply(60), { status: 200, json: created }])
        const fiber = yield* retrieve.pipe(Effect.provide(retried.layer), Effect.forkChild({ startImmediately: true }))
        yield* TestClock.adjust(59_999)
        assert.deepStrictEqual(yield* retried.times, [0])
        // Jitter is up to a tenth of the delay.
        yield* TestClock.adjust(72_001)
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "Created")
        const [, first = 0, second = 0] = yield* retried.times
        for (const delay of [first, second - first]) {
          assert.isAtLeast(delay, 60_000)
          assert.isAtMost(delay, 66_000)
        }

        const notRetried = yield* scriptedTickets([reply(61)])
        const error = yield* Effect.flip(Effect.provide(retrieve, notRetried.layer))
        assert.deepStrictEqual(toJson(error), {
          _tag: "RipioHttpError",
          operation: "retrieve",
          attempts: 1,
          reason: { _tag: "RateLimited", status, retryAfter: { _tag: "Millis", value: 61_000 } }
        })
        assert.deepStrictEqual(yield* notRetried.times, [132_000])
      })
    )
  }
})
