/** The recipes of `docs/recipes.md`, and the examples that they refer to. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import {
  FetchTransport,
  Ripio,
  RipioHttp,
  SupportTickets,
  TicketId,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "../../src/index.ts"
import { Fault, Sandbox, ScriptedHttpClient } from "../../src/testing/index.ts"
import { followAll } from "../../examples/csv.ts"
import { Complaints, routes } from "../../examples/handler.ts"
import { makeEdge } from "../../examples/promise-edge.ts"
import { untilTrue } from "../support/untilTrue.ts"

const newTicket = ({ customer }: Sandbox["Service"]) => ({
  customerId: customer,
  summary: "A deposit is missing",
  description: "Since Monday."
})

describe("a CSV file of ids", () => {
  /** Runs a test with the two files, and what the program displays. */
  const withFiles = <A, E, R>(
    test: (files: {
      readonly input: string
      readonly output: string
      readonly displayed: ReadonlyArray<string>
    }) => Effect.Effect<A, E, R>,
    isTerminal = false
  ) =>
    Effect.gen(function* () {
      const displayed: Array<string> = []
      const unused = Effect.die("not used")
      const terminal = Terminal.make({
        columns: unused,
        rows: unused,
        size: unused,
        readInput: unused,
        readLine: unused,
        display: (text) => Effect.sync(() => displayed.push(text))
      })
      const folder = yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())
      return yield* test({ input: `${folder}/tickets.csv`, output: `${folder}/outcomes.csv`, displayed }).pipe(
        Effect.provideService(Terminal.Terminal, terminal),
        Effect.provide(Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(isTerminal) }))
      )
    }).pipe(Effect.provide(Layer.merge(Sandbox.layerRipio(), NodeFileSystem.layer)))

  const linesOf = (path: string) =>
    Effect.map(
      FileSystem.FileSystem.use((fs) => fs.readFileString(path)),
      (text) => text.split("\n").filter((line) => line !== "")
    )

  it.effect("continues after a stop: each ticket has one outcome, and no known one is requested again", () =>
    withFiles(({ displayed, input, output }) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const sandbox = yield* Sandbox
        const soon = yield* Effect.forEach(Array.from({ length: 60 }).keys(), () =>
          sandbox.seed({ outcome: "Created", after: "1 second" })
        )
        const late = yield* Effect.forEach(Array.from({ length: 40 }).keys(), () =>
          sandbox.seed({ outcome: "Pending" })
        )
        const rows = [...late, ...soon].map((id, index) => `${index},"a ""quoted"", text",${id}`)
        yield* fs.writeFileString(input, ["number,text,ticketId", ...rows, ""].join("\r\n"))

        const first = yield* Effect.forkChild(followAll(input, output))
        yield* sandbox.awaitRequests("retrieve", 100)
        yield* TestClock.adjust("5 seconds")
        yield* untilTrue(Effect.sync(() => displayed.includes("60 of 100\n")))
        yield* untilTrue(Effect.map(linesOf(output), (lines) => lines.length === 61))
        yield* Fiber.interrupt(first)
        // What a process that is killed may leave: half a line.
        yield* fs.writeFileString(output, `${late[0]},Fai`, { flag: "a" })

        for (const id of late) yield* sandbox.complete(id, "Failed")
        const requests = yield* sandbox.count("retrieve")
        assert.deepStrictEqual(yield* followAll(input, output), [])
        assert.strictEqual((yield* sandbox.count("retrieve")) - requests, 40)
        assert.strictEqual(displayed.at(-1), "100 of 100\n")

        const [header, ...lines] = yield* linesOf(output)
        assert.strictEqual(header, "ticketId,state,issueKey")
        assert.sameMembers(
          lines.map((line) => line.split(",").slice(0, 2).join()),
          [...soon.map((id) => `${id},Created`), ...late.map((id) => `${id},Failed`)]
        )

        // A third run has nothing to do.
        assert.deepStrictEqual(yield* followAll(input, output), [])
        assert.strictEqual((yield* sandbox.count("retrieve")) - requests, 40)
        assert.strictEqual(yield* sandbox.count("token"), 1)
      })
    )
  )

  it.effect("records an unknown ticket, and leaves a pending one to the next run", () =>
    withFiles(
      ({ displayed, input, output }) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const sandbox = yield* Sandbox
          const pending = yield* sandbox.seed({ outcome: "Pending" })
          const unknown = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
          yield* fs.writeFileString(input, `ticketId\n${pending}\n${unknown}\n${unknown.toUpperCase()}\n`)
          const running = yield* Effect.forkChild(followAll(input, output))
          yield* sandbox.awaitRequests("retrieve", 2)
          yield* TestClock.adjust("15 minutes")
          assert.deepStrictEqual(yield* Fiber.join(running), [pending])
          assert.deepStrictEqual(yield* linesOf(output), ["ticketId,state,issueKey", `${unknown},NotFound,`])
          assert.strictEqual(displayed[1], `\r[${"#".repeat(15)}${".".repeat(15)}] 1 of 2`)
          assert.strictEqual(displayed.at(-1), `\r[${"#".repeat(30)}] 2 of 2\n`)
        }),
      true
    )
  )

  it.effect("sends no request if an id is invalid", () =>
    withFiles(({ input, output }) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const sandbox = yield* Sandbox
        yield* fs.writeFileString(input, `ticketId\n${yield* sandbox.seed()}\nnot an id\n`)
        const error = yield* Effect.flip(followAll(input, output))
        assert.strictEqual(error._tag, "SchemaError")
        assert.include(error.message, "UUID")
        assert.include(error.message, `[3]["ticketId"]`)
        assert.strictEqual(yield* sandbox.count(), 0)
        assert.isFalse(yield* fs.exists(output))
      })
    )
  )

  it.effect("stops if the account is refused", () =>
    withFiles(({ input, output }) =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const id = yield* sandbox.seed({ outcome: "Created", after: 0 })
        yield* FileSystem.FileSystem.use((fs) => fs.writeFileString(input, `ticketId\n${id}\n`))
        yield* sandbox.setEnabled(false)
        assert.strictEqual((yield* Effect.flip(followAll(input, output)))._tag, "NotEnabled")
        yield* sandbox.setEnabled(true)
        assert.deepStrictEqual(yield* followAll(input, output), [])
        assert.match((yield* linesOf(output))[1] ?? "", new RegExp(`^${id},Created,.+$`, "u"))
      })
    )
  )
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

describe("a test of your program", () => {
  it("is on the page verbatim", () => {
    const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8").replaceAll(/^ +/gmu, "")
    const blocks = read("../../docs/recipes.md").match(/^it\.effect\(.*?^\)\n(?=```)/gmsu) ?? []
    assert.strictEqual(blocks.length, 3)
    for (const block of blocks) assert.include(read("Recipes.test.ts"), block)
  })

  it.effect("sends no request for an invalid ticket", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const ticket = { customerId: sandbox.customer, summary: "", description: "Since Monday." }
      const error = yield* Effect.flip(tickets.create(ticket))
      assert.strictEqual(error._tag === "RipioHttpError" && error.reason._tag, "InvalidRequest")
      assert.strictEqual(yield* sandbox.count(), 0) // not even a token
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  it.effect("requests one token for many calls", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const id = yield* sandbox.seed()
      yield* Effect.all(
        Array.from({ length: 50 }, () => tickets.retrieve(id)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yield* sandbox.count("retrieve"), 50)
      assert.strictEqual(yield* sandbox.count("token"), 1)
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  it.effect("receives the webhook before the response to create", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const tickets = yield* SupportTickets
      const handler = yield* TicketWebhookHandler.make(() => Effect.void).pipe(
        Effect.provide(TicketWebhooksLive.layer({ secrets: [sandbox.webhookSecret] }))
      )
      yield* sandbox.subscribe(handler)
      yield* sandbox.onCreate({ outcome: "Created", after: "1 second" })
      yield* sandbox.inject(Fault.latency("5 seconds"), { on: "create" })

      const ticket = { customerId: sandbox.customer, summary: "A deposit is missing", description: "Since Monday." }
      const raising = yield* Effect.forkChild(tickets.raise(ticket))
      yield* sandbox.awaitRequests("create", 1)
      yield* TestClock.adjust("1 second")
      yield* sandbox.awaitDeliveries(1) // TicketOutcomes now knows the outcome
      assert.isUndefined(raising.pollUnsafe())
      yield* TestClock.adjust("4 seconds") // the 202 arrives
      assert.strictEqual((yield* Fiber.join(raising))._tag, "Created")
      assert.strictEqual(yield* sandbox.count("retrieve"), 0) // no poll was needed
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )
})

describe("another endpoint", () => {
  it.effect("is called with the token, and decoded", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([
        { status: 200, json: { accessToken: "token", expiresIn: 3600, tokenType: "Bearer", scope: "" } },
        { status: 200, json: [{ name: "Polygon" }] },
        { status: 200, json: [{ title: "Polygon" }] }
      ])
      const decode = Schema.decodeUnknownResult(Schema.Array(Schema.Struct({ name: Schema.String })))
      const networks = RipioHttp.use((http) =>
        http.execute(HttpClientRequest.get("/api/v1/depositNetworks/"), { operation: "networks", decode })
      )
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* networks, [{ name: "Polygon" }])
        const exit = yield* Effect.exit(networks)
        assert.isTrue(Exit.isFailure(exit))
      }).pipe(
        Effect.provide(
          Layer.unwrap(Sandbox.useSync(({ account }) => Ripio.layer({ ...account, environment: "sandbox" }))).pipe(
            Layer.provide(scripted.layer),
            Layer.provide(Sandbox.layer())
          )
        )
      )
      const [, request] = yield* scripted.requests
      assert.match(request?.url ?? "", /\/api\/v1\/depositNetworks\/$/u)
      assert.strictEqual((yield* scripted.requests).length, 3)
      assert.isDefined(request?.headers["authorization"])
    })
  )
})
