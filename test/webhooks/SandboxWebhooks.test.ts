/** The webhooks that the sandbox sends, received by the handler and the inbox of the library. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import {
  SupportTickets,
  type TicketEvent,
  TicketInbox,
  TicketInboxLive,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "../../src/index.ts"
import { Fault, Sandbox, type SandboxWebhookOptions } from "../../src/testing/index.ts"
import { eventually } from "../support/eventually.ts"
import { Idle } from "../support/Idle.ts"
import { serve } from "../support/server.ts"
import { nodeSignature, otherJson } from "./fixtures.ts"
import { onSandboxWithOutcomes } from "./outcomes.ts"

const handlerFor = (
  sandbox: Sandbox["Service"],
  onEvent: (event: TicketEvent) => Effect.Effect<unknown, unknown>
): Effect.Effect<(request: Request) => Promise<Response>, unknown> =>
  TicketWebhookHandler.make(onEvent).pipe(
    Effect.provide(TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] }))
  )

/** Subscribes a handler to the webhooks of the sandbox and keeps the events that it receives. */
const subscribe = Effect.fnUntraced(function* (
  options: SandboxWebhookOptions = {},
  onEvent: (event: TicketEvent) => Effect.Effect<unknown, unknown> = () => Effect.void
) {
  const sandbox = yield* Sandbox
  const events: Array<TicketEvent> = []
  const handler = yield* handlerFor(sandbox, (event) => {
    events.push(event)
    return onEvent(event)
  })
  yield* sandbox.subscribe(handler, options)
  return { sandbox, events }
})

/** Waits until the sandbox has the responses to its first deliveries. */
const awaitResponses = ({ deliveries }: Sandbox["Service"], count: number) =>
  eventually(
    deliveries,
    (all) => all.length >= count && all.slice(0, count).every(({ status }) => status !== undefined)
  )

const newTicket = (sandbox: Sandbox["Service"]) => ({ customerId: sandbox.customer, summary: "x", description: "y" })

const onSandbox = <A, E>(test: Effect.Effect<A, E, Sandbox | SupportTickets | Idle>) =>
  test.pipe(Effect.provide(Layer.merge(Sandbox.layerRipio(), Logger.layer([]))), Effect.provide(Idle.layer))

describe("the sandbox's webhooks", () => {
  it.effect("report each outcome when the ticket ends, for tickets from before and after the subscription", () =>
    Effect.gen(function* () {
      const before = yield* Sandbox.use((sandbox) => sandbox.seed({ outcome: "Created", after: "5 seconds" }))
      const { events, sandbox } = yield* subscribe()
      const after = yield* sandbox.seed({ outcome: "Failed", after: "2 seconds" })
      const pending = yield* sandbox.seed({ outcome: "Pending" })
      const tickets = yield* SupportTickets
      const created = yield* tickets.create(newTicket(sandbox))
      yield* TestClock.adjust("10 seconds")
      yield* awaitResponses(sandbox, 3)
      yield* sandbox.complete(pending, "Created")
      const deliveries = yield* awaitResponses(sandbox, 4)
      assert.deepStrictEqual(
        deliveries.map(({ at, status }) => ({ at, status })),
        [
          { at: 2000, status: 200 },
          { at: 3000, status: 200 },
          { at: 5000, status: 200 },
          { at: 10_000, status: 200 }
        ]
      )
      assert.deepStrictEqual(
        events.map((event) => event._tag !== "OtherEvent" && { _tag: event._tag, ticketId: event.ticketId }),
        [
          { _tag: "TicketFailed", ticketId: after },
          { _tag: "TicketCreated", ticketId: created.ticketId },
          { _tag: "TicketCreated", ticketId: before },
          { _tag: "TicketCreated", ticketId: pending }
        ]
      )
      // Completing a completed ticket sends nothing.
      yield* sandbox.complete(pending, "Created")
      yield* Idle.await
      yield* TestClock.adjust("1 hour")
      yield* Idle.await
      assert.strictEqual((yield* sandbox.deliveries).length, 4)
    }).pipe(onSandbox)
  )

  it.effect("report a ticket once if it is completed before its time", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* subscribe()
      yield* sandbox.complete(yield* sandbox.seed({ outcome: "Created", after: "5 seconds" }), "Failed")
      yield* TestClock.adjust(0)
      yield* awaitResponses(sandbox, 1)
      yield* TestClock.adjust("1 minute")
      yield* Idle.await
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["TicketFailed"]
      )
      assert.strictEqual((yield* sandbox.deliveries).length, 1)
    }).pipe(onSandbox)
  )

  it.effect("end a wait before the next poll", () =>
    onSandboxWithOutcomes(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* sandbox.subscribe(yield* handlerFor(sandbox, () => Effect.void))
        const id = yield* sandbox.seed({ outcome: "Created", after: "5 seconds" })
        const wait = tickets.awaitOutcome(id, { deadline: "1 hour" })
        const fiber = yield* Effect.forkChild(Effect.zip(wait, Clock.currentTimeMillis))
        yield* TestClock.adjust("5 seconds")
        const polls = yield* sandbox.count("retrieve")
        const [outcome, at] = yield* Fiber.join(fiber)
        assert.deepStrictEqual([outcome._tag, at], ["Created", 5000])
        assert.strictEqual(yield* sandbox.count("retrieve"), polls)
      })
    )
  )

  it.effect("are not lost if they arrive before the response to create", () =>
    onSandboxWithOutcomes(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* sandbox.subscribe(yield* handlerFor(sandbox, () => Effect.void))
        yield* sandbox.onCreate({ outcome: "Failed", after: "1 second" })
        yield* sandbox.inject(Fault.latency("5 seconds"), { on: "create" })
        const raised = Effect.zip(tickets.raise(newTicket(sandbox)), Clock.currentTimeMillis)
        const fiber = yield* Effect.forkChild(raised)
        yield* eventually(sandbox.tickets, ({ length }) => length === 1)
        yield* TestClock.adjust("1 second")
        yield* awaitResponses(sandbox, 1)
        yield* TestClock.adjust("4 seconds")
        const [outcome, at] = yield* Fiber.join(fiber)
        assert.deepStrictEqual([outcome._tag, at], ["Failed", 5000])
        assert.strictEqual(yield* sandbox.count("retrieve"), 0)
      })
    )
  )

  it.effect("arrive late with delay and several times with times", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* subscribe({ delay: "1 minute", times: 2 })
      yield* sandbox.complete(yield* sandbox.seed({ outcome: "Pending" }), "Failed")
      yield* Idle.await
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* sandbox.deliveries, [])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* awaitResponses(sandbox, 2)).length, 2)
      assert.strictEqual(events[0]?.dedupeKey, events[1]?.dedupeKey)
    }).pipe(onSandbox)
  )

  it.effect("arrive in reverse order with reorderWindow", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* subscribe({ reorderWindow: 3 })
      const ids = yield* Effect.forEach([1, 2, 3], (after) => sandbox.seed({ after: `${after} seconds` }))
      yield* Idle.await
      yield* TestClock.adjust("2 seconds")
      yield* Idle.await
      assert.deepStrictEqual(yield* sandbox.deliveries, [])
      yield* TestClock.adjust("1 second")
      yield* awaitResponses(sandbox, 3)
      assert.deepStrictEqual(
        events.map((event) => event._tag === "TicketCreated" && event.ticketId),
        ids.toReversed()
      )
    }).pipe(onSandbox)
  )

  it.effect("come with forgeries with forge, and the handler rejects the forgeries", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* subscribe({ forge: true })
      for (const outcome of ["Created", "Failed"] as const) yield* sandbox.seed({ outcome, after: 0 })
      yield* TestClock.adjust(1)
      const deliveries = yield* awaitResponses(sandbox, 4)
      const statusesOf = (isForged: boolean) =>
        deliveries.filter(({ forged }) => forged === isForged).map(({ status }) => status)
      assert.deepStrictEqual(
        { forged: statusesOf(true), genuine: statusesOf(false) },
        {
          forged: [401, 401],
          genuine: [200, 200]
        }
      )
      assert.sameMembers(
        events.map(({ _tag }) => _tag),
        ["TicketCreated", "TicketFailed"]
      )
    }).pipe(onSandbox)
  )

  it.effect("are redelivered after a 5xx, with growing pauses", () =>
    Effect.gen(function* () {
      let failures = 2
      const { events, sandbox } = yield* subscribe({}, () => (failures-- > 0 ? Effect.fail("busy") : Effect.void))
      yield* sandbox.seed({ after: 0 })
      yield* awaitResponses(sandbox, 1)
      yield* Idle.await
      yield* TestClock.adjust("1 second")
      yield* awaitResponses(sandbox, 2)
      yield* Idle.await
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual((yield* sandbox.deliveries).length, 2)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(
        (yield* awaitResponses(sandbox, 3)).map(({ at, attempt, status }) => ({ at, attempt, status })),
        [
          { at: 0, attempt: 1, status: 503 },
          { at: 1000, attempt: 2, status: 503 },
          { at: 3000, attempt: 3, status: 200 }
        ]
      )
      assert.strictEqual(events.length, 3)
    }).pipe(onSandbox)
  )

  it.effect("are redelivered `retries` times without a response, and not after a 4xx", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      let calls = 0
      yield* sandbox.subscribe(
        () => {
          calls++
          return Promise.reject(new Error("away"))
        },
        { retries: 2 }
      )
      yield* sandbox.subscribe(() => Promise.resolve(new Response(null, { status: 401 })))
      yield* sandbox.seed({ after: 0 })
      for (const attempt of [1, 2, 3]) {
        yield* eventually(
          Effect.sync(() => calls),
          (count) => count >= attempt
        )
        yield* Idle.await
        yield* TestClock.adjust("10 seconds")
      }
      const deliveries = yield* eventually(sandbox.deliveries, (all) => all.some(({ status }) => status === 401))
      yield* Idle.await
      assert.sameMembers(
        deliveries.map(({ status }) => status),
        [undefined, undefined, undefined, 401]
      )
      assert.strictEqual((yield* sandbox.deliveries).length, 4)
    }).pipe(onSandbox)
  )

  it.effect("go to the subscriptions of their account only, events from emit included", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* subscribe()
      const otherAccount = yield* sandbox.addAccount()
      yield* sandbox.seed({ account: otherAccount, after: 0 })
      yield* sandbox.emit({ json: { ...otherJson, issueDatetime: "1970-01-01T00:00:00Z" } })
      yield* sandbox.emit({ body: "{}" }, otherAccount)
      yield* awaitResponses(sandbox, 1)
      yield* Idle.await
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["OtherEvent"]
      )
      assert.strictEqual((yield* sandbox.deliveries).length, 1)
    }).pipe(onSandbox)
  )

  it.effect("go to a URL, signed with the secret of the subscription", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("a secret for this URL alone")
      const received: Array<{ readonly signature: unknown; readonly body: Buffer }> = []
      const baseUrl = yield* serve((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          received.push({ signature: request.headers["http-x-wh-signature-256"], body: Buffer.concat(chunks) })
          response.writeHead(204).end()
        })
      })
      const sandbox = yield* Sandbox
      yield* sandbox.subscribe(`${baseUrl}/webhooks`, { secret })
      yield* sandbox.seed({ after: 0 })
      const [delivery] = yield* awaitResponses(sandbox, 1)
      assert.strictEqual(delivery?.status, 204)
      assert.strictEqual(received.length, 1)
      assert.strictEqual(received[0]?.signature, nodeSignature(received[0]?.body ?? "", secret))
    }).pipe(Effect.scoped, onSandbox)
  )

  it.effect("stop when the sandbox's layer is closed", () =>
    Effect.gen(function* () {
      let calls = 0
      const sandbox = yield* Effect.gen(function* () {
        const sandbox = yield* Sandbox
        yield* sandbox.subscribe(() => Promise.resolve(new Response(null, { status: ++calls })))
        yield* sandbox.seed({ after: "1 second" })
        yield* Idle.await
        return sandbox
      }).pipe(Effect.provide(Sandbox.layer()))
      yield* TestClock.adjust("1 minute")
      yield* Idle.await
      assert.deepStrictEqual(yield* sandbox.deliveries, [])
      assert.strictEqual(calls, 0)
    }).pipe(Effect.provide(Idle.layer))
  )
})

describe("the inbox", () => {
  it.effect("handles each event once despite duplicates, reordering, forgeries and an unreliable store", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const handled: Array<string> = []
      const inbox = yield* TicketInbox
      yield* Effect.forkChild(inbox.handle((event) => Effect.sync(() => handled.push(event.dedupeKey))))
      let calls = 0
      const handler = yield* handlerFor(sandbox, (event) => {
        switch (++calls % 3) {
          case 0:
            return Effect.fail("fails before the event is stored")
          case 1:
            return inbox.offer(event)
          default:
            return Effect.andThen(inbox.offer(event), Effect.fail("fails after the event is stored"))
        }
      })
      yield* sandbox.subscribe(handler, { times: 3, reorderWindow: 4, forge: true })
      for (let ticket = 0; ticket < 20; ticket++) {
        yield* sandbox.seed({ outcome: ticket % 2 === 0 ? "Created" : "Failed", after: `${1 + (ticket % 5)} seconds` })
      }
      const second = Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        yield* Idle.await
        yield* eventually(sandbox.deliveries, (all) => all.every(({ status }) => status !== undefined))
        yield* Idle.await
      })
      yield* Effect.repeat(second, { until: () => handled.length >= 20 })
      // All redeliveries arrive within the next minute.
      yield* Effect.repeat(second, { times: 60 })
      const deliveries = yield* sandbox.deliveries
      assert.strictEqual(handled.length, 20)
      assert.strictEqual(new Set(handled).size, 20)
      assert.isTrue(deliveries.filter(({ forged }) => forged).every(({ status }) => status === 401))
      assert.isAbove(deliveries.filter(({ status }) => status === 503).length, 10)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(Sandbox.layer(), TicketInboxLive.layer(), Logger.layer([]))),
      Effect.provide(Idle.layer)
    )
  )
})
