import { createServer } from "node:http"
import { createServer as createTlsServer } from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { CreateAmbiguous, CustomerId, type NewTicket, RipioHttpError, SupportTickets } from "../../../src/index.ts"
import { Fault, Sandbox } from "../../../src/testing/index.ts"
import { sockets } from "../../support/server.ts"
import { selfSigned } from "./certificate.ts"
import {
  clientAt,
  closedPort,
  layerSandboxOnPort,
  listeningUntilEnd,
  sandboxPort,
  tcp,
  withTokenAt
} from "./support.ts"

const ticket: NewTicket = {
  customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
  summary: "A deposit is missing",
  description: "Since Monday."
}

const createAt = (baseUrl: string, client: Layer.Layer<HttpClient>) =>
  SupportTickets.use((tickets) => tickets.create(ticket)).pipe(Effect.provide(withTokenAt(baseUrl, client)))

const assertNotSent = (error: unknown, attempts: number) => {
  if (!(error instanceof RipioHttpError)) return assert.fail(`expected RipioHttpError, not ${String(error)}`)
  assert.deepInclude(error.reason, { _tag: "TransportFailed", mayHaveBeenSent: false })
  assert.deepStrictEqual([error.operation, error.attempts, error.isRetryable], ["create", attempts, true])
}

for (const [name, client] of sockets) {
  describe(`what certainly was not sent, by ${name}`, () => {
    it.live("a connection that is refused: tried again by the policy, and no ambiguity", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(createAt(`http://127.0.0.1:${yield* closedPort}`, client))
        assertNotSent(error, 3)
      })
    )

    it.live("a server that comes up in the meantime gets one ticket", () =>
      Effect.gen(function* () {
        const port = yield* closedPort
        const sandbox = yield* Sandbox
        // A schedule of the user's own decides when, and never what may be repeated.
        const layer = clientAt(sandbox, `http://127.0.0.1:${port}`, client, { retry: Schedule.spaced("10 millis") })
        const create = SupportTickets.use((tickets) => tickets.create({ ...ticket, customerId: sandbox.customer }))
        const fiber = yield* Effect.forkChild(create.pipe(Effect.provide(layer)))
        yield* Effect.sleep("60 millis")
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

    it.live("a name that is not found", () =>
      Effect.map(Effect.flip(createAt("http://ripio.invalid", client)), (error) => assertNotSent(error, 3))
    )

    it.live(
      "a connection that is dropped as soon as it is made may have carried it: one connection, and ambiguous",
      () =>
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

    it.live("a certificate that is not trusted: no request arrives, and no ambiguity", () =>
      Effect.gen(function* () {
        let requests = 0
        const server = createTlsServer(selfSigned(), (_, response) => {
          requests++
          response.end()
        })
        const port = yield* listeningUntilEnd(server)
        const error = yield* Effect.flip(createAt(`https://127.0.0.1:${port}`, client))
        assertNotSent(error, 3)
        assert.strictEqual(requests, 0)
      }).pipe(Effect.scoped)
    )

    // The same error can break a connection later on: this one is on the safe side.
    it.live("TLS with a server that speaks none: no request arrives, none is repeated, and ambiguous", () =>
      Effect.gen(function* () {
        let requests = 0
        let connections = 0
        const server = createServer((_, response) => {
          requests++
          response.end()
        }).on("connection", () => connections++)
        const port = yield* listeningUntilEnd(server)
        const error = yield* Effect.flip(createAt(`https://127.0.0.1:${port}`, client))
        assert.instanceOf(error, CreateAmbiguous)
        assert.deepStrictEqual([requests, connections], [0, 1])
      }).pipe(Effect.scoped)
    )

    it.live("a token that is refused: two requests, two tokens, one ticket", () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const layer = clientAt(sandbox, `http://127.0.0.1:${yield* sandboxPort}`, client)
        const streamed = new File(["a".repeat(9_000_000)], "streamed twice.txt")
        for (const [fault, files] of [
          [Fault.unauthenticated(), []],
          [Fault.unauthenticated(403), [streamed]],
          [Fault.tokensRevoked, [streamed]]
        ] as const) {
          const [creates, tokens] = [yield* sandbox.count("create"), yield* sandbox.count("token")]
          yield* sandbox.inject(fault, { on: "create" })
          yield* SupportTickets.use((tickets) =>
            tickets.create({ ...ticket, customerId: sandbox.customer, files })
          ).pipe(Effect.provide(layer))
          assert.deepStrictEqual(
            [(yield* sandbox.count("create")) - creates, (yield* sandbox.count("token")) - tokens],
            [2, 2]
          )
        }
        assert.deepStrictEqual(
          (yield* sandbox.tickets).map(({ files }) => files.map(({ bytes }) => bytes.length)),
          [[], [9_000_000], [9_000_000]]
        )
      }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
    )
  })
}
