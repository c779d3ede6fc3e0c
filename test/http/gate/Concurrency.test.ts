import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { authorizationOf } from "../../support/auth.ts"
import { newTicket } from "../../support/newTicket.ts"
import { createdOf, fleet, idOf, pendingOf } from "./fleet.ts"

describe("the concurrency of the gate", () => {
  it.effect("keeps 500 waiters at 32 requests in flight", () =>
    Effect.gen(function* () {
      const { seen, waitForAll } = yield* fleet(createdOf)
      const fibers = yield* waitForAll(500)
      yield* TestClock.adjust("10 seconds")
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.strictEqual(seen.maxInFlight, 32)
      assert.strictEqual(seen.api, 500)
    })
  )

  it.effect("is not part of the timeout: no create in the queue becomes ambiguous", () =>
    Effect.gen(function* () {
      const { fork, seen, tickets } = yield* fleet(createdOf, {
        latency: "800 millis",
        timeout: "1 second",
        gate: { concurrency: 2 }
      })
      const fibers = yield* Effect.replicateEffect(fork(tickets.create(newTicket())), 12)
      yield* TestClock.adjust("5 seconds")
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.deepStrictEqual(seen, { maxInFlight: 2, tokens: 1, api: 12 })
    })
  )

  it.effect("is not part of what an ambiguous create says: it was sent when it had its permit", () =>
    Effect.gen(function* () {
      const { fork, lines, tickets } = yield* fleet(
        (request) => (request.at < 3000 ? createdOf(request) : { status: 503 }),
        {
          latency: "3 seconds",
          gate: { concurrency: 1 }
        }
      )
      yield* fork(tickets.retrieve(idOf(1)))
      const create = yield* fork(Effect.flip(tickets.create(newTicket())))
      yield* TestClock.adjust("6 seconds")
      const error = yield* yield* Fiber.join(create)
      if (error._tag !== "CreateAmbiguous") return assert.fail(error._tag)
      assert.strictEqual(DateTime.toEpochMillis(error.sentAt), 3000)
      assert.strictEqual(lines()[0]?.annotations["sentAt"], "1970-01-01T00:00:03.000Z")
    })
  )

  it.effect("serves callers of one class in the order in which they came", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets } = yield* fleet(createdOf, { gate: { concurrency: 1 } })
      for (let number = 1; number <= 20; number++) yield* fork(tickets.retrieve(idOf(number)))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(
        paths,
        Array.from({ length: 20 }, (_, index) => `GET ${idOf(index + 1)}`)
      )
    })
  )

  it.effect("serves calls before polls, but of four requests one is the oldest poll", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets, waitForAll } = yield* fleet(createdOf, { gate: { concurrency: 1 } })
      yield* fork(tickets.retrieve(idOf(100)))
      yield* waitForAll(3)
      for (let number = 101; number <= 109; number++) yield* fork(tickets.retrieve(idOf(number)))
      yield* TestClock.adjust("5 seconds")
      const order = [100, 101, 102, 103, 1, 104, 105, 106, 2, 107, 108, 109, 3]
      assert.deepStrictEqual(
        paths,
        order.map((number) => `GET ${idOf(number)}`)
      )
    })
  )

  it.effect("gives each of 2,000 waiters its polls beside calls without end", () =>
    Effect.gen(function* () {
      const first = new Map<string, number>()
      const { fork, tickets, waitForAll } = yield* fleet(
        (request) => {
          if (!first.has(request.url)) first.set(request.url, request.at)
          return pendingOf(request)
        },
        { latency: "10 millis" }
      )
      // 64 callers keep the gate full.
      for (let caller = 0; caller < 64; caller++) yield* fork(Effect.forever(tickets.retrieve(idOf(0))))
      yield* waitForAll(2000, "1 minute")
      yield* TestClock.adjust("4 seconds")
      // A quarter of 3,200 requests a second is for polls.
      const times = Array.from({ length: 2000 }, (_, index) => {
        const time = first.get(`https://ripio.test/api/v1/supportTickets/${idOf(index + 1)}/`)
        return time ?? Infinity
      })
      assert.isAtMost(Math.max(...times), 3000)
      // The oldest first: an older waiter never has its first poll after a younger one.
      assert.deepStrictEqual(
        times,
        times.toSorted((a, b) => a - b)
      )
    })
  )

  it.effect("frees the place of a caller that is interrupted while it waits, and sends nothing for it", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets } = yield* fleet(createdOf, { latency: "1 second", gate: { concurrency: 1 } })
      yield* fork(tickets.retrieve(idOf(1)))
      const create = yield* fork(tickets.create(newTicket()))
      yield* fork(tickets.retrieve(idOf(3)))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(create)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(paths, [`GET ${idOf(1)}`, `GET ${idOf(3)}`])
    })
  )

  it.effect("sends nothing for callers that are interrupted together", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets, waitForAll } = yield* fleet(createdOf, {
        latency: "1 second",
        gate: { concurrency: 2 }
      })
      const retrieve = yield* fork(tickets.retrieve(idOf(100)))
      const waits = yield* waitForAll(100)
      const creates = yield* Effect.replicateEffect(fork(tickets.create(newTicket())), 10)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interruptAll([retrieve, ...waits, ...creates])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(paths, [`GET ${idOf(100)}`, `GET ${idOf(1)}`])
      yield* fork(tickets.retrieve(idOf(200)))
      assert.strictEqual(paths.length, 3)
    })
  )

  it.effect("ends a wait at its deadline, without a poll", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets } = yield* fleet(createdOf, {
        latency: "20 seconds",
        timeout: "1 minute",
        gate: { concurrency: 1 }
      })
      yield* fork(tickets.retrieve(idOf(1)))
      const wait = yield* fork(Effect.flip(tickets.awaitOutcome(idOf(2), { deadline: "3 seconds" })))
      yield* TestClock.adjust("3 seconds")
      const error = yield* yield* Fiber.join(wait)
      assert.deepInclude(error, { _tag: "OutcomePending", polls: 0 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(paths, [`GET ${idOf(1)}`])
      yield* fork(tickets.retrieve(idOf(3)))
      assert.strictEqual(paths.length, 2)
    })
  )

  it.effect("does not hide that a poll was sent whose token was refused", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets } = yield* fleet(
        (request) => (authorizationOf(request) === "Bearer token-1" ? { status: 401 } : pendingOf(request)),
        { latency: "1 second", gate: { concurrency: 1 } }
      )
      const wait = yield* fork(Effect.flip(tickets.awaitOutcome(idOf(1), { deadline: "1500 millis" })))
      yield* TestClock.adjust("500 millis")
      yield* fork(tickets.retrieve(idOf(2)))
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* yield* Fiber.join(wait), { _tag: "OutcomePending", polls: 1 })
      assert.deepStrictEqual(paths, [`GET ${idOf(1)}`, `GET ${idOf(2)}`])
    })
  )

  it.effect("goes on if every permit is held by a caller whose token is refused", () =>
    Effect.gen(function* () {
      const { fork, seen, tickets } = yield* fleet(
        (request) => (authorizationOf(request) === "Bearer token-1" ? { status: 401 } : createdOf(request)),
        { gate: { concurrency: 2 } }
      )
      const fibers = yield* Effect.replicateEffect(fork(tickets.create(newTicket())), 8)
      yield* TestClock.adjust("10 seconds")
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.strictEqual(seen.tokens, 2)
      assert.strictEqual(seen.maxInFlight, 2)
    })
  )

  it.effect("keeps the permit of a create that goes on without its caller", () =>
    Effect.gen(function* () {
      const { fork, paths, tickets } = yield* fleet(createdOf, { latency: "2 seconds", gate: { concurrency: 1 } })
      const create = yield* fork(tickets.create(newTicket()))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(create)
      yield* fork(tickets.retrieve(idOf(1)))
      yield* TestClock.adjust("1800 millis")
      assert.strictEqual(paths.length, 1)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(paths.length, 2)
    })
  )
})
