import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { FetchTransport, Ripio, SupportTickets, TicketId } from "../../../src/index.ts"
import { newTicket } from "../../support/newTicket.ts"
import type { Settings } from "./messages.ts"
import { startServer } from "./server.ts"

const idOf = (number: number) => TicketId.make(`00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`)
const idsOf = (count: number) => Array.from({ length: count }, (_, index) => idOf(index + 1))

/** A client of a server that counts, and the lines of its log at info or above. */
const start = Effect.fnUntraced(function* (settings: typeof Settings.Type, options: Partial<Ripio.Options> = {}) {
  const { baseUrl, seen } = yield* startServer(settings)
  const layer = Ripio.layer({
    environment: { baseUrl },
    clientId: "partner",
    clientSecret: Redacted.make("a secret of the partner"),
    ...options
  }).pipe(Layer.provide(FetchTransport.layer), Layer.orDie)
  const tickets = Context.get(yield* Layer.build(layer), SupportTickets)
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => lines.push(`${logLevel} ${String(message)}`))
  const run = Effect.provide(Logger.layer([logger]))
  return {
    lines,
    seen,
    tickets,
    run,
    /** Waits for so many tickets at once. */
    waitForAll: (count: number) =>
      Effect.forEach(idsOf(count), (id) => tickets.awaitOutcome(id), { concurrency: "unbounded", discard: true }).pipe(
        run
      )
  }
})

const timesOf = ({ arrivals }: { readonly arrivals: ReadonlyArray<{ readonly at: number }> }) =>
  arrivals.map(({ at }) => at)

/** The most times within a tenth of a second. */
const maxPerTenth = (times: ReadonlyArray<number>) => {
  const counts = new Map<number, number>()
  for (const at of times) counts.set(Math.floor(at / 100), (counts.get(Math.floor(at / 100)) ?? 0) + 1)
  return Math.max(...counts.values())
}

const created = { until: Infinity, respond: "created" } as const

describe("a thousand tickets of one account at a real server", () => {
  it.live("500 waiters have at most 32 requests in flight", () =>
    Effect.gen(function* () {
      const { seen, waitForAll } = yield* start({ latency: 30, phases: [{ until: 2000, respond: "pending" }, created] })
      yield* waitForAll(500)
      assert.strictEqual((yield* seen).maxInFlight, 32)
    })
  )

  it.live("12 creates pass a gate of 2 with a timeout that is shorter than the queue, and none is ambiguous", () =>
    Effect.gen(function* () {
      const { run, seen, tickets } = yield* start(
        { latency: 300, phases: [created] },
        { gate: { concurrency: 2 }, timeout: "1 second" }
      )
      const results = yield* run(
        Effect.all(
          Array.from({ length: 12 }, () => tickets.create(newTicket())),
          { concurrency: "unbounded" }
        )
      )
      assert.strictEqual(new Set(results.map(({ ticketId }) => ticketId)).size, 12)
      const { arrivals, maxInFlight } = yield* seen
      assert.deepStrictEqual({ sent: arrivals.length, maxInFlight }, { sent: 12, maxInFlight: 2 })
    })
  )

  it.live("goes on if every permit is held by a caller whose token has just been refused", () =>
    Effect.gen(function* () {
      const { run, seen, tickets } = yield* start({ latency: 30, phases: [created], refuseTokenAfter: 32 })
      yield* run(Effect.forEach(idsOf(200), (id) => tickets.retrieve(id), { concurrency: "unbounded", discard: true }))
      const { arrivals, maxInFlight, tokens } = yield* seen
      assert.deepStrictEqual({ maxInFlight, tokens }, { maxInFlight: 32, tokens: 2 })
      // Some were sent with the refused token before the server refused it for the first time.
      assert.isAtMost(arrivals.length, 200 + 2 * 32)
    })
  )

  it.live("starves none of 10,000 waiters", () =>
    Effect.gen(function* () {
      const { run, seen, tickets } = yield* start({ latency: 2, phases: [{ until: Infinity, respond: "pending" }] })
      const schedule = Schedule.spaced("1 second")
      const waits = yield* Effect.forkChild(
        run(
          Effect.forEach(idsOf(10_000), (id) => tickets.awaitOutcome(id, { schedule }), {
            concurrency: "unbounded",
            discard: true
          })
        )
      )
      // Counted in requests and not in seconds, so that a busy machine changes nothing.
      const { arrivals } = yield* Effect.repeat(seen, {
        schedule: Schedule.spaced("1 second"),
        until: ({ arrivals }) => arrivals.length > 25_000
      })
      yield* Fiber.interrupt(waits)
      const polls = new Map<string, Array<number>>()
      arrivals.forEach(({ ticketId }, index) => polls.set(ticketId, [...(polls.get(ticketId) ?? []), index]))
      assert.strictEqual(polls.size, 10_000)
      const between = [...polls.values()].flatMap((indices) =>
        indices.slice(1).map((index, previous) => index - (indices[previous] ?? 0))
      )
      // Each waits for about as many requests of others.
      assert.isAtMost(Math.max(...between), 10_000 * 1.05)
      assert.isAtLeast(Math.min(...between), 10_000 * 0.95)
    })
  )
})

// At the same time, because they mostly wait.
describe.concurrent("a thousand tickets of one account and a server that fails", () => {
  it.live.each([429, 503])(
    "sends at most 40 requests into 3 s of %i with Retry-After, and is released spread",
    (status) =>
      Effect.gen(function* () {
        const { lines, seen, waitForAll } = yield* start({
          latency: 20,
          phases: [{ until: 3000, respond: status === 429 ? "429" : "503", asksForRest: true }, created]
        })
        yield* waitForAll(1000)
        const times = timesOf(yield* seen)
        assert.isAtMost(times.filter((at) => at < 3000).length, 40)
        assert.isAtMost(maxPerTenth(times.filter((at) => at >= 3000)), 200)
        // Failures of several tickets are an outage too. A 429 is not.
        assert.strictEqual(lines.length, status === 429 ? 0 : 2)
      })
  )

  it.live.each(["503", "close"] as const)(
    "sends at most 150 requests in 8 s of outage, and is back within 12 s: %s",
    (respond) =>
      Effect.gen(function* () {
        const { lines, seen, waitForAll } = yield* start({
          latency: 20,
          phases: [{ until: 1000, respond: "pending" }, { until: 9000, respond }, created]
        })
        yield* waitForAll(1000)
        const times = timesOf(yield* seen)
        assert.isAtMost(times.filter((at) => at >= 1000 && at < 9000).length, 150)
        assert.isAtMost(times.at(-1) ?? Infinity, 9000 + 12_000)
        assert.deepStrictEqual(
          lines.map((line) => line.split(" ")[0]),
          ["Warn", "Info"]
        )
      })
  )
})
