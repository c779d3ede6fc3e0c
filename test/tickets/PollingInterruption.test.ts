import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { SupportTickets, TicketId } from "../../src/index.ts"
import { Fault } from "../../src/testing/index.ts"
import { onSandbox } from "../support/harness.ts"

type Tickets = SupportTickets["Service"]

const waits: ReadonlyArray<(tickets: Tickets, id: TicketId) => Effect.Effect<unknown, unknown>> = [
  (tickets, id) => tickets.awaitOutcome(id, { deadline: Duration.infinity }),
  (tickets, id) => Stream.runDrain(tickets.changes(id, { deadline: Duration.infinity }))
]

describe("interrupting awaitOutcome or changes", () => {
  const cases: ReadonlyArray<{ readonly title: string; readonly fault: Fault; readonly at: number }> = [
    { title: "before the first response", fault: Fault.hang, at: 0 },
    { title: "between two polls", fault: Fault.latency(0), at: 3000 },
    { title: "during a later poll", fault: Fault.latency("5 seconds"), at: 6500 }
  ]
  it.effect.each(cases)("$title ends the requests", ({ at, fault }) =>
    Effect.gen(function* () {
      for (const wait of waits) {
        yield* onSandbox(({ sandbox, tickets }) =>
          Effect.gen(function* () {
            const id = yield* sandbox.seed({ outcome: "Pending" })
            yield* sandbox.inject(fault, { on: "retrieve", times: "forever" })
            const fiber = yield* Effect.forkChild(wait(tickets, id), { startImmediately: true })
            yield* TestClock.adjust(at)
            yield* Fiber.interrupt(fiber)
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
