import { createServer } from "node:http"
import { createServer as createTlsServer } from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { CreateAmbiguous, RipioHttpError, SupportTickets } from "../../../src/index.ts"
import { Fault, Sandbox } from "../../../src/testing/index.ts"
import { clientAt, withClient, withTokenAt } from "../../support/clients.ts"
import { newTicket } from "../../support/newTicket.ts"
import { closedPort, layerSandboxOnPort, listeningUntilEnd, sandboxPort, tcp } from "../../support/ports.ts"
import { sockets } from "../../support/server.ts"
import { untilTrue } from "../../support/untilTrue.ts"
import { selfSigned } from "./certificate.ts"

const createAt = (baseUrl: string, client: Layer.Layer<HttpClient.HttpClient>) =>
  SupportTickets.use((tickets) => tickets.create(newTicket())).pipe(Effect.provide(withTokenAt(baseUrl, client)))

const assertNotSent = (error: unknown, expected: { readonly attempts: number }) => {
  if (!(error instanceof RipioHttpError)) return assert.fail(`expected RipioHttpError, not ${String(error)}`)
  const { attempts, isRetryable, operation, reason } = error
  assert.deepInclude(reason, { _tag: "TransportFailed", mayHaveBeenSent: false })
  assert.deepStrictEqual({ operation, attempts, isRetryable }, { operation: "create", ...expected, isRetryable: true })
}

// `node:http` reads the whole form before it has a connection, so for it the last try alone proves nothing.
const knowsStage = (name: string) => name !== "node:http"

for (const [name, client] of sockets.filter(([name]) => knowsStage(name))) {
  describe(`a create by ${name} is known not to be sent, and is retried, if`, () => {
    it.live("the connection is refused", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(createAt(`http://127.0.0.1:${yield* closedPort}`, client))
        assertNotSent(error, { attempts: 3 })
      })
    )

    it.live("the server starts after the first attempts: one ticket", () =>
      Effect.gen(function* () {
        const port = yield* closedPort
        const sandbox = yield* Sandbox
        let refusals = 0
        const counting = withClient(
          client,
          HttpClient.tapError(() => Effect.sync(() => refusals++))
        )
        const layer = clientAt(sandbox, `http://127.0.0.1:${port}`, counting, { retry: Schedule.spaced("10 millis") })
        const fiber = yield* SupportTickets.use((tickets) =>
          tickets.create(newTicket({ customerId: sandbox.customer }))
        ).pipe(Effect.provide(layer), Effect.forkChild)
        yield* untilTrue(Effect.sync(() => refusals >= 2))
        yield* Layer.build(
          Sandbox.layerServer.pipe(
            Layer.provide(NodeHttpServer.layerServer(createServer, { port, host: "127.0.0.1" })),
            Layer.provide(Layer.succeed(Sandbox, sandbox))
          )
        )
        const { ticketId } = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          (yield* sandbox.tickets).map((stored) => stored.ticketId),
          [ticketId]
        )
        assert.strictEqual(yield* sandbox.count("create"), 1)
      }).pipe(Effect.provide(Sandbox.layer()), Effect.scoped)
    )

    it.live("the host name is not found", () =>
      Effect.map(Effect.flip(createAt("http://ripio.invalid", client)), (error) =>
        assertNotSent(error, { attempts: 3 })
      )
    )

    it.live("the certificate is not trusted", () =>
      Effect.gen(function* () {
        let requests = 0
        const server = createTlsServer(selfSigned(), (_, response) => {
          requests++
          response.end()
        })
        const port = yield* listeningUntilEnd(server)
        const error = yield* Effect.flip(createAt(`https://127.0.0.1:${port}`, client))
        assertNotSent(error, { attempts: 3 })
        assert.strictEqual(requests, 0)
      }).pipe(Effect.scoped)
    )

    it.live("the server does not speak TLS", () =>
      Effect.gen(function* () {
        let requests = 0
        const server = createServer((_, response) => {
          requests++
          response.end()
        })
        const port = yield* listeningUntilEnd(server)
        const error = yield* Effect.flip(createAt(`https://127.0.0.1:${port}`, client))
        assertNotSent(error, { attempts: 3 })
        assert.strictEqual(requests, 0)
      }).pipe(Effect.scoped)
    )
  })
}

for (const [name, client] of sockets) {
  describe(`a create by ${name} may have been sent, and is not retried, if`, () => {
    it.live("the server closes the connection at once: one connection, CreateAmbiguous", () =>
      Effect.gen(function* () {
        let connections = 0
        const port = yield* tcp((socket) => {
          connections++
          socket.destroy()
        })
        const error = yield* Effect.flip(createAt(`http://127.0.0.1:${port}`, client))
        assert.instanceOf(error, CreateAmbiguous)
        assert.strictEqual(connections, 1)
      }).pipe(Effect.scoped)
    )
  })

  describe(`a create by ${name} whose token is refused`, () => {
    it.live("is sent again with a new token, and stores one ticket", () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const layer = clientAt(sandbox, `http://127.0.0.1:${yield* sandboxPort}`, client)
        const streamed = new File(["a".repeat(9_000_000)], "streamed twice.txt")
        const counts = Effect.all({ creates: sandbox.count("create"), tokens: sandbox.count("token") })
        const cases: ReadonlyArray<{ readonly fault: Fault; readonly files: ReadonlyArray<File> }> = [
          { fault: Fault.unauthenticated(), files: [] },
          { fault: Fault.unauthenticated(403), files: [streamed] },
          { fault: Fault.tokensRevoked, files: [streamed] }
        ]
        for (const { fault, files } of cases) {
          const before = yield* counts
          yield* sandbox.inject(fault, { on: "create" })
          yield* SupportTickets.use((tickets) =>
            tickets.create(newTicket({ customerId: sandbox.customer, files }))
          ).pipe(Effect.provide(layer))
          assert.deepStrictEqual(yield* counts, { creates: before.creates + 2, tokens: before.tokens + 2 })
        }
        assert.deepStrictEqual(
          (yield* sandbox.tickets).map(({ files }) => files.map(({ bytes }) => bytes.length)),
          [[], [9_000_000], [9_000_000]]
        )
      }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
    )
  })
}

describe("a create by node:http", () => {
  it.live("is never sent, and ambiguous, if the host name is not found", () =>
    Effect.gen(function* () {
      const client = sockets.find(([name]) => !knowsStage(name))![1]
      const error = yield* Effect.flip(createAt("http://ripio.invalid", client))
      assert.instanceOf(error, CreateAmbiguous)
    })
  )
})
