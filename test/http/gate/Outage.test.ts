import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { AuthService, RipioHttp, RipioHttpLive, SupportTickets, SupportTicketsLive } from "../../../src/index.ts"
import { ScriptedHttpClient, type ScriptedReply } from "../../../src/testing/index.ts"
import { baseUrl } from "../../support/harness.ts"
import { countDone, createdOf, downBetween, fleet, idOf, maxPerTenth, pendingOf } from "./fleet.ts"

const unavailable = { status: 503 }

const failures: ReadonlyArray<readonly [string, ScriptedReply]> = [
  ["503", unavailable],
  ["refused connections", "refused"],
  ["HTML with status 500", { status: 500, text: "<html></html>" }]
]

// What each wait does in each second: its poll fails (x), its poll returns a pending ticket (o), or it does not poll (-).
// A wait ends after its last poll, unless a dash follows.
const timelines = [
  { title: "begins after five failures in a row of three tickets", begins: true, waits: ["xxx-", "x---", "x---"] },
  {
    title: "does not begin after four failures, a response and four failures",
    begins: false,
    waits: ["xxoxx-", "x--x--", "x--x--"]
  },
  {
    title: "begins after four failures, a response and five failures",
    begins: true,
    waits: ["xxoxxx-", "x--x---", "x--x---"]
  },
  {
    title: "does not begin after a response and five failures of one ticket of four",
    begins: false,
    waits: ["xo------", "x-------", "x-------", "--xxxxx-"]
  },
  {
    title: "does not begin after a response and five failures of one wait of two",
    begins: false,
    waits: ["xo------", "--xxxxx-"]
  },
  {
    title: "does not begin after failures of a wait that ended and of one wait of two",
    begins: false,
    waits: ["o-------", "-x", "--xxxxx-"]
  },
  {
    title: "begins after failures of a wait that ended and of the only other one",
    begins: true,
    waits: ["x", "-xxxx-"]
  }
]

describe("an outage", () => {
  it.effect.each(failures)(
    "of 8 s costs 1,000 waiters at most 150 requests, and ends for all within 12 s: %s",
    ([, reply]) =>
      Effect.gen(function* () {
        const { at, lines, waitForAll } = yield* fleet(downBetween(0, 8000, reply))
        const fibers = yield* waitForAll(1000)
        yield* TestClock.adjust("8 seconds")
        assert.isAtMost(at.length, 150)
        yield* TestClock.adjust("12 seconds")
        assert.strictEqual(countDone(fibers), 1000)
        assert.isAtMost(maxPerTenth(at.filter((time) => time >= 8000)), 200)
        assert.deepStrictEqual(
          lines().map(({ level }) => level),
          ["Warn", "Info"]
        )
        assert.match(lines()[0]?.message ?? "", /^The Ripio API is down: retrieve: .* 1000 waits are held back/u)
        assert.match(
          lines()[1]?.message ?? "",
          /^The Ripio API responds again after .*About \d+ polls? (was|were) saved$/u
        )
      })
  )

  it.effect("of 15 min costs under 500 requests, and one poll at a time on a pause of at most 10 s", () =>
    Effect.gen(function* () {
      const { at, seen, waitForAll } = yield* fleet(() => unavailable)
      yield* waitForAll(200, "20 minutes")
      yield* TestClock.adjust("15 minutes")
      assert.isAtMost(at.length, 150)
      assert.strictEqual(seen.maxInFlight, 32)
      const probes = at.filter((time) => time > 1000)
      const gaps = probes.slice(1).map((time, index) => time - (probes[index] ?? 0))
      assert.isAtLeast(Math.min(...gaps), 1000)
      assert.isAtMost(Math.max(...gaps), 10_100)
    })
  )

  it.effect("is probed by the next waiter each time", () =>
    Effect.gen(function* () {
      const { at, paths, waitForAll } = yield* fleet(() => unavailable)
      yield* waitForAll(100)
      yield* TestClock.adjust("1 minute")
      const probes = paths.filter((_, index) => (at[index] ?? 0) > 500)
      assert.isAtLeast(probes.length, 6)
      assert.strictEqual(new Set(probes).size, probes.length)
    })
  )

  it.effect("does not begin because one ticket always fails", () =>
    Effect.gen(function* () {
      const broken = idOf(1)
      const { lines, paths, waitForAll } = yield* fleet((request) =>
        request.url.includes(broken) ? { status: 500 } : pendingOf(request)
      )
      yield* waitForAll(20)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(lines(), [])
      assert.isAbove(paths.length, 20 * 10)
    })
  )

  it.effect("begins with five failures of two waiters, if there are no others", () =>
    Effect.gen(function* () {
      const { lines, waitForAll } = yield* fleet(() => unavailable)
      yield* waitForAll(2)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(lines().length, 1)
    })
  )

  it.effect.each(timelines)("$title", ({ begins, waits }) =>
    Effect.gen(function* () {
      const { at, fork, lines, tickets } = yield* fleet(
        (request) => {
          const index = waits.findIndex((_, number) => request.url.includes(idOf(number)))
          return waits[index]?.[request.at / 1000] === "x" ? unavailable : pendingOf(request)
        },
        { latency: 0, retry: { times: 0 } }
      )
      for (const [number, wait] of waits.entries()) {
        const polls = [...wait.matchAll(/[xo]/gu)].map(({ index }) => index)
        const delays = [...polls, ...(wait.endsWith("-") ? [60] : [])]
          .slice(1)
          .map((second, index) => second - (polls[index] ?? 0))
        const schedule = Schedule.modifyDelay(Schedule.recurs(delays.length), ({ output }) =>
          Effect.succeed(Duration.seconds(delays[output] ?? 0))
        )
        yield* fork(Effect.delay(tickets.awaitOutcome(idOf(number), { schedule }), Duration.seconds(polls[0] ?? 0)))
      }
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(at.length, waits.join("").match(/[xo]/gu)?.length)
      assert.strictEqual(lines().length, begins ? 1 : 0)
    })
  )

  it.effect("begins with five failed token requests, however many polls wait for each", () =>
    Effect.gen(function* () {
      let failures = 0
      const { at, fork, lines, tickets } = yield* fleet(createdOf, {
        respondToToken: () => {
          failures++
          return { status: 503 }
        }
      })
      const waitAgain = (number: number) => fork(tickets.awaitOutcome(idOf(number), { schedule: Schedule.recurs(0) }))
      for (const expected of [0, 0, 0, 0, 1]) {
        for (let number = 0; number < 10; number++) yield* waitAgain(number)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(lines().length, expected)
      }
      assert.strictEqual(failures, 5 * 3)
      assert.strictEqual(at.length, 0)
    })
  )

  it.effect("does not block calls, and a successful call ends it", () =>
    Effect.gen(function* () {
      let isDown = true
      const { at, fork, lines, tickets, waitForAll } = yield* fleet(
        (request) => (isDown ? unavailable : createdOf(request)),
        {
          retry: { times: 0 }
        }
      )
      const fibers = yield* waitForAll(100)
      yield* TestClock.adjust("40 seconds")
      const before = at.length
      yield* fork(tickets.retrieve(idOf(500)))
      assert.strictEqual(at.length, before + 1)
      yield* TestClock.adjust("100 millis")
      isDown = false
      const call = yield* fork(tickets.retrieve(idOf(500)))
      yield* TestClock.adjust("50 millis")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(call)))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(countDone(fibers), 100)
      assert.strictEqual(lines().length, 2)
    })
  )

  it.effect("ends with any response, such as a 404", () =>
    Effect.gen(function* () {
      const { lines, waitForAll } = yield* fleet(
        downBetween(0, 5000, unavailable, () => ({
          status: 404,
          json: { code: 40017, type: "X", detail: {}, status: 404 }
        }))
      )
      const fibers = yield* waitForAll(50)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(countDone(fibers), 50)
      assert.strictEqual(lines().length, 2)
    })
  )

  it.effect("is the reason of a wait that ends by its deadline, also if it never polled", () =>
    Effect.gen(function* () {
      const { fork, tickets, waitForAll } = yield* fleet(() => unavailable)
      yield* waitForAll(50)
      yield* TestClock.adjust("5 seconds")
      const wait = yield* fork(Effect.flip(tickets.awaitOutcome(idOf(99), { deadline: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      const error = yield* yield* Fiber.join(wait)
      assert.deepInclude(error, { _tag: "OutcomePending", polls: 0 })
      if (error._tag !== "OutcomePending" || error.lastError?._tag !== "RipioHttpError") return assert.fail("lastError")
      assert.deepInclude(error.lastError.reason, { _tag: "ServerFailed", status: 503 })
    })
  )

  it.effect("is probed by another waiter if the probe's wait ends", () =>
    Effect.gen(function* () {
      let isDown = true
      const { at, fork, tickets, waitForAll } = yield* fleet((request) => (isDown ? unavailable : createdOf(request)))
      yield* waitForAll(5, "20 seconds")
      yield* TestClock.adjust("20 seconds")
      isDown = false
      const count = at.length
      const wait = yield* fork(tickets.awaitOutcome(idOf(99), { schedule: Schedule.spaced("1 second") }))
      yield* TestClock.adjust("11 seconds")
      assert.isAbove(at.length, count)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(wait)))
    })
  )

  it.effect("is not the reason of a wait whose schedule dies", () =>
    Effect.gen(function* () {
      const { fork, tickets, waitForAll } = yield* fleet(() => unavailable)
      const schedule = Schedule.modifyDelay(Schedule.forever, () => Effect.die(new Error("a bug")))
      yield* waitForAll(50)
      const wait = yield* fork(Effect.flip(tickets.awaitOutcome(idOf(99), { schedule })))
      yield* TestClock.adjust("14 minutes")
      const error = yield* yield* Fiber.join(wait)
      if (error._tag !== "OutcomePending" || error.lastError?._tag !== "RipioHttpError") return assert.fail("lastError")
      assert.deepInclude(error.lastError.reason, { _tag: "InvalidRequest", issue: "schedule: Error: a bug" })
    })
  )

  it.effect("spreads the polls afterwards, also beside calls", () =>
    Effect.gen(function* () {
      const { at, fork, paths, tickets, waitForAll } = yield* fleet(downBetween(0, 8000, unavailable), {
        latency: "5 millis",
        retry: { times: 0 }
      })
      const fibers = yield* waitForAll(1000)
      yield* TestClock.adjust("7900 millis")
      const call = Effect.andThen(Effect.exit(tickets.retrieve(idOf(0))), Effect.sleep("5 millis"))
      for (let caller = 0; caller < 4; caller++) yield* fork(Effect.forever(call))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(countDone(fibers), 1000)
      const polls = at.filter((time, index) => time >= 8000 && paths[index] !== `GET ${idOf(0)}`)
      assert.isAtMost(maxPerTenth(polls), 110)
    })
  )

  it.effect("is about the waits that have not ended, also if the last poll of one could not be interrupted", () =>
    Effect.gen(function* () {
      let isSlow = true
      const { fork, http, lines } = yield* fleet(() => unavailable)
      const slow = RipioHttp.of({
        execute: (request, options) =>
          isSlow
            ? Effect.uninterruptible(Effect.delay(http.execute(request, options), "2 seconds"))
            : http.execute(request, options)
      })
      const layer = SupportTicketsLive.layer.pipe(Layer.provide(Layer.succeed(RipioHttp, slow)))
      const tickets = Context.get(yield* Layer.build(layer), SupportTickets)
      for (let number = 1; number <= 5; number++) {
        yield* fork(tickets.awaitOutcome(idOf(number), { deadline: "1 second" }))
      }
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(lines(), [])
      isSlow = false
      yield* fork(tickets.awaitOutcome(idOf(9)))
      yield* TestClock.adjust("2 minutes")
      assert.match(lines()[0]?.message ?? "", / 1 wait is held back/u)
    })
  )

  it.effect("is probed by another waiter if the token of the probe hangs", () =>
    Effect.gen(function* () {
      let isDown = true
      let isHanging = false
      const scripted = yield* ScriptedHttpClient.make((request) =>
        Effect.delay(
          Effect.sync(() => (isDown ? unavailable : createdOf(request))),
          "10 millis"
        )
      )
      const auth = AuthService.of({
        accessToken: Effect.suspend(() => (isHanging ? Effect.never : Effect.succeed(Redacted.make("token")))),
        invalidate: () => Effect.void
      })
      const layer = SupportTicketsLive.layer.pipe(
        Layer.provide(RipioHttpLive.layer({ environment: { baseUrl } })),
        Layer.provide(Layer.succeed(AuthService, auth)),
        Layer.provide(scripted.layer)
      )
      const tickets = Context.get(yield* Layer.build(layer), SupportTickets)
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5, 6], (number) =>
        Effect.forkChild(Effect.exit(tickets.awaitOutcome(idOf(number))), { startImmediately: true })
      )
      yield* TestClock.adjust("5 seconds")
      isHanging = true
      yield* TestClock.adjust("20 seconds")
      isHanging = isDown = false
      yield* TestClock.adjust("1 minute")
      // All but the one that hangs.
      assert.strictEqual(countDone(fibers), 5)
    })
  )

  it.effect("reports how long it lasted", () =>
    Effect.gen(function* () {
      const { fork, lines, tickets, waitForAll } = yield* fleet(downBetween(0, 17_000, unavailable), {
        retry: { times: 0 }
      })
      yield* TestClock.adjust("7 seconds")
      yield* waitForAll(5)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(lines().length, 1)
      yield* fork(tickets.retrieve(idOf(9)))
      yield* TestClock.adjust("1 second")
      assert.match(lines()[1]?.message ?? "", /^The Ripio API responds again after 10s\. /u)
    })
  )

  it.effect("names the account", () =>
    Effect.gen(function* () {
      const { lines, waitForAll } = yield* fleet(downBetween(0, 5000, unavailable), { gate: { account: "AR" } })
      yield* waitForAll(10)
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(
        lines().map(({ annotations }) => annotations),
        [{ account: "AR" }, { account: "AR" }]
      )
    })
  )
})

describe("an error of the account", () => {
  it.effect("is logged once, and again after a call succeeded", () =>
    Effect.gen(function* () {
      let isEnabled = false
      const notEnabled = { status: 403, json: { code: 20061, type: "X", detail: { message: "no" }, status: 403 } }
      const { fork, lines, tickets } = yield* fleet((request) => (isEnabled ? createdOf(request) : notEnabled))
      const call = Effect.gen(function* () {
        for (let number = 0; number < 5; number++) yield* fork(tickets.retrieve(idOf(number)))
        yield* TestClock.adjust("1 second")
      })
      yield* call
      assert.deepStrictEqual(
        lines().map(({ level }) => level),
        ["Error"]
      )
      isEnabled = true
      yield* call
      isEnabled = false
      yield* call
      assert.strictEqual(lines().length, 2)
    })
  )

  it.effect("that refuses the token is logged once", () =>
    Effect.gen(function* () {
      const { lines, waitForAll } = yield* fleet(() => ({ status: 401 }))
      yield* waitForAll(10)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(lines().length, 1)
      assert.strictEqual(lines()[0]?.level, "Error")
    })
  )
})
