import { createServer } from "node:http"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { FetchTransport, IssueKey, SupportTickets, TicketId } from "../../src/index.ts"
import { Fault, Sandbox, ScriptedHttpClient, type ScriptedReply } from "../../src/testing/index.ts"
import { apiErrors } from "../support/fixtures.ts"
import { account } from "../support/harness.ts"
import { within } from "../support/virtualTime.ts"

const ids = {
  created: TicketId.make("00000000-0000-4000-8000-000000000001"),
  failed: TicketId.make("00000000-0000-4000-8000-000000000002"),
  unknown: TicketId.make("00000000-0000-4000-8000-000000000009")
}
const issueKey = IssueKey.make("SUP-1001")

/** The program that runs on every transport. It runs `complete`, which ends both tickets, after a few polls. */
const program = (complete: Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const { awaitOutcome, changes, retrieve } = yield* SupportTickets
    const schedule = Schedule.spaced("100 millis").pipe(
      Schedule.tap(({ attempt }) => (attempt === 3 ? complete : Effect.void))
    )
    const options = { schedule, deadline: "1 minute" } as const
    const first = yield* retrieve(ids.created)
    const [states, outcome] = yield* Effect.all(
      [Stream.runCollect(changes(ids.created, options)), awaitOutcome(ids.failed, options)],
      { concurrency: "unbounded" }
    )
    const { _tag, message } = yield* Effect.flip(retrieve(ids.unknown))
    return { first, states, outcome, last: yield* retrieve(ids.created), error: { _tag, about: message.slice(0, 60) } }
  })

const pending = { _tag: "Pending", ticketId: ids.created } as const
const created = { _tag: "Created", ticketId: ids.created, issueKey } as const
const expected: Effect.Success<ReturnType<typeof program>> = {
  first: pending,
  states: [pending, created],
  outcome: { _tag: "Failed", ticketId: ids.failed },
  last: created,
  error: { _tag: "NotFound", about: `This account has no ticket ${ids.unknown}: check the id`.slice(0, 60) }
}

/** Adds both tickets to the sandbox, and returns the effect that ends them. */
const seed = Sandbox.use((sandbox) =>
  Effect.as(
    Effect.all([
      sandbox.seed({ ticketId: ids.created, issueKey, outcome: "Pending" }),
      sandbox.seed({ ticketId: ids.failed, outcome: "Pending" })
    ]),
    Effect.all([sandbox.complete(ids.created, "Created"), sandbox.complete(ids.failed, "Failed")])
  )
)

/** The sandbox on a port, and the whole client on a transport. */
const onPort = (
  client: Layer.Layer<HttpClient.HttpClient>,
  server = NodeHttpServer.layerServer(createServer, { port: 0 })
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const { address } = yield* HttpServer.HttpServer
      return account({
        ...sandbox.account,
        environment: { baseUrl: HttpServer.formatAddress(address) },
        retry: Schedule.recurs(2)
      })
    })
  ).pipe(
    Layer.provide(client),
    Layer.merge(Sandbox.layerServer),
    Layer.provide(server),
    Layer.provideMerge(Sandbox.layer())
  )

const transports: ReadonlyArray<{ readonly name: string; readonly layer: ReturnType<typeof onPort> }> = [
  { name: "fetch", layer: onPort(FetchTransport.layer) },
  { name: "undici", layer: onPort(NodeHttpClient.layerUndici) },
  { name: "node:http", layer: onPort(NodeHttpClient.layerNodeHttp) }
]

describe("the same program runs", () => {
  it.effect("on a scripted client", () =>
    Effect.gen(function* () {
      let isComplete = false
      const scripted = yield* ScriptedHttpClient.make(({ url }): Effect.Effect<ScriptedReply> => {
        if (url.endsWith("/oauth2/token/")) {
          return Effect.succeed({ status: 200, json: { access_token: "a-token-of-the-script", expires_in: 36_000 } })
        }
        const ticketId = url.split("/").at(-2)
        if (ticketId === ids.unknown) return Effect.succeed({ status: 404, json: apiErrors.notFound })
        const state = !isComplete
          ? { status: "PENDING", issueKey: null }
          : ticketId === ids.failed
            ? { status: "FAILED", issueKey: null }
            : { status: "CREATED", issueKey: "SUP-1001" }
        return Effect.succeed({ status: 200, json: { ticketId, ...state } })
      })
      const complete = Effect.sync(() => (isComplete = true))
      const layer = account({ environment: "production" }).pipe(Layer.provide(scripted.layer))
      const { exit } = yield* within("1 minute", Effect.provide(program(complete), layer))
      assert.deepStrictEqual(yield* exit, expected)
      assert.isTrue((yield* scripted.requests).every(({ url }) => url.startsWith("https://skala.ripio.com/")))
    })
  )

  it.effect("on the sandbox in process, in virtual time", () =>
    Effect.gen(function* () {
      const { after, exit } = yield* within("1 minute", program(yield* seed))
      assert.deepStrictEqual(yield* exit, expected)
      assert.strictEqual(after, 300)
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  it.live("on the test server of the platform", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* program(yield* seed), expected)
    }).pipe(Effect.provide(onPort(FetchTransport.layer, NodeHttpServer.layerTest)))
  )

  for (const { layer, name } of transports) {
    it.live(`on the sandbox behind a socket, by ${name}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* program(yield* seed), expected)
        assert.strictEqual(yield* (yield* Sandbox).count("token"), 1)
      }).pipe(Effect.provide(layer))
    )

    it.live(`on the sandbox behind a socket, by ${name}, after many faults`, () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const { retrieve } = yield* SupportTickets
        const complete = yield* seed
        const counts = Effect.all({ token: sandbox.count("token"), retrieve: sandbox.count("retrieve") })
        for (const on of ["token", "retrieve"] as const) {
          yield* sandbox.inject(Fault.gatewayHtml(502), { on })
          yield* sandbox.inject(Fault.refused, { on })
        }
        assert.deepStrictEqual(yield* retrieve(ids.created), pending)
        assert.deepStrictEqual(yield* counts, { token: 3, retrieve: 3 })

        yield* sandbox.inject(Fault.reset({ afterBytes: 5 }), { on: "retrieve" })
        yield* sandbox.inject(Fault.tokensRevoked)
        yield* sandbox.inject(Fault.reset({ afterBytes: 0 }), { on: "retrieve" })
        assert.deepStrictEqual(yield* retrieve(ids.created), pending)
        assert.deepStrictEqual(yield* counts, { token: 4, retrieve: 7 })

        yield* sandbox.inject(Fault.unauthenticated(403), { on: "retrieve", times: 2 })
        assert.strictEqual((yield* Effect.flip(retrieve(ids.created)))._tag, "Unauthenticated")
        assert.deepStrictEqual(yield* program(complete), expected)
      }).pipe(Effect.provide(layer))
    )
  }
})
