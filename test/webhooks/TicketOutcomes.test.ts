import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import {
  type AwaitOptions,
  IssueKey,
  OutcomeContradiction,
  SupportTickets,
  TicketEvent,
  TicketId,
  type TicketOutcome,
  TicketOutcomes,
  TicketOutcomesLive
} from "../../src/index.ts"
import { Sandbox } from "../../src/testing/index.ts"
import { created as createdAnswer, failed as failedAnswer, pending } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"
import { created, failed, settle, ticketId } from "./support.ts"

const signed = { issuedAt: DateTime.makeUnsafe(0), dedupeKey: "a key", secretIndex: 0 }
const eventOf = (outcome: TicketOutcome): TicketEvent =>
  outcome._tag === "Created"
    ? TicketEvent.cases.TicketCreated.make({ ticketId: outcome.ticketId, issueKey: outcome.issueKey, ...signed })
    : TicketEvent.cases.TicketFailed.make({ ticketId: outcome.ticketId, ...signed })
const otherEvent = TicketEvent.cases.OtherEvent.make({ eventType: "ON-RAMP.X", payload: {}, ...signed })

const publish = (outcome: TicketOutcome) => TicketOutcomes.use((outcomes) => outcomes.publish(eventOf(outcome)))
const waiting = TicketOutcomes.use((outcomes) => outcomes.waiterCount)

const onSandbox = <A, E>(
  test: (sandbox: Sandbox["Service"], tickets: SupportTickets["Service"]) => Effect.Effect<A, E, TicketOutcomes>,
  options: Parameters<typeof TicketOutcomesLive.layer>[0] = {}
) =>
  Effect.gen(function* () {
    return yield* test(yield* Sandbox, yield* SupportTickets)
  }).pipe(Effect.provide(Sandbox.layerRipio().pipe(Layer.provideMerge(TicketOutcomesLive.layer(options)))))

describe("a wait with webhooks", () => {
  it.effect("ends the moment that the webhook arrives, and asks no more", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const fiber = yield* Effect.forkChild(Effect.zip(awaitOutcome(id), Clock.currentTimeMillis))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* waiting, 1)
        yield* publish(created)
        assert.deepStrictEqual(yield* Fiber.join(fiber), [created, 500])
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* sandbox.count("retrieve"), 1)
        assert.strictEqual(yield* waiting, 0)
      })
    )
  )

  it.effect("cuts off a request that is under way", () =>
    Effect.gen(function* () {
      let aborted = 0
      const { layer, requests } = yield* scriptedTickets(() =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => aborted++))
      )
      const waitAndPublish = Effect.gen(function* () {
        const tickets = yield* SupportTickets
        const fiber = yield* Effect.forkChild(tickets.awaitOutcome(ticketId))
        yield* TestClock.adjust("1 second")
        yield* publish(failed)
        assert.deepStrictEqual(yield* Fiber.join(fiber), failed)
      })
      yield* Effect.provide(waitAndPublish, layer.pipe(Layer.provideMerge(TicketOutcomesLive.layer())))
      assert.strictEqual(aborted, 1)
      assert.strictEqual((yield* requests).length, 1)
    })
  )

  describe("on a `TicketOutcomes` of the user's own", () => {
    /** It tells nobody by itself: what it knows has to be asked for. */
    const silent = (own: Partial<TicketOutcomes["Service"]>) =>
      Layer.succeed(TicketOutcomes, {
        publish: () => Effect.void,
        record: () => Effect.void,
        get: () => Effect.succeedNone,
        await: () => Effect.never,
        waiterCount: Effect.succeed(0),
        schedule: Schedule.spaced("1 second").pipe(Schedule.map(() => Effect.succeed(Duration.seconds(1)))),
        ...own
      })
    const awaiting = Effect.fnUntraced(function* (answer: object, own: Partial<TicketOutcomes["Service"]>) {
      const { layer, requests } = yield* scriptedTickets(() => Effect.succeed({ status: 200, json: answer }))
      const fiber = yield* SupportTickets.use(({ awaitOutcome }) => awaitOutcome(ticketId)).pipe(
        Effect.provide(layer.pipe(Layer.provide(silent(own)))),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 minute")
      return { outcome: yield* Fiber.join(fiber), asked: (yield* requests).length }
    })

    it.effect("asks for nothing that became known while it waited", () =>
      Effect.gen(function* () {
        let looks = 0
        const get = () => Effect.sync(() => (++looks > 2 ? Option.some(created) : Option.none()))
        assert.deepStrictEqual(yield* awaiting(pending, { get }), { outcome: created, asked: 2 })
      })
    )

    it.effect("takes what was known over an answer that says otherwise", () =>
      Effect.gen(function* () {
        const record = (received: TicketOutcome) => Effect.fail(new OutcomeContradiction({ known: failed, received }))
        assert.deepStrictEqual(yield* awaiting(createdAnswer, { record }), { outcome: failed, asked: 1 })
      })
    )
  })

  it.effect("finds the outcome of a webhook that overtook the answer of create", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        yield* publish(created)
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        assert.deepStrictEqual(yield* awaitOutcome(id, { deadline: 0 }), created)
        assert.strictEqual(yield* sandbox.count(), 0)
      })
    )
  )

  it.effect("is woken for its own ticket only, however many wait for the same", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const other = yield* sandbox.seed({ outcome: "Pending" })
        const all = yield* Effect.forkChild(Effect.all([awaitOutcome(id), awaitOutcome(id)], { concurrency: 2 }))
        const alone = yield* Effect.forkChild(awaitOutcome(other))
        yield* TestClock.adjust("500 millis")
        yield* publish(created)
        assert.deepStrictEqual(yield* Fiber.join(all), [created, created])
        assert.isUndefined(alone.pollUnsafe())
        yield* Fiber.interrupt(alone)
        assert.strictEqual(yield* waiting, 0)
      })
    )
  )

  it.effect("ends by the poll where no webhook comes, and tells the others", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Failed", after: "2 seconds" })
        const first = yield* Effect.forkChild(awaitOutcome(id))
        const rare = yield* Effect.forkChild(awaitOutcome(id, { schedule: Schedule.spaced("10 minutes") }))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(rare)], [failed, failed])
        assert.strictEqual(yield* waiting, 0)
      })
    )
  )

  it.effect("shows the states of a ticket in order, the webhook's last", () =>
    onSandbox((sandbox, { changes }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const fiber = yield* Effect.forkChild(Stream.runCollect(changes(id)))
        yield* TestClock.adjust("500 millis")
        yield* publish(created)
        assert.deepStrictEqual(yield* Fiber.join(fiber), [{ _tag: "Pending", ticketId }, created])
        assert.deepStrictEqual(yield* Stream.runCollect(changes(id)), [created])
      })
    )
  )

  it.effect("leaves nobody behind when it is interrupted, fails or runs out of time", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const fiber = yield* Effect.forkChild(awaitOutcome(id))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(fiber)
        const stranger = TicketId.make("00000000-0000-0000-0000-000000000000")
        assert.strictEqual((yield* Effect.flip(awaitOutcome(stranger)))._tag, "NotFound")
        const late = yield* Effect.forkChild(Effect.flip(awaitOutcome(id, { deadline: "3 seconds" })))
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* Fiber.join(late))._tag, "OutcomePending")
        assert.strictEqual(yield* waiting, 0)
      })
    )
  )

  it.effect("learns nothing from the events of other families", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const fiber = yield* Effect.forkChild(awaitOutcome(id))
        yield* TestClock.adjust("500 millis")
        yield* TicketOutcomes.use((outcomes) => outcomes.publish(otherEvent))
        yield* settle
        assert.isUndefined(fiber.pollUnsafe())
      })
    )
  )
})

describe("without the service", () => {
  it.effect("nothing is known of webhooks, and polls come as always", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
      const outcomes = yield* Effect.provide(TicketOutcomes, TicketOutcomesLive.layer())
      const fiber = yield* Effect.forkChild(tickets.awaitOutcome(id))
      yield* TestClock.adjust("500 millis")
      yield* outcomes.publish(eventOf(created))
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  it.effect("two accounts that have one each do not learn from each other", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([
        Effect.provide(TicketOutcomes, TicketOutcomesLive.layer()),
        Effect.provide(TicketOutcomes, TicketOutcomesLive.layer())
      ])
      yield* one.publish(eventOf(created))
      assert.deepStrictEqual(yield* one.get(ticketId), Option.some(created))
      assert.deepStrictEqual(yield* other.get(ticketId), Option.none())
    })
  )
})

describe("the schedule", () => {
  const polls = (minutes: number, options?: AwaitOptions) =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Pending" })
        const counts: Array<number> = []
        yield* Effect.forkChild(awaitOutcome(id, { deadline: Duration.infinity, ...options }))
        for (const step of ["before", "while", "after"]) {
          if (step === "while") yield* TicketOutcomes.use((outcomes) => outcomes.publish(otherEvent))
          const before = yield* sandbox.count("retrieve")
          yield* TestClock.adjust(Duration.minutes(minutes))
          counts.push((yield* sandbox.count("retrieve")) - before)
        }
        return counts
      })
    )

  it.effect("is slower for an hour after an event, and then as before", () =>
    Effect.gen(function* () {
      const [before = 0, during = 0, after = 0] = yield* polls(60)
      // Every 30 s against every 2 minutes, give or take the jitter and the first few.
      assert.isAbove(before, 115)
      assert.isBelow(during, 40)
      assert.isAbove(during, 28)
      assert.isAbove(after, 115)
    })
  )

  it.effect("is the caller's, if there is one", () =>
    Effect.gen(function* () {
      const counts = yield* polls(60, { schedule: Schedule.spaced("10 minutes") })
      assert.deepStrictEqual(counts, [7, 6, 6])
    })
  )
})

describe("a contradiction", () => {
  const recorded = Effect.sync(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    return { lines, layer: Logger.layer([logger]) }
  })
  const counted = Effect.map(Metric.snapshot, (all) => {
    const found = all.find(({ id }) => id === "ripio_ticket_contradictions")
    return found?.type === "Counter" ? Number(found.state.count) : 0
  })

  it.effect("of two webhooks fails, is logged and counted, and overwrites nothing", () =>
    Effect.gen(function* () {
      const { layer, lines } = yield* recorded
      const outcomes = yield* Effect.provide(TicketOutcomes, TicketOutcomesLive.layer())
      const before = yield* counted
      yield* outcomes.publish(eventOf(created))
      yield* outcomes.publish(eventOf(created))
      const otherKey = { ...created, issueKey: IssueKey.make("SUP-9") }
      for (const told of [failed, otherKey]) {
        const error = yield* Effect.provide(Effect.flip(outcomes.publish(eventOf(told))), layer)
        assert.strictEqual(error._tag, "OutcomeContradiction")
        assert.deepStrictEqual([error.known, error.received], [created, told])
      }
      assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.some(created))
      assert.strictEqual((yield* counted) - before, 2)
      assert.deepStrictEqual(lines, [
        `Error Ticket ${ticketId} ended as Created SUP-1234, and is now said to have ended as Failed: the first stands, ask Ripio which is true`,
        `Error Ticket ${ticketId} ended as Created SUP-1234, and is now said to have ended as Created SUP-9: the first stands, ask Ripio which is true`
      ])
    })
  )

  it.effect("is none where a failure is told twice", () =>
    Effect.gen(function* () {
      const outcomes = yield* Effect.provide(TicketOutcomes, TicketOutcomesLive.layer())
      for (let times = 0; times < 2; times++) yield* outcomes.publish(eventOf(failed))
      const error = yield* Effect.provide(Effect.flip(outcomes.publish(eventOf(created))), Logger.layer([]))
      assert.deepStrictEqual([error.known, error.received], [failed, created])
    })
  )

  it.effect("of a poll and a webhook shows when the webhook comes", () =>
    onSandbox((sandbox, { awaitOutcome }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ ticketId, outcome: "Failed", after: 0 })
        assert.deepStrictEqual(yield* awaitOutcome(id), failed)
        assert.strictEqual((yield* Effect.flip(publish(created)))._tag, "OutcomeContradiction")
        assert.deepStrictEqual(yield* awaitOutcome(id), failed)
      })
    )
  )
})

describe("its memory", () => {
  it.effect("holds as many outcomes as one likes, and forgets the oldest first", () =>
    Effect.gen(function* () {
      const outcomes = yield* Effect.provide(TicketOutcomes, TicketOutcomesLive.layer({ capacity: 2 }))
      const one = yield* Effect.provide(TicketOutcomes, TicketOutcomesLive.layer({ capacity: 1 }))
      const ids = [1, 2, 3].map((n) => TicketId.make(`00000000-0000-4000-8000-00000000000${n}`))
      for (const id of ids) {
        yield* outcomes.record({ _tag: "Failed", ticketId: id })
        yield* one.record({ _tag: "Failed", ticketId: id })
      }
      const knownTo = ({ get }: TicketOutcomes["Service"]) =>
        Effect.forEach(ids, (id) => Effect.map(get(id), Option.isSome))
      assert.deepStrictEqual(yield* knownTo(outcomes), [false, true, true])
      assert.deepStrictEqual(yield* knownTo(one), [false, false, true])
    })
  )

  for (const [options, option, issue] of [
    [{ capacity: 0 }, "capacity", "expected a whole number above zero"],
    [{ capacity: 1.5 }, "capacity", "expected a whole number above zero"],
    [{ assumeWebhooksFor: -1 }, "assumeWebhooksFor", "expected a duration that is not negative"]
  ] as const) {
    it.effect(`does not start with ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(TicketOutcomes, TicketOutcomesLive.layer(options)))
        assert.deepInclude(error, { option, issue })
      })
    )
  }
})

/**
 * Every interleaving of a small model: one poll that brings "pending", the wait after it, a second poll that brings an
 * outcome; and a webhook that comes twice, or two that contradict each other. Between any two steps, what is ready may
 * run or not.
 */
describe("poll and webhook, in every order", () => {
  const interleavings = <A>(one: ReadonlyArray<A>, other: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
    const [a, ...as] = one
    const [b, ...bs] = other
    if (a === undefined || b === undefined) return [[...one, ...other]]
    return [
      ...interleavings(as, other).map((rest) => [a, ...rest]),
      ...interleavings(one, bs).map((rest) => [b, ...rest])
    ]
  }

  type Step = "first answer" | "time" | "second answer" | "webhook" | "second webhook"
  const orders = interleavings<Step>(["first answer", "time", "second answer"], ["webhook", "second webhook"])
  const wires = { Created: createdAnswer, Failed: failedAnswer }

  const run = (
    order: ReadonlyArray<Step>,
    runs: number,
    way: "awaitOutcome" | "changes",
    told: ReadonlyArray<TicketOutcome>,
    polled: TicketOutcome
  ) =>
    Effect.gen(function* () {
      const answers = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const sent: Array<boolean> = []
      let underWay = 0
      const { layer } = yield* scriptedTickets((_, index) =>
        Effect.gen(function* () {
          sent.push(true)
          underWay++
          const answer = answers[index]
          yield* answer === undefined ? Effect.never : Deferred.await(answer)
          return { status: 200, json: index === 0 ? pending : wires[polled._tag] }
        }).pipe(Effect.onExit(() => Effect.sync(() => underWay--)))
      )
      yield* Effect.gen(function* () {
        const tickets = yield* SupportTickets
        const outcomes = yield* TicketOutcomes
        const wait =
          way === "awaitOutcome"
            ? Effect.map(tickets.awaitOutcome(ticketId), (outcome) => [outcome])
            : Stream.runCollect(tickets.changes(ticketId))
        let sentAtEnd = -1
        const fiber = yield* wait.pipe(
          Effect.ensuring(
            Effect.sync(() => {
              sentAtEnd = sent.length
            })
          ),
          Effect.forkChild
        )
        const [first = created, second = created] = told
        const steps: Record<Step, Effect.Effect<unknown>> = {
          "first answer": Deferred.succeed(answers[0]!, undefined),
          time: TestClock.adjust("2 seconds"),
          "second answer": Deferred.succeed(answers[1]!, undefined),
          webhook: Effect.exit(outcomes.publish(eventOf(first))),
          "second webhook": Effect.exit(outcomes.publish(eventOf(second)))
        }
        for (const [index, step] of order.entries()) {
          if ((runs >> index) & 1) yield* settle
          yield* steps[step]
        }
        yield* settle
        const seen = yield* Fiber.join(fiber)
        const outcome = seen.at(-1)
        // One outcome, which all who ask later get too; what came before it was "pending" and nothing else.
        assert.include(["Created", "Failed"], outcome?._tag)
        assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.some(outcome as TicketOutcome))
        assert.deepStrictEqual(yield* tickets.awaitOutcome(ticketId), outcome)
        assert.isTrue(seen.slice(0, -1).every(({ _tag }) => _tag === "Pending") && seen.length <= 2)
        // No wait left behind, and no request after it, not even one that was under way.
        assert.strictEqual(yield* outcomes.waiterCount, 0)
        assert.strictEqual(underWay, 0)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(sent.length, sentAtEnd)
        assert.isAtMost(sent.length, 2)
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))
    })

  for (const way of ["awaitOutcome", "changes"] as const) {
    for (const [what, told, polled] of [
      ["a webhook that comes twice", [created, created], created],
      ["two webhooks that contradict each other", [created, failed], created],
      ["webhooks that contradict the poll", [failed, failed], created]
    ] as const) {
      it.effect(
        `${way}, with ${what}: ${orders.length * 32} runs`,
        () =>
          Effect.gen(function* () {
            for (const order of orders) {
              for (let runs = 0; runs < 32; runs++) {
                const exit = yield* Effect.exit(run(order, runs, way, told, polled))
                if (Exit.isFailure(exit)) assert.fail(`${order.join(", ")} (${runs}): ${String(exit.cause)}`)
              }
            }
          }).pipe(Effect.provide(Logger.layer([]))),
        60_000
      )
    }
  }
})
