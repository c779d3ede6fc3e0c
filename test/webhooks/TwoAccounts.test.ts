import { assert, describe, it } from "@effect/vitest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Ripio, SupportTickets } from "../../src/index.ts"
import { Sandbox, type SandboxAccount } from "../../src/testing/index.ts"
import { layerSandboxOnPort, sandboxPort } from "../support/ports.ts"
import { untilTrue } from "../support/untilTrue.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

type Tag<Self> = Context.Service<Self, SupportTickets["Service"]>

/** What the first block of docs/accounts.md exports. */
interface Block {
  readonly Argentina: Tag<"Argentina">
  readonly Brazil: Tag<"Brazil">
  readonly accounts: Layer.Layer<"Argentina" | "Brazil", Layer.Error<typeof Ripio.layerConfig>, HttpRouter.HttpRouter>
}

/** The first block of a document as a module. */
const importBlock = (document: string) =>
  Effect.gen(function* () {
    const [, code = ""] = /```ts\n(.*?)```/su.exec(readFileSync(join(root, document), "utf8")) ?? []
    mkdirSync(join(root, "build"), { recursive: true })
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(root, "build", "block-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const path = join(folder, "block.ts")
    writeFileSync(path, code)
    return yield* Effect.promise(() => import(path) as Promise<Block>)
  })

describe("the example of docs/accounts.md", () => {
  it.live("ends the waits of two accounts by their own webhooks, on one token each", () =>
    Effect.gen(function* () {
      const { Argentina, Brazil, accounts } = yield* importBlock("docs/accounts.md")
      const sandbox = yield* Sandbox
      const port = yield* sandboxPort
      const ar = sandbox.account
      const br = yield* sandbox.addAccount({ clientId: "partner-br" })
      const secretOf = (name: string) => Redacted.make(`the webhook secret of ${name}`)
      const variablesOf = (name: string, { clientId, clientSecret }: SandboxAccount) => ({
        [`RIPIO_${name}_BASE_URL`]: `http://127.0.0.1:${port}`,
        [`RIPIO_${name}_CLIENT_ID`]: clientId,
        [`RIPIO_${name}_CLIENT_SECRET`]: Redacted.value(clientSecret),
        [`RIPIO_${name}_WEBHOOK_SECRETS`]: Redacted.value(secretOf(name))
      })
      const env = { ...variablesOf("AR", ar), ...variablesOf("BR", br) }

      const handled: Array<string> = []
      const logger = Logger.make(({ message }) => {
        const [, name] = /^(AR|BR): /u.exec(String(message)) ?? []
        if (name !== undefined) handled.push(name)
      })
      const program = Effect.gen(function* () {
        const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
        yield* sandbox.subscribe(`${url}/webhooks/AR`, { account: ar, secret: secretOf("AR") })
        yield* sandbox.subscribe(`${url}/webhooks/BR`, { account: br, secret: secretOf("BR") })
        const arTicket = yield* sandbox.seed({ account: ar, outcome: "Pending" })
        const brTicket = yield* sandbox.seed({ account: br, outcome: "Pending" })
        const waits = yield* Effect.forkChild(
          Effect.all(
            [
              Argentina.use((tickets) => tickets.awaitOutcome(arTicket, { schedule: everyHour })),
              Brazil.use((tickets) => tickets.awaitOutcome(brTicket, { schedule: everyHour }))
            ],
            { concurrency: "unbounded" }
          )
        )
        yield* sandbox.awaitRequests("retrieve", 2)
        yield* sandbox.complete(arTicket, "Created")
        yield* sandbox.complete(brTicket, "Failed")
        const outcomes = yield* Fiber.join(waits)
        assert.deepStrictEqual(
          outcomes.map(({ _tag, ticketId }) => [_tag, ticketId]),
          [
            ["Created", arTicket],
            ["Failed", brTicket]
          ]
        )
        assert.strictEqual(yield* sandbox.count("token"), 2)
        assert.strictEqual(yield* sandbox.count("retrieve"), 2)

        // The path of one account does not accept what the other account has signed.
        yield* sandbox.subscribe(`${url}/webhooks/BR`, { account: ar, secret: secretOf("AR") })
        yield* sandbox.complete(yield* sandbox.seed({ account: ar, outcome: "Pending" }), "Failed")
        yield* sandbox.awaitDeliveries(4)
        const deliveries = yield* sandbox.deliveries
        const count = (expected: number) => deliveries.filter(({ status }) => status === expected).length
        assert.deepStrictEqual([count(200), count(401)], [3, 1])
        yield* untilTrue(Effect.sync(() => handled.length === 3))
      })
      yield* program.pipe(
        Effect.provide(
          HttpRouter.serve(accounts, { disableListenLog: true, disableLogger: true }).pipe(
            Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
            Layer.provide(Logger.layer([logger]))
          )
        )
      )
      assert.deepStrictEqual(handled.toSorted(), ["AR", "AR", "BR"])
    }).pipe(Effect.scoped, Effect.provide(layerSandboxOnPort))
  )
})

const everyHour = Schedule.spaced("1 hour")
