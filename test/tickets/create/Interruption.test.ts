import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { contentHashOf, type NewTicket, type RequestOptions, SupportTickets } from "../../../src/index.ts"
import { Fault, Sandbox } from "../../../src/testing/index.ts"
import { clientAt, withClient, withTokenAt } from "../../support/clients.ts"
import { onSandbox } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { layerSandboxOnPort, sandboxPort, tcp } from "../../support/ports.ts"
import { serve, sockets } from "../../support/server.ts"
import { untilTrue } from "../../support/untilTrue.ts"
import { assertAmbiguous } from "./assertAmbiguous.ts"

const secret = "Me robaron la tarjeta"

const ticketFor = ({ customer }: Sandbox["Service"]) =>
  newTicket({ customerId: customer, summary: secret, description: `${secret}.` })

interface Line {
  readonly level: string
  readonly message: string
  readonly annotations: object
}

/** Runs an effect and records what it logs. */
const logged = <A, E, R>(effect: (lines: ReadonlyArray<Line>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<Line> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      lines.push({
        level: logLevel,
        message: String(message),
        annotations: fiber.getRef(References.CurrentLogAnnotations)
      })
    })
    return Effect.map(effect(lines).pipe(Effect.provide(Logger.layer([logger]))), (value) => ({ value, lines }))
  })

/** Interrupts an effect once a condition holds, runs what follows, and returns what was logged until the condition of the log. */
const interruptWhen = <A, E, E2, E3 = never>(
  effect: Effect.Effect<A, E>,
  condition: Effect.Effect<boolean, E2>,
  afterwards: Effect.Effect<unknown, E3>,
  expectedLines = 0
) =>
  logged((lines) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect)
      yield* untilTrue(condition)
      yield* Fiber.interrupt(fiber)
      yield* afterwards
      yield* untilTrue(Effect.sync(() => lines.length >= expectedLines))
    })
  ).pipe(Effect.map(({ lines }) => lines))

const countsOf = (sandbox: Sandbox["Service"]) =>
  Effect.gen(function* () {
    return { sent: yield* sandbox.count("create"), stored: (yield* sandbox.tickets).length }
  })

/** Asserts that one warning was logged after the exchange, with what is needed to search for the ticket. */
const assertWarned = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, ticket: NewTicket) {
  assert.strictEqual(lines.length, 1)
  assert.strictEqual(lines[0]?.level, "Warn")
  assert.match(
    lines[0]?.message ?? "",
    /^create: the caller was interrupted, and the API may have carried it out: create: no response within /u
  )
  const { customerId } = ticket
  assert.deepInclude(lines[0]?.annotations, { customerId, contentHash: yield* contentHashOf(ticket) })
  assert.property(lines[0]?.annotations, "sentAt")
  assert.notInclude(JSON.stringify(lines), secret)
})

describe("a create that is interrupted", () => {
  const options: RequestOptions = { retry: { times: 1000, base: "20 millis", max: "20 millis" } }
  const aDay = TestClock.adjust("1 day")

  it.effect("before the request is sent sends nothing and logs nothing", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.hang, { on: "token" })
          const tokenRequested = Effect.map(sandbox.count("token"), (count) => count === 1)
          const lines = yield* interruptWhen(tickets.create(ticketFor(sandbox)), tokenRequested, aDay)
          assert.deepStrictEqual(lines, [])
          assert.strictEqual(yield* sandbox.count("create"), 0)
        }),
      options
    )
  )

  it.effect("between two refused connections sends nothing and logs nothing", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.refused, { on: "create", times: "forever" })
          let tries = 0
          const triedTwice = Effect.gen(function* () {
            yield* TestClock.adjust("10 millis")
            tries = yield* sandbox.count("create")
            return tries >= 2
          })
          const lines = yield* interruptWhen(tickets.create(ticketFor(sandbox)), triedTwice, aDay)
          assert.deepStrictEqual(lines, [])
          assert.deepStrictEqual(yield* countsOf(sandbox), { sent: tries, stored: 0 })
        }),
      options
    )
  )

  it.effect("in flight logs a warning with what is needed to find the ticket, and is not sent again", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const ticket = ticketFor(sandbox)
          for (const { fault, sent } of [
            { fault: Fault.hang, sent: 1 },
            { fault: Fault.beforeStoring(Fault.hang), sent: 2 }
          ]) {
            yield* sandbox.inject(fault, { on: "create" })
            const arrived = Effect.map(sandbox.count("create"), (count) => count === sent)
            const lines = yield* interruptWhen(tickets.create(ticket), arrived, aDay, 1)
            yield* assertWarned(lines, ticket)
            assert.deepStrictEqual(yield* countsOf(sandbox), { sent, stored: 1 })
          }
        }),
      options
    )
  )

  it.effect("in flight goes on, and logs the id of the ticket when the response arrives", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.latency("3 seconds"), { on: "create" })
          const arrived = Effect.map(sandbox.count("create"), (count) => count === 1)
          // The interruption returns although no time passes.
          const lines = yield* interruptWhen(
            tickets.create(ticketFor(sandbox)),
            arrived,
            TestClock.adjust("3 seconds"),
            1
          )
          const [stored] = yield* sandbox.tickets
          assert.deepStrictEqual(
            lines.map(({ level, message }) => ({ level, message })),
            [{ level: "Warn", message: "create: the caller was interrupted, and the API carried it out" }]
          )
          assert.propertyVal(lines[0]?.annotations, "ticketId", stored?.ticketId)
          assert.deepStrictEqual(yield* countsOf(sandbox), { sent: 1, stored: 1 })
        }),
      options
    )
  )

  it.effect("in flight delays the end of the layer until the response, and no longer than its timeout", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const scope = yield* Scope.make()
      const context = yield* Layer.build(
        clientAt(
          sandbox,
          "https://ripio.test",
          Sandbox.layerHttpClient.pipe(Layer.provide(Layer.succeed(Sandbox, sandbox)))
        )
      ).pipe(Scope.provide(scope))
      yield* sandbox.inject(Fault.hang, { on: "create" })
      const { create } = Context.get(context, SupportTickets)
      const arrived = Effect.map(sandbox.count("create"), (count) => count === 1)
      yield* interruptWhen(create(ticketFor(sandbox)), arrived, Effect.void)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(Layer.merge(Sandbox.layer(), Logger.layer([]))))
  )

  it.effect("after its response logs the id of the ticket", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.onCreate({ outcome: "Pending" })
          const polled = Effect.map(sandbox.count("retrieve"), (count) => count === 1)
          const lines = yield* interruptWhen(tickets.raise(ticketFor(sandbox)), polled, aDay)
          const [stored] = yield* sandbox.tickets
          assert.deepStrictEqual(
            lines.map(({ message }) => message),
            [`raise: interrupted. Ticket ${stored?.ticketId} was created`]
          )
          assert.deepStrictEqual(yield* countsOf(sandbox), { sent: 1, stored: 1 })
        }),
      options
    )
  )
})

describe("a create that times out", () => {
  it.effect("fails with CreateAmbiguous and logs nothing", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.hang, { on: "create" })
          const ticket = ticketFor(sandbox)
          const { lines, value } = yield* logged(() =>
            Effect.gen(function* () {
              const fiber = yield* Effect.forkChild(Effect.flip(tickets.create(ticket)))
              yield* untilTrue(Effect.map(sandbox.count("create"), (count) => count === 1))
              yield* TestClock.adjust("200 millis")
              return yield* Fiber.join(fiber)
            })
          )
          yield* assertAmbiguous(value, ticket)
          assert.deepStrictEqual(lines, [])
          assert.deepStrictEqual(yield* countsOf(sandbox), { sent: 1, stored: 1 })
        }),
      { timeout: "200 millis", retry: { times: 3, base: "1 milli" } }
    )
  )
})

for (const [name, client] of sockets) {
  describe(`a create by ${name} that is interrupted`, () => {
    // Longer than the timeout of a large upload. The sockets are real, the time is not.
    const untilTimeout = TestClock.adjust("3 minutes")

    it.effect("logs a warning and is not sent again, while waiting for the response and while uploading a file", () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const layer = yield* Layer.build(clientAt(sandbox, `http://127.0.0.1:${yield* sandboxPort}`, client))
        const tickets = yield* SupportTickets.pipe(Effect.provide(layer))
        yield* sandbox.inject(Fault.hang, { on: "create" })
        const small = ticketFor(sandbox)
        const stored = Effect.map(sandbox.tickets, ({ length }) => length === 1)
        yield* assertWarned(yield* interruptWhen(tickets.create(small), stored, untilTimeout, 1), small)
        assert.deepStrictEqual(yield* countsOf(sandbox), { sent: 1, stored: 1 })

        // This server stops reading after the first chunk, so the upload is stuck when it is interrupted.
        // `fetch` then opens a new connection, and sends nothing on it.
        let requests = 0
        const port = yield* tcp((socket) => {
          socket.once("data", () => {
            requests++
            socket.pause()
          })
        })
        const large: NewTicket = { ...small, files: [new File([new Uint8Array(20_000_000)], "large.bin")] }
        const lines = yield* interruptWhen(
          SupportTickets.use(({ create }) => create(large)).pipe(
            Effect.provide(yield* Layer.build(withTokenAt(`http://127.0.0.1:${port}`, client)))
          ),
          Effect.sync(() => requests > 0),
          untilTimeout,
          1
        )
        yield* assertWarned(lines, large)
        assert.strictEqual(requests, 1)
      }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
    )

    for (const { bytes, size } of [
      { size: "small", bytes: 10 },
      { size: "large", bytes: 9 * 1024 * 1024 }
    ]) {
      it.effect(`leaves no connection open after its timeout if it is ${size} and the response body stalls`, () =>
        Effect.gen(function* () {
          let hasResponse = false
          const closed = yield* Deferred.make<void>()
          const url = yield* serve((request, response) => {
            response.on("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
            request.resume().on("end", () => {
              response.writeHead(201, { "content-length": "100" }).write("{")
            })
          })
          const watched = withClient(
            client,
            HttpClient.tap(() => Effect.sync(() => (hasResponse = true)))
          )
          const ticket = newTicket({ files: [new File([new Uint8Array(bytes)], "film.bin")] })
          const fiber = yield* SupportTickets.use(({ create }) => create(ticket)).pipe(
            Effect.provide(yield* Layer.build(Layer.merge(withTokenAt(url, watched), Logger.layer([])))),
            Effect.forkChild
          )
          yield* untilTrue(Effect.sync(() => hasResponse))
          yield* Fiber.interrupt(fiber)
          yield* untilTimeout
          yield* Deferred.await(closed)
        }).pipe(Effect.scoped)
      )
    }
  })
}
