/** Waiting for what a sandbox receives and delivers. The clock of these tests stands still, unless they adjust it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { onSandbox } from "../support/harness.ts"
import { newTicket } from "../support/newTicket.ts"
import { inProcess, retrieve, requestToken, transports } from "./transports.ts"

const formOf = (sandbox: Sandbox["Service"], ...files: ReadonlyArray<File>) => {
  const form = new FormData()
  form.set("customerId", sandbox.customer)
  form.set("summary", "A deposit is missing")
  form.set("description", "Since Monday.")
  for (const file of files) form.append("files", file)
  return form
}

const post = (bearer: Redacted.Redacted) =>
  HttpClientRequest.post("/api/v1/supportTickets/").pipe(HttpClientRequest.bearerToken(bearer))

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

for (const { title: name, transport: layer } of transports) {
  describe(`awaitRequests ${name}`, () => {
    const test = (
      title: string,
      run: (sandbox: Sandbox["Service"]) => Effect.Effect<void, unknown, HttpClient.HttpClient>
    ) => it.effect(title, () => Sandbox.use(run).pipe(Effect.provide(layer())))

    test("waits for the requests of one route", (sandbox) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed()
        const two = yield* fork(sandbox.awaitRequests("retrieve", 2))
        const bearer = yield* requestToken(sandbox.account)
        yield* retrieve(id, bearer)
        yield* sandbox.awaitRequests("retrieve", 1)
        yield* HttpClient.get("/elsewhere/")
        assert.isUndefined(two.pollUnsafe())
        yield* retrieve(id, bearer)
        yield* Fiber.join(two)
        yield* sandbox.awaitRequests("retrieve", 2)
        yield* sandbox.awaitRequests("create", 0)
      }))

    for (const [title, fault] of [
      ["without a fault", undefined],
      ["whose response is late", Fault.latency("1 hour")],
      ["without a response", Fault.hang],
      ["whose connection breaks", Fault.dropped]
    ] as const) {
      test(`a create ${title}: returns when its ticket is stored, file included`, (sandbox) =>
        Effect.gen(function* () {
          const bearer = yield* requestToken(sandbox.account)
          if (fault !== undefined) yield* sandbox.inject(fault)
          const form = formOf(sandbox, new File([new Uint8Array(300_000)], "film.bin"))
          const fiber = yield* fork(Effect.exit(HttpClient.execute(HttpClientRequest.bodyFormData(post(bearer), form))))
          yield* sandbox.awaitRequests("create", 1)
          assert.deepStrictEqual(
            (yield* sandbox.tickets).map(({ files }) => files.map(({ bytes }) => bytes.length)),
            [[300_000]]
          )
          yield* Fiber.interrupt(fiber)
        }))
    }

    test("counts requests that a fault refuses or responds to", (sandbox) =>
      Effect.gen(function* () {
        for (const fault of [Fault.refused, Fault.status(503), Fault.rateLimited()]) yield* sandbox.inject(fault)
        const waiting = yield* fork(sandbox.awaitRequests("token", 3))
        yield* Effect.replicateEffect(Effect.exit(requestToken(sandbox.account)), 2)
        assert.isUndefined(waiting.pollUnsafe())
        yield* Effect.exit(requestToken(sandbox.account))
        yield* Fiber.join(waiting)
      }))
  })
}

describe("awaitRequests", () => {
  it.effect("counts a request that is interrupted while its body arrives", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const bearer = yield* requestToken(sandbox.account)
      const endless = Stream.concat(Stream.succeed(new Uint8Array(10)), Stream.never)
      const request = HttpClientRequest.bodyStream(post(bearer), endless, {
        contentType: "multipart/form-data; boundary=b"
      })
      const fiber = yield* fork(HttpClient.execute(request))
      const waiting = yield* fork(sandbox.awaitRequests("create", 1))
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(fiber)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* sandbox.tickets, [])
    }).pipe(Effect.provide(inProcess()))
  )

  it.effect("serves several waiters, each at its own count, and can be interrupted", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed()
        const waiters = yield* Effect.forEach([1, 2, 3, 3, 4], (count) =>
          fork(sandbox.awaitRequests("retrieve", count))
        )
        const reached = () => waiters.map((fiber) => fiber.pollUnsafe() !== undefined)
        yield* tickets.retrieve(id)
        yield* Effect.yieldNow
        assert.deepStrictEqual(reached(), [true, false, false, false, false])
        yield* Fiber.interrupt(waiters[3]!)
        yield* Effect.replicateEffect(tickets.retrieve(id), 2)
        yield* Effect.yieldNow
        assert.deepStrictEqual(reached(), [true, true, true, true, false])
        assert.strictEqual(waiters[2]!.pollUnsafe()?._tag, "Success")
        assert.strictEqual(waiters[3]!.pollUnsafe()?._tag, "Failure")
      })
    )
  )
})

describe("raise under TestClock", () => {
  const files = [new File([new Uint8Array(100_000)], "film.bin")]

  for (const [title, ticketFiles] of [
    ["without files", []],
    ["with a file", files]
  ] as const) {
    it.effect(`${title}: fork it, wait for its create, and adjust the clock once`, () =>
      onSandbox(({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.onCreate({ outcome: "Created", after: "20 seconds" })
          const raising = yield* Effect.forkChild(
            tickets.raise(newTicket({ customerId: sandbox.customer, files: ticketFiles }))
          )
          yield* sandbox.awaitRequests("create", 1)
          yield* TestClock.adjust("1 minute")
          const outcome = yield* Fiber.join(raising)
          assert.strictEqual(outcome._tag, "Created")
          assert.strictEqual(outcome.ticketId, (yield* sandbox.tickets)[0]?.ticketId)
          assert.isAbove(yield* sandbox.count("retrieve"), 3)
        })
      )
    )
  }

  it.effect("nothing before the create waits on anything but the clock", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const raising = yield* Effect.forkChild(tickets.raise(newTicket({ customerId: sandbox.customer })))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(
          (yield* sandbox.requests).slice(0, 3).map(({ at, route }) => [route, at]),
          [
            ["token", 0],
            ["create", 0],
            ["retrieve", 0]
          ]
        )
        assert.strictEqual(raising.pollUnsafe()?._tag, "Success")
      })
    )
  )

  it.effect("a create without files is sent in the turn of the event loop that calls it", () =>
    onSandbox(({ auth, sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* auth.accessToken
        const creating = yield* fork(tickets.create(newTicket({ customerId: sandbox.customer })))
        assert.strictEqual(yield* sandbox.count("create"), 1)
        yield* Fiber.join(creating)
      })
    )
  )
})

describe("awaitDeliveries", () => {
  it.effect("waits until so many attempts have ended, whatever their result", () =>
    onSandbox(({ sandbox }) =>
      Effect.gen(function* () {
        const statuses = [503, 200]
        yield* sandbox.subscribe(() => Promise.resolve(new Response(null, { status: statuses.shift() ?? 200 })))
        yield* sandbox.subscribe(() => Promise.reject(new Error("away")), { retries: 0 })
        yield* sandbox.awaitDeliveries(0)
        yield* sandbox.seed({ after: "3 seconds" })
        yield* TestClock.adjust("3 seconds")
        yield* sandbox.awaitDeliveries(2)
        assert.sameMembers(
          (yield* sandbox.deliveries).map(({ status }) => status),
          [503, undefined]
        )
        const third = yield* fork(sandbox.awaitDeliveries(3))
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(third.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(third)
        assert.deepInclude((yield* sandbox.deliveries)[2], { at: 4000, attempt: 2, status: 200 })
        yield* sandbox.awaitDeliveries(3)
      })
    )
  )

  it.effect("a retry is due as soon as the attempt before it has ended", () =>
    onSandbox(({ sandbox }) =>
      Effect.gen(function* () {
        yield* sandbox.subscribe(() => Promise.resolve(new Response(null, { status: 500 })))
        yield* sandbox.seed({ after: 0 })
        const pauses = [0, 1000, 2000, 4000, 8000, 16_000]
        for (const [index, pause] of pauses.entries()) {
          yield* TestClock.adjust(pause)
          yield* sandbox.awaitDeliveries(index + 1)
        }
        assert.deepStrictEqual(
          (yield* sandbox.deliveries).map(({ at, status }) => [at, status]),
          [0, 1000, 3000, 7000, 15_000, 31_000].map((at) => [at, 500])
        )
      })
    )
  )

  it.effect("does not count an attempt without a response yet, and can be interrupted", () =>
    onSandbox(({ sandbox }) =>
      Effect.gen(function* () {
        const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
        const { promise: response, resolve: respond } = Promise.withResolvers<Response>()
        yield* sandbox.subscribe(() => {
          ask()
          return response
        })
        yield* sandbox.emit({ body: "{}" })
        const interrupted = yield* fork(sandbox.awaitDeliveries(1))
        const waiting = yield* fork(sandbox.awaitDeliveries(1))
        yield* Effect.promise(() => asked)
        yield* TestClock.adjust("1 day")
        assert.isUndefined(waiting.pollUnsafe())
        yield* Fiber.interrupt(interrupted)
        respond(new Response(null, { status: 204 }))
        yield* Fiber.join(waiting)
        assert.strictEqual((yield* sandbox.deliveries)[0]?.status, 204)
      })
    )
  )

  it.effect("a secret that cannot sign dies in subscribe, and says why", () =>
    onSandbox(({ sandbox }) =>
      Effect.gen(function* () {
        const wiped = Redacted.make("a secret")
        Redacted.wipeUnsafe(wiped)
        const handler = () => Promise.resolve(new Response(null))
        for (const secret of [Redacted.make(""), wiped, "plain text" as unknown as Redacted.Redacted]) {
          const cause = yield* Effect.flip(Effect.sandbox(sandbox.subscribe(handler, { secret })))
          assert.include(String(cause), "Sandbox: the secret of a subscription")
        }
        yield* sandbox.subscribe(handler, { secret: undefined })
        yield* sandbox.emit({ body: "{}" })
        yield* sandbox.awaitDeliveries(1)
        assert.strictEqual((yield* sandbox.deliveries)[0]?.status, 200)
      })
    )
  )
})
