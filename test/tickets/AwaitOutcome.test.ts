import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { IssueKey } from "../../src/index.ts"
import { Fault, type ScriptedReply } from "../../src/testing/index.ts"
import { apiErrors, ticketId } from "../support/fixtures.ts"
import { onSandbox } from "../support/harness.ts"
import { failsWithin, within } from "../support/virtualTime.ts"
import { createdReply, exactSchedule, outcomes, pendingReply, pollTimes, repeatLast, scripted } from "./polling.ts"

describe("awaitOutcome", () => {
  it.effect.each(outcomes)("returns the outcome of a terminal ticket at once, after one poll: $title", (outcome) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted([outcome.reply])
      assert.deepStrictEqual<unknown>(yield* awaitOutcome(ticketId), outcome.ticket)
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("returns Failed as an outcome, not as an error", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Failed", after: 2000 })
        const { after, exit } = yield* within("1 minute", tickets.awaitOutcome(id, { schedule: exactSchedule }))
        assert.deepStrictEqual(exit, Exit.succeed({ _tag: "Failed", ticketId: id } as const))
        assert.strictEqual(after, 2500)
      })
    )
  )

  const ticketErrors: ReadonlyArray<{ readonly code: number; readonly tag: string; readonly reply: ScriptedReply }> = [
    { code: 20061, tag: "NotEnabled", reply: { status: 403, json: apiErrors.notEnabled } },
    { code: 40017, tag: "NotFound", reply: { status: 404, json: apiErrors.notFound } },
    { code: 40001, tag: "Unauthenticated", reply: { status: 401, json: apiErrors.notAuthenticated } }
  ]
  it.effect.each(ticketErrors)("fails at once with $tag on code $code, whichever poll it is", ({ reply, tag }) =>
    Effect.gen(function* () {
      for (const pollsBefore of [0, 1, 2]) {
        const { awaitOutcome, times } = yield* scripted(
          repeatLast(...Array.from({ length: pollsBefore }, () => pendingReply), reply)
        )
        const { after, error } = yield* failsWithin(
          "1 hour",
          awaitOutcome(ticketId, { schedule: Schedule.spaced(500) })
        )
        assert.strictEqual(error._tag, tag)
        assert.strictEqual((yield* times).length, pollsBefore + 1)
        assert.strictEqual(after, pollsBefore * 500)
      }
    })
  )

  it.effect("keeps polling through an outage", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ after: "1 minute" })
          const fiber = yield* Effect.forkChild(tickets.awaitOutcome(id, { schedule: Schedule.spaced("10 seconds") }), {
            startImmediately: true
          })
          yield* TestClock.adjust("5 seconds")
          yield* sandbox.inject(Fault.gatewayHtml(502), { on: "retrieve", times: 2 })
          yield* sandbox.inject(Fault.refused, { on: "retrieve" })
          yield* sandbox.inject(Fault.cutJson, { on: "retrieve" })
          yield* sandbox.inject(Fault.body({ ticketId: id, status: "LOST", issueKey: null }), { on: "retrieve" })
          yield* TestClock.adjust("55 seconds")
          assert.strictEqual((yield* Fiber.join(fiber))._tag, "Created")
          assert.deepStrictEqual(
            (yield* sandbox.requests).slice(1).map(({ fault }) => fault?._tag),
            [undefined, "Response", "Response", "Refused", "CutJson", "Response", undefined]
          )
        }),
      { retry: { times: 0 } }
    )
  )

  it.effect("keeps polling through an outage of the token endpoint", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ after: 0 })
          yield* sandbox.inject(Fault.status(503), { on: "token", times: 3 })
          const { after } = yield* within(
            "1 minute",
            tickets.awaitOutcome(id, { schedule: Schedule.spaced("10 seconds") })
          )
          assert.strictEqual(after, 30_000)
          assert.strictEqual(yield* sandbox.count("token"), 4)
          assert.strictEqual(yield* sandbox.count("retrieve"), 1)
        }),
      { retry: { times: 0 } }
    )
  )

  it.effect("fails with NotEnabled when support tickets are switched off during the wait", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Pending" })
        const fiber = yield* Effect.forkChild(Effect.flip(tickets.awaitOutcome(id, { schedule: exactSchedule })), {
          startImmediately: true
        })
        yield* TestClock.adjust(2000)
        yield* sandbox.setEnabled(false)
        yield* TestClock.adjust(500)
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "NotEnabled", code: 20061 })
        assert.deepStrictEqual(yield* pollTimes(sandbox), [0, 1000, 2500])
      })
    )
  )

  it.effect("logs nothing above debug, neither for a pending ticket nor for a failed poll", () =>
    Effect.gen(function* () {
      const levels: Array<string> = []
      const logger = Logger.make(({ logLevel }) => void levels.push(logLevel))
      const { awaitOutcome } = yield* scripted(
        repeatLast(pendingReply, { status: 503 }, pendingReply, createdReply),
        {}
      )
      yield* within("1 minute", awaitOutcome(ticketId)).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All")
      )
      assert.include(levels, "Debug")
      assert.deepStrictEqual(
        levels.filter((level) => level !== "Debug" && level !== "Trace"),
        []
      )
    })
  )
})

describe("concurrent waits", () => {
  it.effect("return each of 5,000 tickets' own outcome, on one token", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const outcomeOf = (index: number) => (index % 2 === 0 ? "Created" : "Failed")
        const ids = yield* Effect.forEach(
          Array.from({ length: 5000 }, (_, index) => index),
          (index) => sandbox.seed({ outcome: outcomeOf(index), after: index % 10 === 0 ? 0 : index * 4 })
        )
        const { after, exit } = yield* within(
          "15 minutes",
          Effect.forEach(ids, (id) => tickets.awaitOutcome(id, { schedule: exactSchedule }), {
            concurrency: "unbounded"
          })
        )
        assert.deepStrictEqual(
          (yield* exit).map(({ _tag, ticketId }) => `${_tag} ${ticketId}`),
          ids.map((id, index) => `${outcomeOf(index)} ${id}`)
        )
        assert.strictEqual(after, 20_782)
        assert.strictEqual(yield* sandbox.count("token"), 1)
      })
    )
  )

  it.effect("for the same ticket share its outcome, and are independent of each other until then", () =>
    onSandbox(({ sandbox, tickets: { awaitOutcome, changes } }) =>
      Effect.gen(function* () {
        const issueKey = IssueKey.make("SUP-1001")
        const id = yield* sandbox.seed({ outcome: "Pending", issueKey })
        const fork = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.forkChild(Effect.exit(effect), { startImmediately: true })
        const interrupted = yield* fork(awaitOutcome(id, { schedule: exactSchedule }))
        const timedOut = yield* fork(awaitOutcome(id, { schedule: exactSchedule, deadline: "2 seconds" }))
        const spaced = yield* fork(awaitOutcome(id, { schedule: Schedule.spaced("1 minute") }))
        const stream = yield* fork(Stream.runCollect(changes(id, { schedule: exactSchedule })))
        yield* TestClock.adjust(1500)
        yield* Fiber.interrupt(interrupted)
        yield* TestClock.adjust(1500)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(timedOut)))
        yield* sandbox.complete(id, "Created")
        yield* TestClock.adjust("1 minute")
        const ticket = { _tag: "Created", ticketId: id, issueKey } as const
        assert.deepStrictEqual(yield* Fiber.join(spaced), Exit.succeed(ticket))
        assert.deepStrictEqual(
          yield* Fiber.join(stream),
          Exit.succeed([{ _tag: "Pending", ticketId: id } as const, ticket])
        )
        assert.deepStrictEqual(yield* pollTimes(sandbox), [0, 0, 0, 0, 1000, 1000, 1000, 2500, 4750])
      })
    )
  )
})
