import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import {
  type AwaitOptions,
  IssueKey,
  makePollingSchedule,
  OutcomePending,
  type RequestOptions,
  RipioHttpError,
  type SupportTicket,
  SupportTickets,
  type TicketId
} from "../../src/index.ts"
import { Fault, Sandbox, type ScriptedReply, type ScriptedStep } from "../../src/testing/index.ts"
import { draws, failsWithin, fieldsOf, gaps, within } from "../support/virtualTime.ts"
import { apiErrors, created, failed, pending, ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"

const exact = makePollingSchedule({ jitter: false })

/** When the default figures poll without jitter: after 1 s, then 1.5 times as long each time, 30 s at most. */
const exactTimes = (until: number) => {
  const times = [0]
  for (let wait = 1000, at = wait; at < until; wait = Math.min(wait * 1.5, 30_000), at += Math.round(wait))
    times.push(at)
  return times
}

const isPending: ScriptedReply = { status: 200, json: pending }
const isCreated: ScriptedReply = { status: 200, json: created }
const isFailed: ScriptedReply = { status: 200, json: failed }
const theCreated = { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1234") } as const
const thePending = { _tag: "Pending", ticketId } as const
const theFailed = { _tag: "Failed", ticketId } as const

type Script = Parameters<typeof scriptedTickets>[0]

const always = (reply: ScriptedReply) => () => Effect.succeed(reply)

/** The last step lasts for ever. */
const then =
  (...script: ReadonlyArray<ScriptedStep>): Script =>
  (request, index) => {
    const step = script[Math.min(index, script.length - 1)] ?? "hang"
    return typeof step === "function" ? step(request, index) : Effect.succeed(step)
  }

/** Tickets on a script. One attempt for each poll, unless it says otherwise. */
const scripted = (script: Script, options: RequestOptions = { retry: { times: 0 } }) =>
  Effect.flatMap(scriptedTickets(script, options), ({ layer, requests, times }) =>
    Effect.map(Layer.build(layer), (context) => ({ ...Context.get(context, SupportTickets), requests, times }))
  )

/** Waits in virtual time for a failure that is `OutcomePending`. */
const gaveUp = (time: Duration.Input, effect: Effect.Effect<unknown, object>) =>
  Effect.map(failsWithin(time, effect), ({ after, error }) => {
    assert.instanceOf(error, OutcomePending)
    return { after, error }
  })

const onSandbox = (
  test: (sandbox: Sandbox["Service"], tickets: SupportTickets["Service"]) => Effect.Effect<void, unknown>,
  options?: RequestOptions
) =>
  Effect.gen(function* () {
    yield* test(yield* Sandbox, yield* SupportTickets)
  }).pipe(Effect.provide(Sandbox.layerRipio(options)))

const pollTimes = (sandbox: Sandbox["Service"]) =>
  Effect.map(sandbox.requests, (all) => all.filter(({ route }) => route === "retrieve").map(({ at }) => at))

describe("the times of the polls", () => {
  it.effect("are at once, after 1 s, and then 1.5 times as long each time, 30 s at most", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ after: "150 seconds" })
        const { after, exit } = yield* within("1 hour", awaitOutcome(id, { schedule: exact }))
        assert.deepStrictEqual(
          exit,
          Exit.succeed({ _tag: "Created", ticketId: id, issueKey: IssueKey.make("SUP-1001") } as const)
        )
        const times = [0, 1000, 2500, 4750, 8125, 13_188, 20_782, 32_173, 49_259, 74_888, 104_888, 134_888, 164_888]
        assert.deepStrictEqual(yield* pollTimes(sandbox), times)
        assert.strictEqual(after, 164_888)
      })
    )
  )

  it.effect("are those of the figures that one asks for", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(isPending))
      const schedule = makePollingSchedule({ first: "10 seconds", factor: 2, max: "1 minute", jitter: false })
      yield* gaveUp("5 minutes", awaitOutcome(ticketId, { schedule, deadline: "5 minutes" }))
      assert.deepStrictEqual(yield* times, [0, 10_000, 30_000, 70_000, 130_000, 190_000, 250_000])
    })
  )

  it.effect("are those of any schedule", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(isPending))
      yield* gaveUp(
        "1 minute",
        awaitOutcome(ticketId, { schedule: Schedule.spaced("20 seconds"), deadline: "1 minute" })
      )
      assert.deepStrictEqual(yield* times, [0, 20_000, 40_000])
    })
  )

  it.effect("wait from answer to question, not from question to question", () =>
    Effect.gen(function* () {
      const slow = () => Effect.delay(Effect.succeed(isPending), "3 seconds")
      const { awaitOutcome, times } = yield* scripted(then(slow, slow, isCreated))
      const { after } = yield* within("1 minute", awaitOutcome(ticketId, { schedule: Schedule.spaced("5 seconds") }))
      assert.deepStrictEqual([yield* times, after], [[0, 8000, 16_000], 16_000])
    })
  )

  it.effect("are jittered by default: each wait within 80 % and 120 %, none above 30 s, whole milliseconds", () =>
    Effect.gen(function* () {
      const bounds = gaps(exactTimes(300_000))
      const seen: Array<ReadonlyArray<number>> = []
      for (let seed = 0; seed < 100; seed++) {
        const { awaitOutcome, times } = yield* scripted(always(isPending))
        yield* gaveUp("5 minutes", Random.withSeed(awaitOutcome(ticketId, { deadline: "5 minutes" }), seed))
        const waits = gaps(yield* times)
        for (const [index, wait] of waits.entries()) {
          const full = bounds[index] ?? 30_000
          assert.isAtLeast(wait, Math.floor(full * 0.8))
          assert.isAtMost(wait, Math.min(Math.ceil(full * 1.2), 30_000))
          assert.isTrue(Number.isInteger(wait))
        }
        seen.push(waits)
      }
      assert.strictEqual(new Set(seen.map(String)).size, 100)
      const firsts = seen.map(([first = 0]) => first)
      assert.isBelow(Math.min(...firsts), 820)
      assert.isAbove(Math.max(...firsts), 1180)
    })
  )

  it.effect("are told beforehand by the seed", () =>
    Effect.gen(function* () {
      const drawn = yield* draws("polls", 4)
      const expected = [0]
      for (const [index, random] of drawn.entries()) {
        expected.push((expected.at(-1) ?? 0) + Math.round(1000 * 1.5 ** index * (0.8 + 0.4 * random)))
      }
      const { awaitOutcome, times } = yield* scripted(then(isPending, isPending, isPending, isPending, isCreated))
      yield* within("1 minute", Random.withSeed(awaitOutcome(ticketId), "polls"))
      assert.deepStrictEqual(yield* times, expected)
    })
  )

  it.effect("begin anew with each waiting", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(isPending))
      const once = gaveUp("3 seconds", awaitOutcome(ticketId, { schedule: exact, deadline: "3 seconds" }))
      yield* once
      yield* once
      assert.deepStrictEqual(yield* times, [0, 1000, 2500, 3000, 4000, 5500])
    })
  )
})

describe("the schedule", () => {
  it.effect("that ends, ends the waiting", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(isPending))
      const schedule = Schedule.max([Schedule.spaced("2 seconds"), Schedule.recurs(3)])
      const { after, error } = yield* gaveUp("1 hour", awaitOutcome(ticketId, { schedule }))
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "OutcomePending",
        ticketId,
        lastTicket: thePending,
        polls: 4,
        elapsed: Duration.seconds(6)
      })
      assert.deepStrictEqual([yield* times, after], [[0, 2000, 4000, 6000], 6000])
    })
  )

  it.effect("that never begins leaves one poll", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(always(isPending))
      const { after, error } = yield* gaveUp("1 hour", awaitOutcome(ticketId, { schedule: Schedule.recurs(0) }))
      assert.deepStrictEqual([error.polls, after], [1, 0])
    })
  )

  it.effect("is fed with the last news, ticket or failure", () =>
    Effect.gen(function* () {
      const fed: Array<string> = []
      const schedule = Schedule.spaced("1 second").pipe(
        Schedule.setInputType<SupportTicket | RipioHttpError>(),
        Schedule.tap(({ input }) =>
          Effect.sync(() => fed.push(input._tag === "RipioHttpError" ? input.reason._tag : input._tag))
        )
      )
      const script = then(isPending, { status: 502 }, "refused", isPending, { status: 200, text: "{" }, isFailed)
      const { awaitOutcome } = yield* scripted(script)
      const { exit } = yield* within("1 minute", awaitOutcome(ticketId, { schedule }))
      assert.deepStrictEqual(exit, Exit.succeed(theFailed))
      assert.deepStrictEqual(fed, ["Pending", "ServerFailed", "TransportFailed", "Pending", "UnexpectedResponse"])
    })
  )

  it.effect("can end the waiting by what it is fed with", () =>
    Effect.gen(function* () {
      const schedule = Schedule.spaced("1 second").pipe(
        Schedule.setInputType<SupportTicket | RipioHttpError>(),
        Schedule.while(({ input }) => input._tag !== "RipioHttpError" || input.isRetryable)
      )
      const { awaitOutcome, times } = yield* scripted(then(isPending, { status: 502 }, { status: 200, text: "{" }))
      const { error } = yield* gaveUp("1 hour", awaitOutcome(ticketId, { schedule }))
      assert.strictEqual(error.lastError?.reason._tag, "UnexpectedResponse")
      assert.deepStrictEqual(yield* times, [0, 1000, 2000])
    })
  )
})

describe("what ends the waiting", () => {
  it.effect.each<readonly [string, ScriptedReply, object]>([
    ["Created", isCreated, theCreated],
    ["Failed", isFailed, theFailed]
  ])("an outcome that is there already takes one poll and no time: %s", ([, reply, ticket]) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted([reply])
      assert.deepStrictEqual(yield* awaitOutcome(ticketId), ticket)
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("from PENDING to FAILED is an outcome and no error", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Failed", after: 2000 })
        const { after, exit } = yield* within("1 minute", awaitOutcome(id, { schedule: exact }))
        assert.deepStrictEqual(exit, Exit.succeed({ _tag: "Failed", ticketId: id } as const))
        assert.strictEqual(after, 2500)
      })
    )
  )

  it.effect.each<readonly [string, ScriptedReply, string]>([
    ["20061", { status: 403, json: apiErrors.notEnabled }, "NotEnabled"],
    ["40017", { status: 404, json: apiErrors.notFound }, "NotFound"],
    ["40001", { status: 401, json: apiErrors.notAuthenticated }, "Unauthenticated"]
  ])("a TicketError, at once, on whichever poll: %s", ([, reply, tag]) =>
    Effect.gen(function* () {
      for (const before of [0, 1, 2]) {
        const { awaitOutcome, times } = yield* scripted(
          then(...Array.from({ length: before }, (): ScriptedReply => isPending), reply)
        )
        const { after, error } = yield* failsWithin(
          "1 hour",
          awaitOutcome(ticketId, { schedule: Schedule.spaced(500) })
        )
        assert.strictEqual(error._tag, tag)
        assert.deepStrictEqual([(yield* times).length, after], [before + 1, before * 500])
      }
    })
  )

  it.effect("not an outage in its middle, which heals", () =>
    onSandbox(
      (sandbox, { awaitOutcome }) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ after: "1 minute" })
          const waiting = yield* Effect.forkChild(awaitOutcome(id, { schedule: Schedule.spaced("10 seconds") }), {
            startImmediately: true
          })
          yield* TestClock.adjust("5 seconds")
          yield* sandbox.inject(Fault.gatewayHtml(502), { on: "retrieve", times: 2 })
          yield* sandbox.inject(Fault.refused, { on: "retrieve" })
          yield* sandbox.inject(Fault.cutJson, { on: "retrieve" })
          yield* sandbox.inject(Fault.body({ ticketId: id, status: "LOST", issueKey: null }), { on: "retrieve" })
          yield* TestClock.adjust("55 seconds")
          assert.strictEqual((yield* Fiber.join(waiting))._tag, "Created")
          assert.deepStrictEqual(
            (yield* sandbox.requests).slice(1).map(({ fault }) => fault?._tag),
            [undefined, "Response", "Response", "Refused", "CutJson", "Response", undefined]
          )
        }),
      { retry: { times: 0 } }
    )
  )

  it.effect("not an outage of the token endpoint either", () =>
    onSandbox(
      (sandbox, { awaitOutcome }) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ after: 0 })
          yield* sandbox.inject(Fault.status(503), { on: "token", times: 3 })
          const { after } = yield* within("1 minute", awaitOutcome(id, { schedule: Schedule.spaced("10 seconds") }))
          assert.strictEqual(after, 30_000)
          assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [4, 1])
        }),
      { retry: { times: 0 } }
    )
  )

  it.effect("the account that is switched off in between", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Pending" })
        const waiting = yield* Effect.forkChild(Effect.flip(awaitOutcome(id, { schedule: exact })), {
          startImmediately: true
        })
        yield* TestClock.adjust(2000)
        yield* sandbox.setEnabled(false)
        yield* TestClock.adjust(500)
        assert.deepInclude(yield* Fiber.join(waiting), { _tag: "NotEnabled", code: 20061 })
        assert.deepStrictEqual(yield* pollTimes(sandbox), [0, 1000, 2500])
      })
    )
  )
})

describe("the deadline", () => {
  it.effect("counts from the start of the waiting", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(always(isPending))
      yield* TestClock.adjust("1 hour")
      const { after, error } = yield* gaveUp("1 hour", awaitOutcome(ticketId, { deadline: "1 minute" }))
      assert.deepStrictEqual([after, Duration.toMillis(error.elapsed)], [60_000, 60_000])
    })
  )

  it.effect("does not move with the time of day", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(always(isPending))
      const clock = yield* Clock.Clock
      let setBack = 0
      const wall: Clock.Clock = {
        sleep: (duration) => clock.sleep(duration),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
        currentTimeNanos: clock.currentTimeNanos,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        monotonicTimeNanos: clock.monotonicTimeNanos,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() - setBack,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now - setBack)
      }
      const waiting = awaitOutcome(ticketId, { deadline: "1 minute" }).pipe(Effect.provideService(Clock.Clock, wall))
      const fiber = yield* Effect.forkChild(Effect.flip(waiting), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      setBack = 3_600_000
      yield* TestClock.adjust("50 seconds")
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "OutcomePending")
      assert.strictEqual(Duration.toMillis(error.elapsed), 60_000)
    })
  )

  it.effect("is fifteen minutes by default, to the millisecond", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(isPending))
      const { after, error } = yield* gaveUp("1 hour", awaitOutcome(ticketId, { schedule: exact }))
      const polls = exactTimes(900_000)
      assert.strictEqual(after, 900_000)
      assert.deepStrictEqual(yield* times, polls)
      assert.deepStrictEqual(fieldsOf(error), {
        _tag: "OutcomePending",
        ticketId,
        lastTicket: thePending,
        polls: polls.length,
        elapsed: Duration.minutes(15)
      })
    })
  )

  it.effect.each([1, 999, 1000, 1001, 2500, 61_234])("cuts a wait off: %s ms", (deadline) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(isPending))
      const { after, error } = yield* gaveUp("1 hour", awaitOutcome(ticketId, { schedule: exact, deadline }))
      assert.deepStrictEqual([after, Duration.toMillis(error.elapsed)], [deadline, deadline])
      // At the deadline itself nothing is sent any more.
      assert.deepStrictEqual(yield* times, exactTimes(deadline))
      assert.strictEqual(error.polls, exactTimes(deadline).length)
    })
  )

  it.effect("cuts an answer off that never comes, to the millisecond, and aborts its request", () =>
    Effect.gen(function* () {
      let aborted = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => aborted++))
      const { awaitOutcome, times } = yield* scripted(
        then(isPending, () => hang),
        { timeout: "1 hour" }
      )
      const { after, error } = yield* gaveUp("1 day", awaitOutcome(ticketId, { schedule: exact, deadline: 61_234 }))
      assert.deepStrictEqual([after, error.polls, aborted], [61_234, 2, 1])
      assert.deepStrictEqual(yield* times, [0, 1000])
    })
  )

  it.effect("holds whatever the sandbox does: hang, latency, an endless outage", () =>
    Effect.gen(function* () {
      for (const fault of [
        Fault.hang,
        Fault.latency("9 seconds"),
        Fault.refused,
        Fault.rateLimited({ retryAfter: 50 })
      ]) {
        for (const on of ["retrieve", "token"] as const) {
          yield* onSandbox((sandbox, { awaitOutcome }) =>
            Effect.gen(function* () {
              const id = yield* sandbox.seed({ outcome: "Pending" })
              yield* sandbox.inject(fault, { on, times: "forever" })
              const { after } = yield* gaveUp("1 day", awaitOutcome(id, { deadline: 61_234 }))
              assert.strictEqual(after, 61_234)
              const count = yield* sandbox.count()
              yield* TestClock.adjust("1 day")
              assert.strictEqual(yield* sandbox.count(), count)
            })
          )
        }
      }
    })
  )

  it.effect("of no time at all asks nothing", () =>
    Effect.gen(function* () {
      for (const deadline of [0, Duration.zero, "0 seconds"] as const) {
        const { awaitOutcome, times } = yield* scripted([])
        const { after, error } = yield* gaveUp(0, awaitOutcome(ticketId, { deadline }))
        assert.deepStrictEqual([error.polls, after, yield* times], [0, 0, []])
      }
    })
  )

  it.effect("of infinity does not come", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted((request) =>
        Effect.succeed(request.at < Duration.toMillis("30 days") ? isPending : isCreated)
      )
      const schedule = Schedule.spaced("1 hour")
      const { after, exit } = yield* within(
        "31 days",
        awaitOutcome(ticketId, { schedule, deadline: Duration.infinity })
      )
      assert.deepStrictEqual(exit, Exit.succeed(theCreated))
      assert.deepStrictEqual([after, (yield* times).length], [Duration.toMillis("30 days"), 721])
    })
  )

  it.effect.each<AwaitOptions & { readonly name: string }>([
    { name: "negative", deadline: -1 },
    { name: "minus infinity", deadline: Duration.negativeInfinity }
  ])("that cannot be is held back before the first poll: $name", ({ deadline = 0 }) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted([])
      const { error } = yield* gaveUp(0, awaitOutcome(ticketId, { deadline }))
      assert.deepInclude(error.lastError, { attempts: 0, operation: "awaitOutcome" })
      assert.strictEqual(
        error.lastError?.reason.message,
        "the request was not sent: deadline: expected a duration that is not negative"
      )
      assert.deepStrictEqual(yield* times, [])
    })
  )
})

describe("the evidence", () => {
  it.effect("holds the last ticket, the last failure, the polls and the time", () =>
    Effect.gen(function* () {
      const headers = { "x-request-id": "request-3" }
      const script = then(isPending, { status: 500 }, { status: 502, headers })
      const { awaitOutcome } = yield* scripted(script)
      const { error } = yield* gaveUp(
        "1 minute",
        awaitOutcome(ticketId, { schedule: Schedule.spaced("20 seconds"), deadline: "50 seconds" })
      )
      const { lastError, ...rest } = fieldsOf(error)
      assert.deepStrictEqual(rest, {
        _tag: "OutcomePending",
        ticketId,
        lastTicket: thePending,
        polls: 3,
        elapsed: Duration.seconds(50)
      })
      assert.instanceOf(lastError, RipioHttpError)
      assert.deepInclude(lastError, { operation: "retrieve", attempts: 1, requestId: "request-3" })
      assert.deepStrictEqual(fieldsOf(lastError.reason), { _tag: "ServerFailed", status: 502 })
      assert.strictEqual(
        error.message,
        `Ticket ${ticketId} has no outcome after 50s and 3 polls: keep its id and ask again later; the last failure was retrieve: the server failed with status 502 (1 attempt, request request-3)`
      )
    })
  )

  it.effect("has no ticket if none was seen", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(always("refused"))
      const { error } = yield* gaveUp("1 minute", awaitOutcome(ticketId, { deadline: "1 minute" }))
      assert.isUndefined(error.lastTicket)
      assert.strictEqual(error.lastError?.reason._tag, "TransportFailed")
    })
  )

  it.effect("keeps a failure that was followed by news", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* scripted(then({ status: 500 }, isPending))
      const { error } = yield* gaveUp("1 minute", awaitOutcome(ticketId, { deadline: "1 minute" }))
      assert.deepStrictEqual([error.lastTicket?._tag, error.lastError?.reason._tag], ["Pending", "ServerFailed"])
    })
  )

  it.effect("counts polls, not the attempts within them", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always({ status: 503 }), { retry: Schedule.recurs(2) })
      const options = { schedule: Schedule.spaced("10 seconds"), deadline: "25 seconds" } as const
      const { error } = yield* gaveUp("1 minute", awaitOutcome(ticketId, options))
      assert.deepStrictEqual([error.polls, error.lastError?.attempts], [3, 3])
      assert.deepStrictEqual(yield* times, [0, 0, 0, 10_000, 10_000, 10_000, 20_000, 20_000, 20_000])
    })
  )
})

describe("the log", () => {
  it.effect("says nothing above debug of a ticket that takes its time, nor of an outage on the way", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ logLevel }) => void logged.push(logLevel))
      const { awaitOutcome } = yield* scripted(then(isPending, { status: 503 }, isPending, isCreated), {})
      yield* within("1 minute", awaitOutcome(ticketId)).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All")
      )
      assert.include(logged, "Debug")
      assert.deepStrictEqual(
        logged.filter((level) => level !== "Debug" && level !== "Trace"),
        []
      )
    })
  )
})

describe("Retry-After", () => {
  const limited = (retryAfter: string, status = 429): ScriptedReply => ({
    status,
    headers: { "retry-after": retryAfter }
  })

  it.effect.each([429, 503])("lengthens the next wait only: %s", (status) =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(
        then(isPending, limited("20", status), isPending, isPending, isCreated)
      )
      const { after } = yield* within("1 minute", awaitOutcome(ticketId, { schedule: exact }))
      // 1 s; 1.5 s, but 20 s were asked for; 2.25 s; 3.375 s.
      assert.deepStrictEqual(yield* times, [0, 1000, 21_000, 23_250, 26_625])
      assert.strictEqual(after, 26_625)
    })
  )

  it.effect("does not shorten a wait", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(then(limited("3"), isCreated))
      yield* within("1 minute", awaitOutcome(ticketId, { schedule: Schedule.spaced("7 seconds") }))
      assert.deepStrictEqual(yield* times, [0, 7000])
    })
  )

  it.effect("above the cap of a call is waited for all the same, with time enough", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(then(limited("300"), isCreated), {})
      const { after } = yield* within("1 hour", awaitOutcome(ticketId))
      assert.deepStrictEqual([yield* times, after], [[0, 300_000], 300_000])
    })
  )

  it.effect("of more than an hour is waited for an hour, and then asked again", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(then(limited("99999999999"), isCreated), {})
      yield* within("2 hours", awaitOutcome(ticketId, { deadline: Duration.infinity }))
      assert.deepStrictEqual(yield* times, [0, 3_600_000])
    })
  )

  it.effect("beyond the deadline leaves it the deadline", () =>
    Effect.gen(function* () {
      const { awaitOutcome, times } = yield* scripted(always(limited("86400")))
      const { after, error } = yield* gaveUp("1 day", awaitOutcome(ticketId))
      assert.deepStrictEqual([after, yield* times], [900_000, [0]])
      const reason = error.lastError?.reason
      assert(reason?._tag === "RateLimited")
      assert.deepStrictEqual(reason.retryAfter, Duration.days(1))
    })
  )
})

describe("after interruption", () => {
  it.effect.each([
    ["before the first answer", Fault.hang, 0],
    ["in a wait", Fault.latency(0), 3000],
    ["in a later request", Fault.latency("5 seconds"), 6500]
  ] as const)("no further request leaves: %s", ([, fault, at]) =>
    Effect.gen(function* () {
      for (const run of [
        (tickets: SupportTickets["Service"], id: TicketId) => tickets.awaitOutcome(id, { deadline: Duration.infinity }),
        (tickets: SupportTickets["Service"], id: TicketId) =>
          Stream.runDrain(tickets.changes(id, { deadline: Duration.infinity }))
      ]) {
        yield* onSandbox((sandbox, tickets) =>
          Effect.gen(function* () {
            const id = yield* sandbox.seed({ outcome: "Pending" })
            yield* sandbox.inject(fault, { on: "retrieve", times: "forever" })
            const waiting = yield* Effect.forkChild(Effect.asVoid(run(tickets, id)), { startImmediately: true })
            yield* TestClock.adjust(at)
            yield* Fiber.interrupt(waiting)
            const count = yield* sandbox.count()
            assert.isAbove(count, 0)
            yield* TestClock.adjust("1 day")
            assert.strictEqual(yield* sandbox.count(), count)
          })
        )
      }
    })
  )
})

describe("changes", () => {
  const collect = <E>(changes: Stream.Stream<SupportTicket, E>) => Stream.runCollect(changes)

  it.effect("gives each state once, and ends with the outcome", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(then(isPending, isPending, { status: 503 }, isPending, isCreated))
      const { after, exit } = yield* within("1 minute", collect(changes(ticketId, { schedule: exact })))
      assert.deepStrictEqual(exit, Exit.succeed([thePending, theCreated]))
      assert.deepStrictEqual([yield* times, after], [[0, 1000, 2500, 4750, 8125], 8125])
    })
  )

  it.effect.each([
    ["Created", isCreated, theCreated],
    ["Failed", isFailed, theFailed]
  ] as const)("of a ticket that has ended is its outcome alone: %s", ([, reply, ticket]) =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted([reply])
      assert.deepStrictEqual(yield* collect(changes(ticketId)), [ticket])
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.effect("gives a state when it is seen, not when the next comes", () =>
    onSandbox((sandbox, { changes }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Failed", after: 4000 })
        const seen: Array<readonly [number, string]> = []
        yield* within(
          "1 minute",
          Stream.runForEach(changes(id, { schedule: exact }), ({ _tag }) =>
            Effect.clockWith((clock) => Effect.sync(() => seen.push([clock.currentTimeMillisUnsafe(), _tag])))
          )
        )
        assert.deepStrictEqual(seen, [
          [0, "Pending"],
          [4750, "Failed"]
        ])
      })
    )
  )

  it.effect("ends with OutcomePending at the deadline, after what was seen", () =>
    Effect.gen(function* () {
      const { changes } = yield* scripted(always(isPending))
      const seen: Array<string> = []
      const { after, error } = yield* gaveUp(
        "1 minute",
        Stream.runForEach(changes(ticketId, { deadline: 12_345 }), ({ _tag }) => Effect.sync(() => seen.push(_tag)))
      )
      assert.deepStrictEqual([after, seen, error.lastTicket], [12_345, ["Pending"], thePending])
    })
  )

  it.effect("fails at once with a TicketError", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(then(isPending, { status: 404, json: apiErrors.notFound }))
      const { error } = yield* failsWithin("1 minute", collect(changes(ticketId, { schedule: exact })))
      assert.deepInclude(error, { _tag: "NotFound", ticketId })
      assert.deepStrictEqual(yield* times, [0, 1000])
    })
  )

  it.effect("is left by a consumer that stops early without another request", () =>
    onSandbox((sandbox, { changes }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Pending" })
        const first = yield* collect(Stream.take(changes(id, { deadline: Duration.infinity }), 1))
        assert.deepStrictEqual(first, [{ _tag: "Pending", ticketId: id }])
        yield* TestClock.adjust("1 day")
        assert.strictEqual(yield* sandbox.count("retrieve"), 1)
      })
    )
  )

  it.effect("asks nothing until it is run, and begins anew with each run", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(always(isCreated))
      const stream = changes(ticketId, { deadline: "1 second" })
      assert.deepStrictEqual(yield* times, [])
      yield* TestClock.adjust("1 hour")
      yield* collect(stream)
      yield* TestClock.adjust("1 hour")
      yield* collect(stream)
      assert.deepStrictEqual(yield* times, [3_600_000, 7_200_000])
    })
  )

  it.effect("of a slow consumer asks when it is ready for more, and not before", () =>
    Effect.gen(function* () {
      const { changes, times } = yield* scripted(then(isPending, isPending, isCreated))
      const slow = Stream.mapEffect(changes(ticketId, { schedule: exact }), ({ _tag }) =>
        Effect.delay(Effect.succeed(_tag), "1 minute")
      )
      const { after, exit } = yield* within("1 hour", Stream.runCollect(slow))
      assert.deepStrictEqual(exit, Exit.succeed(["Pending", "Created"]))
      assert.deepStrictEqual([yield* times, after], [[0, 61_000, 62_500], 122_500])
    })
  )
})

describe("a machine that is late", () => {
  it.effect("asks no more once the deadline has passed, though the wait ended before it", () =>
    Effect.gen(function* () {
      let now = 0
      const wait = 300
      const nanos = () => BigInt(now) * 1_000_000n
      const late: Clock.Clock = {
        currentTimeMillisUnsafe: () => now,
        currentTimeMillis: Effect.sync(() => now),
        currentTimeNanosUnsafe: nanos,
        currentTimeNanos: Effect.sync(nanos),
        monotonicTimeNanosUnsafe: nanos,
        monotonicTimeNanos: Effect.sync(nanos),
        // Nothing gets to run for longer than it was asked to wait, and no other time is up.
        sleep: (duration) => {
          const millis = Duration.toMillis(duration)
          if (millis === wait) now += 2 * wait
          return millis === wait || millis <= 0 ? Effect.void : Effect.never
        }
      }
      const { awaitOutcome, requests } = yield* scripted(always(isPending))
      const error = yield* Effect.flip(
        awaitOutcome(ticketId, { schedule: Schedule.spaced(wait), deadline: wait + 100 })
      ).pipe(Effect.provideService(Clock.Clock, late))
      assert.deepInclude(error, { _tag: "OutcomePending", polls: 1, elapsed: Duration.millis(2 * wait) })
      assert.strictEqual((yield* requests).length, 1)
    })
  )
})

describe("many at once", () => {
  it.effect(
    "five thousand tickets are waited for concurrently, each to its own outcome",
    () =>
      onSandbox((sandbox, { awaitOutcome }) =>
        Effect.gen(function* () {
          const ids = yield* Effect.forEach(
            Array.from({ length: 5000 }, (_, index) => index),
            (index) =>
              sandbox.seed({ outcome: index % 2 === 0 ? "Created" : "Failed", after: index % 10 === 0 ? 0 : index * 4 })
          )
          const { after, exit } = yield* within(
            "15 minutes",
            Effect.forEach(ids, (id) => awaitOutcome(id, { schedule: exact }), { concurrency: "unbounded" })
          )
          const outcomes = yield* exit
          assert.deepStrictEqual(
            outcomes.map(({ _tag, ticketId }) => `${_tag} ${ticketId}`),
            ids.map((id, index) => `${index % 2 === 0 ? "Created" : "Failed"} ${id}`)
          )
          assert.strictEqual(after, 20_782)
          assert.strictEqual(yield* sandbox.count("token"), 1)
        })
      ),
    30_000
  )

  it.effect("waits on one id are independent of each other", () =>
    onSandbox((sandbox, { awaitOutcome, changes }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Pending" })
        const fork = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.forkChild(Effect.exit(effect), { startImmediately: true })
        const interrupted = yield* fork(awaitOutcome(id, { schedule: exact }))
        const impatient = yield* fork(awaitOutcome(id, { schedule: exact, deadline: "2 seconds" }))
        const sparse = yield* fork(awaitOutcome(id, { schedule: Schedule.spaced("1 minute") }))
        const stream = yield* fork(Stream.runCollect(changes(id, { schedule: exact })))
        yield* TestClock.adjust(1500)
        yield* Fiber.interrupt(interrupted)
        yield* TestClock.adjust(1500)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(impatient)))
        yield* sandbox.complete(id, "Created")
        yield* TestClock.adjust("1 minute")
        const ticket = { _tag: "Created", ticketId: id, issueKey: IssueKey.make("SUP-1001") } as const
        assert.deepStrictEqual(yield* Fiber.join(sparse), Exit.succeed(ticket))
        assert.deepStrictEqual(
          yield* Fiber.join(stream),
          Exit.succeed([{ _tag: "Pending", ticketId: id } as const, ticket])
        )
        assert.deepStrictEqual(yield* pollTimes(sandbox), [0, 0, 0, 0, 1000, 1000, 1000, 2500, 4750, 60_000])
      })
    )
  )
})

describe("retrieve", () => {
  it.effect("asks once for each call, under the id in the path with its slash", () =>
    Effect.gen(function* () {
      const { requests, retrieve } = yield* scripted([isPending, isCreated, isFailed])
      assert.deepStrictEqual(
        [yield* retrieve(ticketId), yield* retrieve(ticketId), yield* retrieve(ticketId)],
        [thePending, theCreated, theFailed]
      )
      for (const { body, method, url } of yield* requests) {
        assert.deepStrictEqual(
          [method, url, body],
          ["GET", `https://ripio.test/api/v1/supportTickets/${ticketId}/`, ""]
        )
      }
    })
  )
})
