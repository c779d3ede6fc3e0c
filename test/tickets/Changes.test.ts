import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { apiErrors, ticketId } from "../support/fixtures.ts"
import { onSandbox } from "../support/harness.ts"
import { failsWithin, within } from "../support/virtualTime.ts"
import {
  always,
  createdReply,
  createdTicket,
  exactSchedule,
  failsPending,
  outcomes,
  pendingReply,
  pendingTicket,
  repeatLast,
  scripted
} from "./polling.ts"

describe("changes", () => {
  it.effect("emits each state once, and ends with the outcome", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(
        repeatLast(pendingReply, pendingReply, { status: 503 }, pendingReply, createdReply)
      )
      const { after, exit } = yield* within(
        "1 minute",
        Stream.runCollect(changes(ticketId, { schedule: exactSchedule }))
      )
      assert.deepStrictEqual(exit, Exit.succeed([pendingTicket, createdTicket]))
      assert.deepStrictEqual(yield* times, [0, 1000, 2500, 4750, 8125])
      assert.strictEqual(after, 8125)
    })
  )

  it.effect.each(outcomes)("emits only the outcome of a terminal ticket: $title", ({ reply, ticket }) =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted([reply])
      assert.deepStrictEqual(yield* Stream.runCollect(changes(ticketId)), [ticket])
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("emits a state when it is polled, not when the next state is", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Failed", after: 4000 })
        const emitted: Array<{ readonly at: number; readonly state: string }> = []
        yield* within(
          "1 minute",
          Stream.runForEach(tickets.changes(id, { schedule: exactSchedule }), ({ _tag }) =>
            Effect.map(Clock.currentTimeMillis, (at) => emitted.push({ at, state: _tag }))
          )
        )
        assert.deepStrictEqual(emitted, [
          { at: 0, state: "Pending" },
          { at: 4750, state: "Failed" }
        ])
      })
    )
  )

  it.effect("fails with OutcomePending at the deadline, after the states before it", () =>
    Effect.gen(function* () {
      const { changes } = yield* scripted(always(pendingReply))
      const emitted: Array<string> = []
      const { after, error } = yield* failsPending(
        "1 minute",
        Stream.runForEach(changes(ticketId, { deadline: 12_345 }), ({ _tag }) => Effect.sync(() => emitted.push(_tag)))
      )
      assert.strictEqual(after, 12_345)
      assert.deepStrictEqual(emitted, ["Pending"])
      assert.deepStrictEqual(error.lastTicket, pendingTicket)
    })
  )

  it.effect("fails at once with a TicketError", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(repeatLast(pendingReply, { status: 404, json: apiErrors.notFound }))
      const { error } = yield* failsWithin(
        "1 minute",
        Stream.runCollect(changes(ticketId, { schedule: exactSchedule }))
      )
      assert.deepInclude(error, { _tag: "NotFound", ticketId })
      assert.deepStrictEqual(yield* times, [0, 1000])
    })
  )

  it.effect("sends no further request after its consumer has stopped", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Pending" })
        const changes = tickets.changes(id, { deadline: Duration.infinity })
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(changes, 1)), [{ _tag: "Pending", ticketId: id }])
        yield* TestClock.adjust("1 day")
        assert.strictEqual(yield* sandbox.count("retrieve"), 1)
      })
    )
  )

  it.effect("sends nothing until it is run, and starts over in each run", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(always(createdReply))
      const stream = changes(ticketId, { deadline: "1 second" })
      assert.deepStrictEqual(yield* times, [])
      yield* TestClock.adjust("1 hour")
      yield* Stream.runCollect(stream)
      yield* TestClock.adjust("1 hour")
      yield* Stream.runCollect(stream)
      assert.deepStrictEqual(yield* times, [3_600_000, 7_200_000])
    })
  )

  it.effect("does not poll before a slow consumer asks for the next state", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(repeatLast(pendingReply, pendingReply, createdReply))
      const slow = Stream.mapEffect(changes(ticketId, { schedule: exactSchedule }), ({ _tag }) =>
        Effect.delay(Effect.succeed(_tag), "1 minute")
      )
      const { after, exit } = yield* within("1 hour", Stream.runCollect(slow))
      assert.deepStrictEqual(exit, Exit.succeed(["Pending", "Created"]))
      assert.deepStrictEqual(yield* times, [0, 61_000, 62_500])
      assert.strictEqual(after, 122_500)
    })
  )
})
