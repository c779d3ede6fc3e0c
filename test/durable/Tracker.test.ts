import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { TicketTracker, TicketTrackerLive } from "../../src/durable.ts"
import {
  type InboxEvent,
  IssueKey,
  RipioHttp,
  SupportTicket,
  SupportTickets,
  SupportTicketsLive,
  TicketId,
  TicketInbox,
  TicketInboxLive
} from "../../src/index.ts"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { schedule, tracking, tagsOf } from "./tracking.ts"

describe("a tracked ticket", () => {
  it.effect("is polled at once and then on the schedule, until its outcome", () =>
    tracking(({ events, polls, sandbox, tracker }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ after: "10 seconds" })
        yield* tracker.track(ticketId)
        yield* TestClock.adjust("1 hour")
        // 1 s, then 1.5 times as long each time.
        assert.deepStrictEqual(yield* polls, [0, 1000, 2500, 4750, 8125, 13_188])
        assert.deepStrictEqual(events, [
          {
            _tag: "TicketCreated",
            ticketId,
            issueKey: IssueKey.make("SUP-1001"),
            issuedAt: DateTime.makeUnsafe(13_188),
            source: "poll",
            dedupeKey: `SUPPORT_TICKET.CREATED:${ticketId}:SUP-1001`
          }
        ])
      })
    )
  )

  it.effect("ends as TicketFailed if the ticket could not be registered", () =>
    tracking(({ events, sandbox, tracker }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Failed", after: 0 })
        yield* tracker.track(ticketId)
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(events[0], { _tag: "TicketFailed", dedupeKey: `SUPPORT_TICKET.FAILED:${ticketId}` })
      })
    )
  )

  it.effect("is tracked once, however often it is asked for", () =>
    tracking(({ events, polls, sandbox, tracker }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ after: "1500 millis" })
        yield* tracker.track(ticketId)
        yield* tracker.track(ticketId, { deadline: "1 second" })
        yield* TestClock.adjust("1 minute")
        yield* tracker.track(ticketId)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* polls, [0, 1000, 2500])
        assert.deepStrictEqual(tagsOf(events), ["TicketCreated"])
      })
    )
  )

  for (const { deadline, options, title } of [
    { title: "of the tracker", options: { deadline: "20 seconds" as const }, deadline: undefined },
    { title: "of the call", options: { deadline: "1 hour" as const }, deadline: Duration.seconds(20) }
  ]) {
    it.effect(`is overdue exactly at the deadline ${title}, and is not polled again`, () =>
      tracking(
        ({ events, polls, sandbox, tracker }) =>
          Effect.gen(function* () {
            const ticketId = yield* sandbox.seed({ outcome: "Pending" })
            yield* tracker.track(ticketId, { deadline })
            yield* TestClock.adjust("19999 millis")
            assert.deepStrictEqual(events, [])
            yield* TestClock.adjust("1 millis")
            const count = (yield* polls).length
            assert.deepStrictEqual(yield* polls, [0, 1000, 2500, 4750, 8125, 13_188])
            assert.deepStrictEqual(events, [
              {
                _tag: "TrackingOverdue",
                ticketId,
                polls: count,
                issuedAt: DateTime.makeUnsafe(20_000),
                dedupeKey: `TRACKING.OVERDUE:${ticketId}`
              }
            ])
            yield* TestClock.adjust("1 day")
            assert.strictEqual((yield* polls).length, count)
            assert.strictEqual(events.length, 1)
          }),
        { options }
      )
    )
  }

  describe("whose poll cannot be interrupted", () => {
    const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
    const hangs = () => Effect.uninterruptible(Effect.never)
    const workerWith = (retrieve: SupportTickets["Service"]["retrieve"]) =>
      TicketTrackerLive.worker().pipe(Layer.provide(Layer.mock(SupportTickets, { retrieve })))
    const store = TicketTrackerLive.layer({ schedule }).pipe(
      Layer.provideMerge(TicketInboxLive.layer()),
      Layer.provide(Layer.merge(PersistedQueue.layerStoreMemory, KeyValueStore.layerMemory))
    )

    it.effect("is overdue at its deadline", () =>
      Effect.gen(function* () {
        const events: Array<InboxEvent> = []
        yield* Effect.forkChild(
          TicketInbox.use((inbox) => inbox.handle((event) => Effect.sync(() => events.push(event))))
        )
        yield* TicketTracker.use(({ track }) => track(ticketId, { deadline: Duration.seconds(20) }))
        yield* TestClock.adjust("19999 millis")
        assert.deepStrictEqual(events, [])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(tagsOf(events), ["TrackingOverdue"])
      }).pipe(Effect.provide(Layer.provideMerge(workerWith(hangs), store)))
    )

    it.effect("is not counted as a wait when its poll reaches the account after the deadline", () =>
      Effect.gen(function* () {
        const { execute } = yield* RipioHttp
        const late = RipioHttp.of({
          execute: (request, options) => Effect.uninterruptible(Effect.delay(execute(request, options), "2 seconds"))
        })
        const tickets = SupportTicketsLive.layer.pipe(Layer.provide(Layer.succeed(RipioHttp, late)))
        yield* Layer.build(TicketTrackerLive.worker().pipe(Layer.provide(tickets)))
        yield* TicketTracker.use(({ track }) => track(ticketId, { deadline: Duration.seconds(1) }))
        yield* TestClock.adjust("1 minute")
        const waiters = (yield* Metric.snapshot).flatMap(({ id, state }) =>
          id === "ripio.client.waiters" ? [state] : []
        )
        assert.deepStrictEqual(waiters, [])
        yield* Sandbox.use(({ awaitRequests }) => awaitRequests("retrieve", 1))
      }).pipe(
        Effect.provide(Layer.merge(store, Sandbox.layerRipio())),
        Effect.provideService(Metric.MetricRegistry, new Map())
      )
    )

    it.effect("is polled by the next worker as soon as its worker ends", () =>
      Effect.gen(function* () {
        yield* TicketTracker.use(({ track }) => track(ticketId))
        const scope = yield* Scope.make()
        yield* Layer.buildWithScope(workerWith(hangs), scope)
        yield* TestClock.adjust("1 second")
        yield* Scope.close(scope, Exit.void)
        let polls = 0
        const retrieve = () =>
          Effect.sync(() => {
            polls++
            return SupportTicket.cases.Pending.make({ ticketId })
          })
        yield* Layer.build(workerWith(retrieve))
        yield* TestClock.adjust(0)
        assert.strictEqual(polls, 1)
      }).pipe(Effect.provide(store))
    )
  })

  it.effect("is overdue when its schedule ends", () =>
    tracking(
      ({ events, polls, sandbox, tracker }) =>
        Effect.gen(function* () {
          yield* tracker.track(yield* sandbox.seed({ outcome: "Pending" }))
          yield* TestClock.adjust("1 hour")
          assert.deepStrictEqual(yield* polls, [0, 1000, 2000])
          assert.deepStrictEqual(tagsOf(events), ["TrackingOverdue"])
        }),
      { options: { schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 })) } }
    )
  )

  it.effect("is overdue when the time of its schedule is over", () =>
    tracking(
      ({ events, polls, sandbox, tracker }) =>
        Effect.gen(function* () {
          yield* tracker.track(yield* sandbox.seed({ outcome: "Pending" }))
          yield* TestClock.adjust("1 hour")
          assert.deepStrictEqual(yield* polls, [0, 10_000, 20_000, 30_000])
          assert.deepStrictEqual(tagsOf(events), ["TrackingOverdue"])
        }),
      { options: { schedule: Schedule.spaced("10 seconds").pipe(Schedule.upTo({ duration: "25 seconds" })) } }
    )
  )

  it.effect("has an event also if its issue key is too long for a key of the inbox", () =>
    tracking(({ events, sandbox, tracker }) =>
      Effect.gen(function* () {
        const issueKey = IssueKey.make("S".repeat(5000))
        const ticketId = yield* sandbox.seed({ after: 0, issueKey })
        yield* tracker.track(ticketId)
        yield* TestClock.adjust("1 second")
        assert.deepInclude(events[0], { _tag: "TicketCreated", issueKey, dedupeKey: `poll:${ticketId}` })
      })
    )
  )

  it.effect("is followed by a client without TicketOutcomes", () =>
    Effect.gen(function* () {
      const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
      const events: Array<InboxEvent> = []
      const inbox = yield* TicketInbox
      yield* Effect.forkChild(inbox.handle((event) => Effect.sync(() => events.push(event))))
      yield* TicketTracker.use((tracker) => tracker.track(ticketId))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(tagsOf(events), ["TicketFailed"])
    }).pipe(
      Effect.provide(
        TicketTrackerLive.worker().pipe(
          Layer.provideMerge(TicketTrackerLive.layer()),
          Layer.provideMerge(TicketInboxLive.layer()),
          Layer.provide(PersistedQueue.layerStoreMemory),
          Layer.provide(
            Layer.mock(SupportTickets, {
              retrieve: (ticketId) => Effect.succeed({ _tag: "Failed", ticketId })
            })
          )
        )
      )
    )
  )

  it.effect("fails if the account has no such ticket", () =>
    tracking(({ events, polls, tracker }) =>
      Effect.gen(function* () {
        const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
        yield* tracker.track(ticketId)
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* polls, [0])
        assert.strictEqual(events.length, 1)
        assert.deepInclude(events[0], {
          _tag: "TrackingFailed",
          ticketId,
          dedupeKey: `TRACKING.FAILED:${ticketId}`
        })
      })
    )
  )

  it.effect("is never polled before a Retry-After ends", () =>
    tracking(({ polls, sandbox, tracker }) =>
      Effect.gen(function* () {
        yield* tracker.track(yield* sandbox.seed({ outcome: "Pending" }))
        yield* TestClock.adjust(0)
        yield* sandbox.inject(Fault.rateLimited({ retryAfter: 30 }), { on: "retrieve" })
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("5 minutes")
        const [first, second, third] = yield* polls
        assert.deepStrictEqual([first, second], [0, 1000])
        assert.isAtLeast(third ?? 0, 31_000)
        // Up to a tenth of the pause as jitter.
        assert.isAtMost(third ?? Infinity, 34_500)
      })
    )
  )

  it.effect("is not held up by another one whose poll fails", () =>
    tracking(({ events, sandbox, tracker }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.status(500), { on: "retrieve" })
        const failing = yield* sandbox.seed({ after: 0 })
        const other = yield* sandbox.seed({ after: 0 })
        yield* tracker.track(failing)
        yield* TestClock.adjust(0)
        yield* tracker.track(other)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(
          events.map((event) => "ticketId" in event && event.ticketId),
          [other]
        )
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(tagsOf(events), ["TicketCreated", "TicketCreated"])
      })
    )
  )

  it.effect("uses nothing up while the API refuses the account, and goes on afterwards", () =>
    tracking(({ events, logs, polls, sandbox, tracker }) =>
      Effect.gen(function* () {
        yield* sandbox.setEnabled(false)
        const ticketId = yield* sandbox.seed({ after: 0 })
        yield* tracker.track(ticketId)
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(events, [])
        const probes = (yield* polls).length
        // 5 s, then twice as long each time, at most 5 minutes.
        assert.isAtMost(probes, 20)
        yield* sandbox.setEnabled(true)
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual(tagsOf(events), ["TicketCreated"])
        assert.strictEqual(logs.filter((line) => line.startsWith("Error: The workers pause")).length, 1)
        assert.strictEqual(logs.filter((line) => line.startsWith("Info: The API accepts")).length, 1)
      })
    )
  )

  it.effect("is overdue without a poll if its deadline has passed before", () =>
    tracking(({ events, polls, sandbox, tracker }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ after: 0 })
        yield* tracker.track(ticketId, { deadline: 0 })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* polls, [])
        assert.deepInclude(events[0], { _tag: "TrackingOverdue", ticketId, polls: 0 })
      })
    )
  )

  it.effect("is polled before a deadline that is close", () =>
    tracking(({ events, polls, sandbox, tracker }) =>
      Effect.gen(function* () {
        yield* tracker.track(yield* sandbox.seed({ outcome: "Pending" }), { deadline: "1 second" })
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(yield* polls, [0])
        assert.deepInclude(events[0], { _tag: "TrackingOverdue", polls: 1, issuedAt: DateTime.makeUnsafe(1000) })
      })
    )
  )

  it.effect("is overdue without a poll if the account is held back at its deadline", () =>
    tracking(({ events, sandbox, tracker }) =>
      Effect.gen(function* () {
        yield* sandbox.setEnabled(false)
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* tracker.track(ticketId, { deadline: "1 minute" })
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(events[0], { _tag: "TrackingOverdue", issuedAt: DateTime.makeUnsafe(60_000) })
        assert.deepNestedInclude(events[0], { "lastError._tag": "NotEnabled" })
      })
    )
  )

  it.effect("is polled by one probe at a time in an outage, and is overdue meanwhile", () =>
    tracking(
      ({ events, logs, sandbox, tracker }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.gatewayHtml(503), { on: "retrieve", times: "forever" })
          for (let index = 0; index < 50; index++) {
            yield* tracker.track(yield* sandbox.seed({ after: 0 }), { deadline: index < 10 ? "5 minutes" : "1 hour" })
          }
          yield* TestClock.adjust("15 minutes")
          // The first polls of all, and then one every 10 s at most.
          assert.isAtMost(yield* sandbox.count("retrieve"), 50 + 110)
          assert.deepStrictEqual(
            tagsOf(events),
            Array.from({ length: 10 }, () => "TrackingOverdue")
          )
          assert.deepNestedInclude(events[0], { "lastError._tag": "RipioHttpError" })
          yield* sandbox.clearFaults
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual(tagsOf(events).filter((tag) => tag === "TicketCreated").length, 40)
          assert.strictEqual(logs.filter((line) => line.startsWith("Warn: The Ripio API is down")).length, 1)
        }),
      { hasGate: true, options: { schedule: Schedule.spaced("30 seconds") } }
    )
  )

  it.effect("is put off until the end of a pause that another ticket's response asked for", () =>
    tracking(
      ({ events, sandbox, tracker }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.rateLimited({ retryAfter: 60 }), { on: "retrieve" })
          yield* tracker.track(yield* sandbox.seed({ after: 0 }))
          yield* TestClock.adjust(0)
          yield* tracker.track(yield* sandbox.seed({ after: 0 }))
          yield* TestClock.adjust("59 seconds")
          assert.strictEqual(yield* sandbox.count("retrieve"), 1)
          yield* TestClock.adjust("20 seconds")
          assert.deepStrictEqual(tagsOf(events), ["TicketCreated", "TicketCreated"])
        }),
      { hasGate: true }
    )
  )

  it.effect("is not polled again once a webhook has reported its outcome", () =>
    tracking(({ events, outcomes, polls, sandbox, tracker }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Pending" })
        yield* tracker.track(ticketId)
        yield* TestClock.adjust(0)
        yield* outcomes.record({ _tag: "Failed", ticketId })
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* polls, [0])
        assert.deepStrictEqual(tagsOf(events), ["TicketFailed"])
      })
    )
  )

  it.effect("reports its outcome to callers that wait for it in the same process", () =>
    tracking(({ outcomes, sandbox, tracker }) =>
      Effect.gen(function* () {
        const ticketId = yield* sandbox.seed({ outcome: "Failed", after: 0 })
        yield* tracker.track(ticketId)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(yield* outcomes.await(ticketId), { _tag: "Failed", ticketId })
      })
    )
  )

  for (const { expected, options, title } of [
    { title: "32 at a time by default", options: undefined, expected: 32 },
    { title: "as many at a time as the worker may poll", options: { concurrency: 3 }, expected: 3 }
  ]) {
    it.effect(`is polled with others, ${title}`, () =>
      tracking(
        ({ polls, sandbox, tracker }) =>
          Effect.gen(function* () {
            yield* sandbox.inject(Fault.latency("5 seconds"), { on: "retrieve", times: "forever" })
            for (let count = 0; count < 40; count++) yield* tracker.track(yield* sandbox.seed())
            yield* TestClock.adjust("1 second")
            assert.strictEqual((yield* polls).length, expected)
          }),
        options === undefined ? {} : { worker: options }
      )
    )
  }
})
