/** The webhooks that the sandbox sends. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import {
  SupportTickets,
  type TicketEvent,
  TicketInbox,
  TicketInboxLive,
  TicketOutcomesLive,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "../../src/index.ts"
import { Fault, Sandbox, type SandboxWebhookOptions } from "../../src/testing/index.ts"
import { nodeSignature, otherJson, settle } from "./support.ts"

const sent = (sandbox: Sandbox["Service"], count: number) =>
  Effect.andThen(settle, sandbox.deliveries).pipe(
    Effect.repeat({
      until: (all) => all.length >= count && all.slice(0, count).every(({ status }) => status !== undefined)
    })
  )

/** A sandbox that sends to a web handler, and what arrives there. */
const receiving = Effect.fnUntraced(function* (
  options: SandboxWebhookOptions = {},
  onEvent: (event: TicketEvent) => Effect.Effect<unknown, unknown> = () => Effect.void
) {
  const sandbox = yield* Sandbox
  const events: Array<TicketEvent> = []
  const handler = yield* TicketWebhookHandler.make((event) =>
    Effect.andThen(
      Effect.sync(() => events.push(event)),
      onEvent(event)
    )
  ).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] })))
  yield* sandbox.subscribe(handler, options)
  return { sandbox, events, handler }
})

const onSandbox = Effect.provide(Layer.merge(Sandbox.layerRipio(), Logger.layer([])))

describe("the sandbox's webhooks", () => {
  it.effect("tell of each ticket when it ends, whether it was there before or came after", () =>
    Effect.gen(function* () {
      const early = yield* Sandbox.use((sandbox) => sandbox.seed({ outcome: "Created", after: "5 seconds" }))
      const { events, sandbox } = yield* receiving()
      const late = yield* sandbox.seed({ outcome: "Failed", after: "2 seconds" })
      const open = yield* sandbox.seed({ outcome: "Pending" })
      const tickets = yield* SupportTickets
      const raised = yield* tickets.create({ customerId: sandbox.customer, summary: "x", description: "y" })
      yield* TestClock.adjust("10 seconds")
      yield* sent(sandbox, 3)
      yield* sandbox.complete(open, "Created")
      const deliveries = yield* sent(sandbox, 4)
      assert.deepStrictEqual(
        deliveries.map(({ at, status }) => [at, status]),
        [
          [2000, 200],
          [3000, 200],
          [5000, 200],
          [10_000, 200]
        ]
      )
      assert.deepStrictEqual(
        events.map((event) => event._tag !== "OtherEvent" && [event._tag, event.ticketId]),
        [
          ["TicketFailed", late],
          ["TicketCreated", raised.ticketId],
          ["TicketCreated", early],
          ["TicketCreated", open]
        ]
      )
      // What has ended does not end once more.
      yield* sandbox.complete(open, "Created")
      yield* TestClock.adjust("1 hour")
      yield* settle
      assert.strictEqual((yield* sandbox.deliveries).length, 4)
    }).pipe(onSandbox)
  )

  it.effect("beat the poll", () =>
    Effect.gen(function* () {
      const { sandbox } = yield* receiving()
      const id = yield* sandbox.seed({ outcome: "Created", after: "5 seconds" })
      const tickets = yield* SupportTickets
      const wait = tickets.awaitOutcome(id, { deadline: "1 hour" })
      const fiber = yield* Effect.forkChild(Effect.zip(wait, Clock.currentTimeMillis))
      yield* TestClock.adjust("5 seconds")
      const polls = yield* sandbox.count("retrieve")
      const [outcome, at] = yield* Fiber.join(fiber)
      assert.deepStrictEqual([outcome._tag, at], ["Created", 5000])
      assert.strictEqual(yield* sandbox.count("retrieve"), polls)
    }).pipe(Effect.provide(Sandbox.layerRipio().pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))
  )

  it.effect("may overtake the answer of create, and are not lost", () =>
    Effect.gen(function* () {
      const { sandbox } = yield* receiving()
      yield* sandbox.onCreate({ outcome: "Failed", after: "1 second" })
      yield* sandbox.inject(Fault.latency("5 seconds"), { on: "create" })
      const tickets = yield* SupportTickets
      const ticket = { customerId: sandbox.customer, summary: "x", description: "y" }
      const fiber = yield* Effect.forkChild(Effect.zip(tickets.raise(ticket), Clock.currentTimeMillis))
      // The ticket is there when the request has been read, which takes turns of the event loop.
      yield* Effect.andThen(settle, sandbox.tickets).pipe(Effect.repeat({ until: ({ length }) => length === 1 }))
      yield* TestClock.adjust("1 second")
      yield* sent(sandbox, 1)
      yield* TestClock.adjust("4 seconds")
      const [outcome, at] = yield* Fiber.join(fiber)
      assert.deepStrictEqual([outcome._tag, at], ["Failed", 5000])
      assert.strictEqual(yield* sandbox.count("retrieve"), 0)
    }).pipe(Effect.provide(Sandbox.layerRipio().pipe(Layer.provideMerge(TicketOutcomesLive.layer()))))
  )

  it.effect("tell of a ticket once, if it is ended before its time", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* receiving()
      yield* sandbox.complete(yield* sandbox.seed({ outcome: "Created", after: "5 seconds" }), "Failed")
      yield* TestClock.adjust(0)
      yield* sent(sandbox, 1)
      yield* TestClock.adjust("1 minute")
      yield* Effect.replicateEffect(settle, 5)
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["TicketFailed"]
      )
      assert.strictEqual((yield* sandbox.deliveries).length, 1)
    }).pipe(onSandbox)
  )

  it.effect("come late, and twice", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* receiving({ delay: "1 minute", times: 2 })
      yield* sandbox.complete(yield* sandbox.seed({ outcome: "Pending" }), "Failed")
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* sandbox.deliveries, [])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* sent(sandbox, 2)).length, 2)
      assert.strictEqual(events[0]?.dedupeKey, events[1]?.dedupeKey)
    }).pipe(onSandbox)
  )

  it.effect("come in another order", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* receiving({ reorderWindow: 3 })
      const ids = yield* Effect.forEach([1, 2, 3], (after) => sandbox.seed({ after: `${after} seconds` }))
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(yield* sandbox.deliveries, [])
      yield* TestClock.adjust("1 second")
      yield* sent(sandbox, 3)
      assert.deepStrictEqual(
        events.map((event) => event._tag === "TicketCreated" && event.ticketId),
        ids.toReversed()
      )
    }).pipe(onSandbox)
  )

  it.effect("come beside forgeries, which are refused", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* receiving({ forge: true })
      for (const outcome of ["Created", "Failed"] as const) yield* sandbox.seed({ outcome, after: 0 })
      yield* TestClock.adjust(1)
      const deliveries = yield* sent(sandbox, 4)
      assert.deepStrictEqual(
        deliveries.filter(({ forged }) => forged).map(({ status }) => status),
        [401, 401]
      )
      assert.deepStrictEqual(
        deliveries.filter(({ forged }) => !forged).map(({ status }) => status),
        [200, 200]
      )
      assert.sameMembers(
        events.map(({ _tag }) => _tag),
        ["TicketCreated", "TicketFailed"]
      )
    }).pipe(onSandbox)
  )

  it.effect("come again after a 5xx, later each time", () =>
    Effect.gen(function* () {
      let fails = 2
      const { events, sandbox } = yield* receiving({}, () => (fails-- > 0 ? Effect.fail("busy") : Effect.void))
      yield* sandbox.seed({ after: 0 })
      yield* sent(sandbox, 1)
      yield* TestClock.adjust("1 second")
      yield* sent(sandbox, 2)
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual((yield* sandbox.deliveries).length, 2)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(
        (yield* sent(sandbox, 3)).map(({ at, attempt, status }) => [at, attempt, status]),
        [
          [0, 1, 503],
          [1000, 2, 503],
          [3000, 3, 200]
        ]
      )
      assert.strictEqual(events.length, 3)
    }).pipe(onSandbox)
  )

  it.effect("come again where no answer comes, but not for ever, and not after a refusal", () =>
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
      for (const expected of [1, 2, 3]) {
        yield* Effect.repeat(settle, { until: () => calls >= expected })
        yield* Effect.replicateEffect(settle, 5)
        yield* TestClock.adjust("10 seconds")
      }
      yield* Effect.replicateEffect(settle, 5)
      const statuses = (yield* sandbox.deliveries).map(({ status }) => status)
      assert.sameMembers(statuses, [undefined, undefined, undefined, 401])
    }).pipe(onSandbox)
  )

  it.effect("are of one account each, and of any event", () =>
    Effect.gen(function* () {
      const { events, sandbox } = yield* receiving()
      const other = yield* sandbox.addAccount()
      yield* sandbox.seed({ account: other, after: 0 })
      yield* sandbox.emit({ json: { ...otherJson, issueDatetime: "1970-01-01T00:00:00Z" } })
      yield* sandbox.emit({ body: "{}" }, other)
      yield* sent(sandbox, 1)
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["OtherEvent"]
      )
      assert.strictEqual((yield* sandbox.deliveries).length, 1)
    }).pipe(onSandbox)
  )

  it.effect("go to a URL, signed with a secret of one's own", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("a secret for this URL alone")
      const received: Array<readonly [signature: unknown, body: Buffer]> = []
      const server = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((request, response) => {
            const chunks: Array<Buffer> = []
            request.on("data", (chunk: Buffer) => chunks.push(chunk))
            request.on("end", () => {
              received.push([request.headers["http-x-wh-signature-256"], Buffer.concat(chunks)])
              response.writeHead(204).end()
            })
          }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { port } = server.address() as AddressInfo
      const sandbox = yield* Sandbox
      yield* sandbox.subscribe(`http://127.0.0.1:${port}/webhooks`, { secret })
      yield* sandbox.seed({ after: 0 })
      const [delivery] = yield* sent(sandbox, 1)
      assert.strictEqual(delivery?.status, 204)
      const [signature, body = ""] = received[0] ?? []
      assert.strictEqual(signature, nodeSignature(body, secret))
    }).pipe(onSandbox, Effect.scoped)
  )

  it.effect("end with the sandbox", () =>
    Effect.gen(function* () {
      let calls = 0
      yield* Effect.gen(function* () {
        const sandbox = yield* Sandbox
        yield* sandbox.subscribe(() => Promise.resolve(new Response(null, { status: ++calls })))
        yield* sandbox.seed({ after: "1 second" })
      }).pipe(Effect.provide(Sandbox.layer()))
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.strictEqual(calls, 0)
    })
  )
})

describe("a storm of them", () => {
  it.effect("through the inbox: duplicates, disorder, forgeries and outages, and each event handled once", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const handled: Array<string> = []
      const inbox = yield* TicketInbox
      yield* Effect.forkChild(inbox.handle((event) => Effect.sync(() => handled.push(event.dedupeKey))))
      let calls = 0
      const webhooks = yield* Layer.build(TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] }))
      const handler = yield* TicketWebhookHandler.make((event) =>
        // Every third time, the database is away; and as often it is away just after it took the event.
        ++calls % 3 === 0
          ? Effect.fail("away")
          : Effect.andThen(inbox.offer(event), calls % 3 === 1 ? Effect.void : Effect.fail("away"))
      ).pipe(Effect.provide(webhooks))
      yield* sandbox.subscribe(handler, { times: 3, reorderWindow: 4, forge: true })
      for (let ticket = 0; ticket < 20; ticket++) {
        yield* sandbox.seed({ outcome: ticket % 2 === 0 ? "Created" : "Failed", after: `${1 + (ticket % 5)} seconds` })
      }
      const second = Effect.andThen(TestClock.adjust("1 second"), Effect.replicateEffect(settle, 20))
      yield* Effect.repeat(second, { until: () => handled.length >= 20 })
      yield* Effect.repeat(second, { times: 60 })
      const deliveries = yield* sandbox.deliveries
      assert.strictEqual(handled.length, 20)
      assert.strictEqual(new Set(handled).size, 20)
      assert.isTrue(deliveries.filter(({ forged }) => forged).every(({ status }) => status === 401))
      assert.isAbove(deliveries.filter(({ status }) => status === 503).length, 10)
    }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Sandbox.layer(), TicketInboxLive.layer(), Logger.layer([]))))
  )
})
