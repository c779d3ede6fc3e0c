import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { RipioHttpError } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { fieldsOf } from "../support/virtualTime.ts"
import { always, failsPending, pendingReply, pendingTicket, repeatLast, scripted, lastReasonOf } from "./polling.ts"

describe("OutcomePending", () => {
  it.effect("holds the last ticket, the last error, the number of polls and the elapsed time", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(
        repeatLast(pendingReply, { status: 500 }, { status: 502, headers: { "x-request-id": "request-3" } })
      )
      const { error } = yield* failsPending(
        "1 minute",
        awaitOutcome(ticketId, { schedule: Schedule.spaced("20 seconds"), deadline: "50 seconds" })
      )
      const { lastError, ...rest } = fieldsOf(error)
      assert.deepStrictEqual(rest, {
        _tag: "OutcomePending",
        ticketId,
        lastTicket: pendingTicket,
        polls: 3,
        elapsed: Duration.seconds(50)
      })
      assert.instanceOf(lastError, RipioHttpError)
      assert.deepInclude(lastError, { operation: "retrieve", attempts: 1, requestId: "request-3" })
      assert.deepStrictEqual(fieldsOf(lastError.reason), { _tag: "ServerFailed", status: 502 })
      assert.strictEqual(
        error.message,
        `Ticket ${ticketId} has no outcome after 50s and 3 polls. Keep its id and ask again later. The last error was retrieve: the server failed with status 502 (1 attempt, request request-3)`
      )
    })
  )

  it.effect("has no ticket if no poll succeeded", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(always("refused"))
      const { error } = yield* failsPending("1 minute", awaitOutcome(ticketId, { deadline: "1 minute" }))
      assert.isUndefined(error.lastTicket)
      assert.strictEqual(lastReasonOf(error)?._tag, "TransportFailed")
    })
  )

  it.effect("holds the last error even if a later poll succeeded", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(repeatLast({ status: 500 }, pendingReply))
      const { error } = yield* failsPending("1 minute", awaitOutcome(ticketId, { deadline: "1 minute" }))
      assert.strictEqual(error.lastTicket?._tag, "Pending")
      assert.strictEqual(lastReasonOf(error)?._tag, "ServerFailed")
    })
  )

  it.effect("counts polls, not the attempts within a poll", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always({ status: 503 }), { retry: Schedule.recurs(2) })
      const { error } = yield* failsPending(
        "1 minute",
        awaitOutcome(ticketId, { schedule: Schedule.spaced("10 seconds"), deadline: "25 seconds" })
      )
      assert.strictEqual(error.polls, 3)
      assert.strictEqual(error.lastError?.attempts, 3)
      assert.deepStrictEqual(yield* times, [0, 0, 0, 10_000, 10_000, 10_000, 20_000, 20_000, 20_000])
    })
  )
})
