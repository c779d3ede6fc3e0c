/** The recipes of `docs/recipes.md` for services, and the examples `handler.ts` and `promise-edge.ts`. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as References from "effect/References"
import * as TestClock from "effect/testing/TestClock"
import { createServer } from "node:http"
import { FetchTransport, Ripio, type SupportTickets, TicketId } from "../../src/index.ts"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { Complaints, routes } from "../../examples/handler.ts"
import { makeEdge } from "../../examples/promise-edge.ts"
import { untilTrue } from "../support/untilTrue.ts"

const newTicket = ({ customer }: Sandbox["Service"]) => ({
  customerId: customer,
  summary: "A deposit is missing",
  description: "Since Monday."
})

describe("a handler whose customer disconnects", () => {
  const onSandbox = <A, E>(
    test: (services: {
      readonly sandbox: Sandbox["Service"]
      /** Runs an effect on a new process of the service, on the same store. */
      readonly inProcess: <B, E2>(
        effect: (complaints: Complaints["Service"]) => Effect.Effect<B, E2>
      ) => Effect.Effect<B, E2>
    }) => Effect.Effect<A, E, SupportTickets | KeyValueStore.KeyValueStore>
  ) =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const context = yield* Effect.context<SupportTickets | KeyValueStore.KeyValueStore>()
      return yield* test({
        sandbox,
        inProcess: (effect) =>
          Complaints.use(effect).pipe(
            Effect.provide(Complaints.layer.pipe(Layer.provide(Layer.succeedContext(context))))
          )
      })
    }).pipe(Effect.provide(Layer.mergeAll(Sandbox.layerRipio(), KeyValueStore.layerMemory, Logger.layer([]))))

  it.effect("creates one ticket, stores its id, and then its outcome", () =>
    onSandbox(({ inProcess, sandbox }) =>
      inProcess(({ file, get }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.latency("5 seconds"), { on: "create" })
          const customer = yield* Effect.forkChild(file("42", newTicket(sandbox)))
          yield* sandbox.awaitRequests("create", 1)
          yield* Fiber.interrupt(customer)
          // Sent again while the request is in flight, and after it.
          const again = yield* Effect.forkChild(file("42", newTicket(sandbox)), { startImmediately: true })
          yield* TestClock.adjust("5 seconds")
          const pending = yield* Fiber.join(again)
          const [ticket] = yield* sandbox.tickets
          assert.deepStrictEqual(pending, { _tag: "Pending", ticketId: ticket?.ticketId ?? TicketId.make("") })
          yield* TestClock.adjust("1 minute")
          assert.strictEqual((yield* file("42", newTicket(sandbox)))._tag, "Created")
          assert.strictEqual((yield* get("42"))?._tag, "Created")
          assert.strictEqual(yield* sandbox.count("create"), 1)
        })
      )
    )
  )

  it.effect("waits for the outcome again after a restart", () =>
    onSandbox(({ inProcess, sandbox }) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* inProcess(({ file }) => file("42", newTicket(sandbox))))._tag, "Pending")
        yield* TestClock.adjust("1 minute")
        yield* inProcess(({ get }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* get("42"))?._tag, "Pending")
            yield* sandbox.awaitRequests("retrieve", 1)
            yield* untilTrue(Effect.map(get("42"), (complaint) => complaint?._tag === "Created"))
          })
        )
        assert.strictEqual(yield* sandbox.count("create"), 1)
      })
    )
  )

  it.effect("never creates a second ticket if the response is lost, or the process ends before it", () =>
    onSandbox(({ inProcess, sandbox }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.dropped, { on: "create" })
        yield* sandbox.inject(Fault.hang, { on: "create" })
        yield* inProcess(({ file }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* file("lost", newTicket(sandbox)))._tag, "Unconfirmed")
            yield* Effect.forkChild(file("ended", newTicket(sandbox)))
            yield* sandbox.awaitRequests("create", 2)
          })
        )
        for (const id of ["lost", "ended"])
          assert.strictEqual((yield* inProcess(({ file }) => file(id, newTicket(sandbox))))._tag, "Unconfirmed")
        assert.strictEqual(yield* sandbox.count("create"), 2)
      })
    )
  )

  it.effect("may be sent again if no ticket was created", () =>
    onSandbox(({ inProcess, sandbox }) =>
      inProcess(({ file, get }) =>
        Effect.gen(function* () {
          const customerId = yield* sandbox.addCustomer({ email: false })
          const error = yield* Effect.flip(file("42", { ...newTicket(sandbox), customerId }))
          assert.strictEqual(error._tag, "TicketRejected")
          assert.isUndefined(yield* get("42"))
          assert.strictEqual((yield* file("42", newTicket(sandbox)))._tag, "Pending")
        })
      )
    )
  )

  /** The routes on a port. */
  const server = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
    Layer.provide(Complaints.layer),
    Layer.provide(KeyValueStore.layerMemory),
    Layer.provideMerge(Sandbox.layerRipio()),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
    Layer.provideMerge(Logger.layer([]))
  )

  const call = (url: string, init?: RequestInit) =>
    Effect.promise(async () => {
      const response = await fetch(url, init)
      const text = await response.text()
      return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) }
    })

  it.live("survives a connection that closes during the create", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const base = yield* HttpServer.addressFormattedWith((url) => Effect.succeed(`${url}/complaints`))
      const init = {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(newTicket(sandbox))
      }
      yield* sandbox.onCreate({ outcome: "Pending" })
      yield* sandbox.inject(Fault.latency("100 millis"), { on: "create" })
      const customer = new AbortController()
      const first = fetch(`${base}/42`, { ...init, signal: customer.signal }).catch((cause: unknown) => cause)
      yield* sandbox.awaitRequests("create", 1)
      customer.abort()
      assert.instanceOf(yield* Effect.promise(() => first), DOMException)
      const pending = { _tag: "Pending", ticketId: (yield* sandbox.tickets)[0]?.ticketId }
      assert.deepStrictEqual(yield* call(`${base}/42`, init), { status: 202, body: pending })
      assert.deepStrictEqual(yield* call(`${base}/42`), { status: 200, body: pending })
      assert.strictEqual(yield* sandbox.count("create"), 1)

      assert.strictEqual((yield* call(`${base}/43`)).status, 404)
      assert.strictEqual((yield* call(`${base}/43`, { ...init, body: "{}" })).status, 400)
      const customerId = yield* sandbox.addCustomer({ email: false })
      const body = JSON.stringify({ ...newTicket(sandbox), customerId })
      assert.strictEqual((yield* call(`${base}/43`, { ...init, body })).status, 422)
      yield* sandbox.inject(Fault.rateLimited({ retryAfter: 120 }), { on: "create" })
      assert.strictEqual((yield* call(`${base}/43`, init)).status, 503)
    }).pipe(Effect.provide(server))
  )
})

describe("an edge of promises", () => {
  const onSandbox = <A>(
    test: (services: {
      readonly sandbox: Sandbox["Service"]
      readonly edge: ReturnType<typeof makeEdge>
      readonly logs: ReadonlyArray<object>
    }) => Promise<A>
  ) =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const logs: Array<object> = []
      const logger = Logger.make(({ fiber, logLevel, message }) => {
        logs.push({ logLevel, message: String(message), ...fiber.getRef(References.CurrentLogAnnotations) })
      })
      const layer = Ripio.layer({ ...sandbox.account, environment: { baseUrl: "https://ripio.test" } }).pipe(
        Layer.provide(Sandbox.layerHttpClient),
        Layer.provide(Layer.succeed(Sandbox, sandbox)),
        Layer.provideMerge(Logger.layer([logger]))
      )
      const edge = makeEdge(layer)
      return yield* Effect.promise(() => test({ sandbox, edge, logs })).pipe(
        Effect.ensuring(Effect.promise(edge.dispose))
      )
    }).pipe(Effect.provide(Sandbox.layer()))

  const post = (body: string, signal?: AbortSignal) =>
    new Request("https://shop.test/tickets", { method: "POST", body, ...(signal && { signal }) })
  const get = (id: string) => new Request(`https://shop.test/tickets/${id}`)

  it.live("creates and retrieves on one client", () =>
    onSandbox(async ({ edge, sandbox }) => {
      const created = await edge.post(post(JSON.stringify(newTicket(sandbox))))
      assert.strictEqual(created.status, 202)
      const { ticketId } = (await created.json()) as { readonly ticketId: string }
      const retrieved = await edge.get(get(ticketId))
      assert.deepStrictEqual([retrieved.status, await retrieved.json()], [200, { _tag: "Pending", ticketId }])
      assert.strictEqual(await Effect.runPromise(sandbox.count("token")), 1)
    })
  )

  it.live("responds to each error with a status", () =>
    onSandbox(async ({ edge, logs, sandbox }) => {
      const run = Effect.runPromise
      const valid = JSON.stringify(newTicket(sandbox))
      const statusOf = async (response: Promise<Response>) => (await response).status
      assert.strictEqual(await statusOf(edge.post(post("not JSON"))), 400)
      assert.strictEqual(await statusOf(edge.post(post(valid.replace("A deposit is missing", "")))), 400)
      assert.strictEqual(await statusOf(edge.get(get("not-an-id"))), 400)
      assert.strictEqual(await run(sandbox.count()), 0)
      assert.strictEqual(await statusOf(edge.get(get("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"))), 404)
      const customerId = await run(sandbox.addCustomer({ email: false }))
      assert.strictEqual(await statusOf(edge.post(post(JSON.stringify({ ...newTicket(sandbox), customerId })))), 422)
      assert.deepStrictEqual(logs, [])

      await run(sandbox.inject(Fault.dropped, { on: "create" }))
      assert.strictEqual(await statusOf(edge.post(post(valid))), 502)
      await run(sandbox.setEnabled(false))
      assert.strictEqual(await statusOf(edge.post(post(valid))), 500)
      await run(sandbox.setEnabled(true))
      await run(sandbox.inject(Fault.rateLimited({ retryAfter: 120 })))
      const limited = await edge.post(post(valid))
      assert.deepStrictEqual([limited.status, limited.headers.get("retry-after")], [503, "120"])
      assert.deepStrictEqual(
        logs.map((line) => "logLevel" in line && line.logLevel),
        // Of the client: the ambiguous create, the account, the pause. Of the edge: the RipioHttpError.
        ["Warn", "Error", "Warn", "Warn"]
      )
    })
  )

  it("ends at its start if the configuration is incomplete", async () => {
    const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ RIPIO_ENVIRONMENT: "sandbox" }))
    const edge = makeEdge(Ripio.layerConfig.pipe(Layer.provide([provider, FetchTransport.layer])))
    const started = await edge.start().then(
      () => undefined,
      (error: unknown) => String(error)
    )
    assert.include(started, "RIPIO_CLIENT_ID")
    await edge.dispose()
  })

  it.live("logs the id of a ticket whose caller has disconnected, before it is disposed", () =>
    onSandbox(async ({ edge, logs, sandbox }) => {
      await Effect.runPromise(sandbox.inject(Fault.latency("100 millis"), { on: "create" }))
      const caller = new AbortController()
      const response = edge.post(post(JSON.stringify(newTicket(sandbox)), caller.signal))
      await Effect.runPromise(sandbox.awaitRequests("create", 1))
      caller.abort()
      assert.strictEqual((await response).status, 499)
      assert.deepStrictEqual(logs, [])
      await edge.dispose()
      const [ticket] = await Effect.runPromise(sandbox.tickets)
      assert.deepInclude(logs[0], { logLevel: "Warn", ticketId: ticket?.ticketId })
    })
  )
})
