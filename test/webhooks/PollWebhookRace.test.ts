import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { SupportTickets, type TicketOutcome, TicketOutcomes, TicketOutcomesLive } from "../../src/index.ts"
import { created as createdBody, pending as pendingBody, ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"
import { Idle } from "../support/Idle.ts"
import { createdTicket, eventOf, failedTicket } from "./fixtures.ts"

/**
 * A model with two sequences of steps. The client's: the response to the first poll (`PENDING`), the pause, the response
 * to the second poll (an outcome). The webhooks': two deliveries. The tests run every interleaving of the two sequences,
 * each 32 times: before each step the ready fibers either run until they are idle or do not run at all.
 */
type Step = "first response" | "pause" | "second response" | "first webhook" | "second webhook"

const interleavings = <A>(left: ReadonlyArray<A>, right: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const [leftHead, ...leftTail] = left
  const [rightHead, ...rightTail] = right
  if (leftHead === undefined || rightHead === undefined) return [[...left, ...right]]
  return [
    ...interleavings(leftTail, right).map((rest) => [leftHead, ...rest]),
    ...interleavings(left, rightTail).map((rest) => [rightHead, ...rest])
  ]
}

const orders = interleavings<Step>(["first response", "pause", "second response"], ["first webhook", "second webhook"])

/** One bit for each of the five steps: whether the ready fibers run before it. */
const schedules = Array.from({ length: 2 ** 5 }, (_, schedule) => schedule)

interface Scenario {
  readonly title: string
  readonly webhooks: readonly [first: TicketOutcome, second: TicketOutcome]
}

// The second poll always brings `createdTicket`.
const scenarios: ReadonlyArray<Scenario> = [
  { title: "a webhook that is delivered twice", webhooks: [createdTicket, createdTicket] },
  { title: "two webhooks that contradict each other", webhooks: [createdTicket, failedTicket] },
  { title: "webhooks that contradict the poll", webhooks: [failedTicket, failedTicket] }
]

const methods = {
  awaitOutcome: (tickets: SupportTickets["Service"]) =>
    Effect.map(tickets.awaitOutcome(ticketId), (outcome) => [outcome]),
  changes: (tickets: SupportTickets["Service"]) => Stream.runCollect(tickets.changes(ticketId))
}

const run = (
  method: keyof typeof methods,
  { webhooks: [first, second] }: Scenario,
  order: ReadonlyArray<Step>,
  schedule: number
) =>
  Effect.gen(function* () {
    const responses = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    let sent = 0
    let inFlight = 0
    const { layer } = yield* scriptedTickets((_, index) =>
      Effect.gen(function* () {
        sent++
        inFlight++
        const response = responses[index]
        yield* response === undefined ? Effect.never : Deferred.await(response)
        return { status: 200, json: index === 0 ? pendingBody : createdBody }
      }).pipe(Effect.onExit(() => Effect.sync(() => inFlight--)))
    )
    yield* Effect.gen(function* () {
      const tickets = yield* SupportTickets
      const outcomes = yield* TicketOutcomes
      let sentAtEnd = -1
      const fiber = yield* methods[method](tickets).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            sentAtEnd = sent
          })
        ),
        Effect.forkChild
      )
      const steps: Record<Step, Effect.Effect<unknown>> = {
        "first response": Deferred.succeed(responses[0]!, undefined),
        pause: TestClock.adjust("2 seconds"),
        "second response": Deferred.succeed(responses[1]!, undefined),
        "first webhook": Effect.exit(outcomes.publish(eventOf(first))),
        "second webhook": Effect.exit(outcomes.publish(eventOf(second)))
      }
      for (const [index, step] of order.entries()) {
        if ((schedule >> index) & 1) yield* Idle.await
        yield* steps[step]
      }

      // The wait ends with one outcome, which is also the recorded one. Only `Pending` comes before it.
      const states = yield* Fiber.join(fiber)
      const outcome = states.at(-1)
      assert.include(["Created", "Failed"], outcome?._tag)
      assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.some(outcome as TicketOutcome))
      assert.deepStrictEqual(yield* tickets.awaitOutcome(ticketId), outcome)
      assert.isAtMost(states.length, 2)
      assert.isTrue(states.slice(0, -1).every(({ _tag }) => _tag === "Pending"))

      // No waiter and no request in flight remains, and no further request is sent.
      assert.strictEqual(yield* outcomes.waiterCount, 0)
      assert.strictEqual(inFlight, 0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(sent, sentAtEnd)
      assert.isAtMost(sent, 2)
    }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))
  })

for (const method of ["awaitOutcome", "changes"] as const) {
  describe(`${method}, in every order of polls and webhooks`, () => {
    for (const scenario of scenarios) {
      it.effect(
        `ends with one outcome, with ${scenario.title} (${orders.length * schedules.length} runs)`,
        () =>
          Effect.gen(function* () {
            for (const order of orders) {
              for (const schedule of schedules) {
                const exit = yield* Effect.exit(run(method, scenario, order, schedule))
                if (Exit.isFailure(exit)) assert.fail(`${order.join(", ")} (${schedule}): ${String(exit.cause)}`)
              }
            }
          }).pipe(Effect.provide(Logger.layer([])), Effect.provide(Idle.layer)),
        60_000
      )
    }
  })
}
