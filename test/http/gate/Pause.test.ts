import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { newTicket } from "../../support/newTicket.ts"
import { reasonOf } from "../../support/reasonOf.ts"
import { countDone, createdOf, downBetween, fleet, idOf, maxPerTenth, pendingOf } from "./fleet.ts"

const limited = (retryAfter: number) => ({ status: 429, headers: { "retry-after": `${retryAfter}` } })

describe("a response that asks for a pause", () => {
  for (const [title, reply] of [
    ["a 429", limited(3)],
    ["a 503 with Retry-After", { status: 503, headers: { "retry-after": "3" } }]
  ] as const) {
    it.effect(`holds 500 waiters back: ${title}`, () =>
      Effect.gen(function* () {
        const { at, waitForAll } = yield* fleet(downBetween(0, 3000, reply))
        const fibers = yield* waitForAll(500)
        yield* TestClock.adjust("3 seconds")
        // What was in flight at the first response, and nothing else.
        assert.strictEqual(at.length, 32)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(countDone(fibers), 500)
        const released = at.filter((time) => time >= 3000)
        assert.isAtMost(maxPerTenth(released), 100)
        assert.isAtLeast((released.at(-1) ?? 0) - (released[0] ?? 0), 1000)
      })
    )
  }

  it.effect("holds calls and creates back too, and serves them first", () =>
    Effect.gen(function* () {
      const { at, fork, paths, tickets, waitForAll } = yield* fleet(downBetween(0, 3000, limited(3)))
      yield* waitForAll(5)
      yield* TestClock.adjust("1 second")
      const before = at.length
      const create = yield* fork(tickets.create(newTicket()))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(at.length, before)
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(create)))
      assert.strictEqual(paths[before], `POST ${idOf(0)}`)
      assert.isAtLeast(at[before] ?? 0, 3000)
    })
  )

  it.effect("makes a call fail at once if it would wait for longer than 60 s, and a create is not ambiguous", () =>
    Effect.gen(function* () {
      for (const status of [429, 503]) {
        const { at, fork, tickets } = yield* fleet(() => ({ status, headers: { "retry-after": "90" } }), {
          gate: { concurrency: 1 }
        })
        yield* fork(tickets.retrieve(idOf(1)))
        // It waits for a permit when the response arrives.
        const queued = yield* fork(Effect.flip(tickets.create(newTicket())))
        yield* TestClock.adjust("10 seconds")
        const later = yield* fork(Effect.flip(tickets.retrieve(idOf(2))))
        for (const error of [yield* yield* Fiber.join(queued), yield* yield* Fiber.join(later)]) {
          assert.deepInclude(error, { _tag: "RipioHttpError", attempts: 0 })
          assert.deepInclude(reasonOf(error), { _tag: "RateLimited", status })
        }
        assert.strictEqual(at.length, 1)
        // Within 60 s of its end, a call waits.
        yield* TestClock.adjust("30 seconds")
        const patient = yield* fork(tickets.retrieve(idOf(3)))
        assert.isUndefined(patient.pollUnsafe())
        yield* TestClock.adjust("51 seconds")
        assert.strictEqual(at.length, 2)
      }
    })
  )

  it.effect("does not move a deadline, and is the reason of a wait that ends meanwhile", () =>
    Effect.gen(function* () {
      const { fork, tickets } = yield* fleet(() => limited(600))
      yield* fork(tickets.awaitOutcome(idOf(1)))
      yield* TestClock.adjust("1 second")
      const wait = yield* fork(Effect.flip(tickets.awaitOutcome(idOf(2), { deadline: "1 minute" })))
      yield* TestClock.adjust("1 minute")
      const error = yield* yield* Fiber.join(wait)
      assert.deepInclude(error, { _tag: "OutcomePending", polls: 0, elapsed: Duration.minutes(1) })
      assert.strictEqual(error._tag === "OutcomePending" && error.lastError?._tag, "RipioHttpError")
    })
  )

  it.effect("without Retry-After pauses polls for 1 s, then for longer, and no calls", () =>
    Effect.gen(function* () {
      const { at, fork, tickets, waitForAll } = yield* fleet(() => ({ status: 429 }), {
        latency: 0,
        retry: { times: 2, base: "1 milli" }
      })
      yield* fork(tickets.retrieve(idOf(1)))
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(at.length, 3)
      yield* waitForAll(100)
      yield* fork(tickets.retrieve(idOf(2)))
      yield* TestClock.adjust("900 millis")
      assert.strictEqual(at.length, 6)
      // The first poll of the release is refused, and so pauses the others for 1.5 s.
      yield* TestClock.adjust("1 second")
      assert.strictEqual(at.length, 7)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(at.length, 8)
    })
  )

  it.effect("without Retry-After spreads the polls that it held back", () =>
    Effect.gen(function* () {
      const { at, waitForAll } = yield* fleet(downBetween(0, 1000, { status: 429 }), { gate: { concurrency: 300 } })
      yield* waitForAll(1)
      yield* TestClock.adjust("100 millis")
      const fibers = yield* waitForAll(300)
      yield* TestClock.adjust("900 millis")
      assert.strictEqual(at.length, 1)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(countDone(fibers), 300)
      assert.isAtMost(maxPerTenth(at), 50)
    })
  )

  it.effect("is obeyed also if it ends before the pause of polls after a 429 without a time", () =>
    Effect.gen(function* () {
      // A poll is refused without a time, and a call then with one that ends earlier.
      const { at, fork, tickets, waitForAll } = yield* fleet(
        (request) =>
          request.at > 700 ? createdOf(request) : request.url.includes(idOf(1)) ? { status: 429 } : limited(0.5),
        { latency: 0, retry: { times: 0 } }
      )
      yield* waitForAll(1)
      yield* TestClock.adjust("300 millis")
      for (let number = 0; number < 50; number++) yield* fork(tickets.retrieve(idOf(100 + number)))
      yield* TestClock.adjust("400 millis")
      assert.strictEqual(at.length, 2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(at.length, 2 + 49 + 1)
      assert.isTrue(at.slice(2).every((time) => time >= 800))
    })
  )

  it.effect("is repeated: a call fails once it would be held back for longer than 60 s in all", () =>
    Effect.gen(function* () {
      const { at, fork, tickets } = yield* fleet(() => limited(40), { gate: { concurrency: 1 }, retry: { times: 0 } })
      const calls = yield* Effect.forEach([1, 2, 3, 4], (number) => fork(Effect.flip(tickets.retrieve(idOf(number)))))
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(at.length, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(at.length, 2)
      const errors = yield* Effect.forEach(calls, (call) => Effect.flatten(Fiber.join(call)))
      assert.deepStrictEqual(
        errors.map((error) => error._tag === "RipioHttpError" && error.attempts),
        [1, 1, 0, 0]
      )
      // The time until a permit is free is not time in a pause.
      for (const error of errors) assert.deepInclude(reasonOf(error), { _tag: "RateLimited", status: 429 })
    })
  )

  it.effect("is repeated: a call that waited for longer than 60 s in all is not retried by the policy", () =>
    Effect.gen(function* () {
      const { fork, tickets } = yield* fleet(() => limited(40), { gate: { concurrency: 1 } })
      const calls = yield* Effect.forEach([1, 2, 3], (number) => fork(Effect.flip(tickets.retrieve(idOf(number)))))
      yield* TestClock.adjust("41 seconds")
      const error = yield* yield* Fiber.join(calls[2] ?? assert.fail())
      assert.deepInclude(error, { _tag: "RipioHttpError", attempts: 0 })
      assert.deepInclude(reasonOf(error), { _tag: "RateLimited", mayHaveBeenSent: false })
    })
  )

  it.effect("of more than 60 s is a warning, once", () =>
    Effect.gen(function* () {
      let isLimited = true
      const { lines, waitForAll } = yield* fleet((request) => (isLimited ? limited(3600) : createdOf(request)), {
        gate: { account: "AR" }
      })
      const fibers = yield* waitForAll(100, "3 hours")
      yield* TestClock.adjust("50 minutes")
      const [line, ...others] = lines()
      assert.deepStrictEqual(others, [])
      assert.deepInclude(line, { level: "Warn", annotations: { account: "AR" } })
      assert.match(line?.message ?? "", /^The Ripio API asks to send nothing for 1h \(HTTP 429\)\. /u)
      isLimited = false
      yield* TestClock.adjust("20 minutes")
      assert.strictEqual(countDone(fibers), 100)
      assert.strictEqual(lines().length, 1)
    })
  )

  it.effect("is not logged above debug, and each line about a ticket names it", () =>
    Effect.gen(function* () {
      const { allLines, fork, lines, tickets, waitForAll } = yield* fleet(
        (request) => (request.at < 3000 ? limited(3) : pendingOf(request)),
        { latency: 10 }
      )
      yield* waitForAll(3)
      yield* fork(tickets.retrieve(idOf(9)))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(lines(), [])
      assert.isAbove(allLines.length, 3)
      for (const { annotations } of allLines) assert.isString(annotations["ticketId"])
    })
  )
})
