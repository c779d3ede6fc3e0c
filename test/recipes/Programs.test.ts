/** The recipes of `docs/recipes.md` for programs without a server, and for tests, and the example `csv.ts`. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"
import { Ripio, RipioHttp, SupportTickets, TicketWebhookHandler, TicketWebhooksLive } from "../../src/index.ts"
import { Fault, Sandbox, ScriptedHttpClient } from "../../src/testing/index.ts"
import { followAll } from "../../examples/csv.ts"
import { untilTrue } from "../support/untilTrue.ts"

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

describe("a test of your program", () => {
  it("is on the page verbatim", () => {
    const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8").replaceAll(/^ +/gmu, "")
    const blocks = read("../../docs/recipes.md").match(/^it\.effect\(.*?^\)\n(?=```)/gmsu) ?? []
    assert.strictEqual(blocks.length, 3)
    for (const block of blocks) assert.include(read("Programs.test.ts"), block)
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
