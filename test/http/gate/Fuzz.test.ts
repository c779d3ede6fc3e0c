import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import type { ScriptedReply, ScriptedRequest } from "../../../src/testing/index.ts"
import { newTicket } from "../../support/newTicket.ts"
import { tokenResponse } from "../../support/replies.ts"
import { countDone, createdOf, fleet, idOf, pendingOf } from "./fleet.ts"

const seeds = Array.from({ length: Number(process.env["GATE_SEEDS"] ?? 8) }, (_, seed) => `seed ${seed}`)

const limited = (status: number, seconds: string) => ({ status, headers: { "retry-after": seconds } })

/** What the server may reply for a while. */
const moods: ReadonlyArray<(request: ScriptedRequest, random: () => number) => ScriptedReply> = [
  (request, random) => (random() < 0.6 ? pendingOf(request) : createdOf(request)),
  (_, random) => (random() < 0.9 ? { status: 503 } : "refused"),
  (request, random) =>
    random() < 0.3
      ? { status: 429 }
      : random() < 0.6
        ? limited(429, `${Math.floor(random() * 4)}`)
        : pendingOf(request),
  () => "hang",
  () => ({ status: 401 }),
  (_, random) => limited(503, random() < 0.5 ? "0.2" : random() < 0.8 ? "2" : "61")
]

const realTime = (millis: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))

describe("the gate", () => {
  it.effect.each(seeds)("loses no permit and no waiter, whatever happens: %s", (seed) =>
    Effect.gen(function* () {
      const generator = yield* Random.Random
      const random = () => generator.nextDoubleUnsafe()
      const pick = <A>(first: A, ...others: ReadonlyArray<A>): A =>
        [first, ...others][Math.floor(random() * (others.length + 1))] ?? first
      let isHealthy = false
      let mood = moods[0]
      const concurrency = pick(1, 2, 3, 5)
      const { fork, lines, seen, tickets } = yield* fleet(
        (request) => (isHealthy || mood === undefined ? createdOf(request) : mood(request, random)),
        {
          gate: random() < 0.3 ? { concurrency, rateLimit: { limit: 20, window: "1 second" } } : { concurrency },
          latency: pick(0, 10, 300),
          timeout: "2 seconds",
          respondToToken: (count) => (isHealthy || random() < 0.8 ? tokenResponse(`token-${count}`) : { status: 503 })
        }
      )
      const fibers: Array<Fiber.Fiber<unknown>> = []
      const start = <A, E>(call: Effect.Effect<A, E>) => Effect.map(fork(call), (fiber) => void fibers.push(fiber))
      for (let step = 0; step < 150; step++) {
        const dice = random()
        if (dice < 0.25) {
          for (let count = Math.ceil(random() * 6); count > 0; count--) {
            const deadline = pick(1000, 10_000, 120_000)
            yield* start(tickets.awaitOutcome(idOf(Math.floor(random() * 5)), { deadline }))
          }
        } else if (dice < 0.4) yield* start(tickets.retrieve(idOf(7)))
        else if (dice < 0.5) yield* start(tickets.create(newTicket()))
        else if (dice < 0.55) yield* start(tickets.raise(newTicket(), { deadline: "20 seconds" }))
        else if (dice < 0.65) {
          const interrupted = fibers.filter(() => random() < 0.1)
          yield* Effect.forkChild(Fiber.interruptAll(interrupted), { startImmediately: true })
        } else if (dice < 0.72) mood = moods[Math.floor(random() * moods.length)]
        else yield* TestClock.adjust(pick(1, 50, 500, 1500, 5000))
      }
      isHealthy = true
      // Longer than any pause and any deadline. A hash takes real time, after which a call may wait again.
      const settle = Effect.andThen(TestClock.adjust("4 minutes"), realTime(10))
      yield* Effect.repeat(settle, { times: 20, until: () => countDone(fibers) === fibers.length })
      assert.strictEqual(countDone(fibers), fibers.length)
      assert.isAtMost(seen.maxInFlight, concurrency)
      seen.maxInFlight = 0
      const calls = yield* Effect.forEach([1, 2, 3, 4, 5], (number) => fork(tickets.retrieve(idOf(number))))
      const wait = yield* fork(tickets.awaitOutcome(idOf(6)))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(countDone([...calls, wait]), 6)
      const messages = lines().map(({ message }) => message)
      assert.strictEqual(
        messages.filter((message) => message.startsWith("The Ripio API is down")).length,
        messages.filter((message) => message.startsWith("The Ripio API responds again")).length
      )
    }).pipe(Random.withSeed(seed))
  )
})
