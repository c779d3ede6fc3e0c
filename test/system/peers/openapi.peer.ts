import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthService,
  CustomerId,
  type NewTicket,
  Ripio,
  RipioHttpError,
  SupportTickets,
  type TicketId
} from "../../../src/index.ts"
import { Fault, Sandbox } from "../../../src/testing/index.ts"
import { layerSandboxOnPort, sandboxPort } from "../../support/ports.ts"
import { ticketId } from "../../support/fixtures.ts"
import { sockets } from "../../support/server.ts"
import { documentWithExamples } from "./document.ts"
import { installed, nodePeer, Peer, peer } from "./support.ts"

const ticket: NewTicket = {
  customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
  summary: "A deposit has not arrived",
  description: "Sent on Monday,\nnot credited yet: ¿dónde está?"
}

const files = [
  new File(["a receipt"], "receipt ñ.txt", { type: "text/plain" }),
  new File([new Uint8Array(70_000)], "x.bin")
]

/** Adds the `Prefer` header to GET requests: it selects the response of a mock server. */
const preferring = (client: Layer.Layer<HttpClient.HttpClient>, prefer: string) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.mapRequest((request) =>
        request.method === "GET" ? HttpClientRequest.setHeader(request, "prefer", prefer) : request
      )
    )
  ).pipe(Layer.provide(client))

const clientOf = (baseUrl: string, client: Layer.Layer<HttpClient.HttpClient>, account = unknownAccount) =>
  Ripio.layer({ environment: { baseUrl }, retry: { times: 0 }, ...account }).pipe(Layer.provide(client))

/** An account that the sandbox does not have. The mock servers accept any account. */
const unknownAccount = { clientId: "partner", clientSecret: Redacted.make("the secret") }

/** The tag of the result, or of the error or its reason. */
const tagOf = <A extends { readonly _tag: string }, E extends { readonly _tag: string }, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<string, never, R> =>
  Effect.match(effect, {
    onSuccess: ({ _tag }) => _tag,
    onFailure: (error) => (error instanceof RipioHttpError ? error.reason._tag : error._tag)
  })

const retrieved = (id: TicketId) => tagOf(SupportTickets.use(({ retrieve }) => retrieve(id)))
const created = (ticket: NewTicket) => tagOf(SupportTickets.use(({ create }) => create(ticket)))

const prism = (...args: ReadonlyArray<string>) => [
  installed("@stoplight", "prism-cli", "dist", "index.js"),
  ...args,
  "--errors",
  "true"
]
const prismIsReady = /Prism is listening/u

/** The response status of a request that the test sends without the library. */
const statusOf = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.map(HttpClient.execute(request), ({ status }) => status).pipe(Effect.provide(FetchHttpClient.layer))

const live = { excludeTestServices: true, timeout: "60 seconds" } as const

layer(
  nodePeer((port) => prism("mock", documentWithExamples(), "--port", `${port}`), prismIsReady),
  live
)("Prism as a mock server of the OpenAPI document", (it) => {
  it.effect("rejects a request that the document does not allow", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* Peer
      const path = `${baseUrl}/api/v1/supportTickets/${ticketId}/`
      assert.strictEqual(yield* statusOf(HttpClientRequest.get(path)), 401)
      const authorized = HttpClientRequest.bearerToken("token")
      assert.strictEqual(yield* statusOf(authorized(HttpClientRequest.get(path))), 200)
      assert.strictEqual(yield* statusOf(authorized(HttpClientRequest.get(path.replace("9b1", "no")))), 422)
    })
  )

  for (const [name, client] of sockets) {
    it.effect(`accepts the client's token request and retrieve request (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* Peer
        const program = Effect.gen(function* () {
          const token = yield* AuthService.use(({ accessToken }) => accessToken)
          const found: unknown = yield* SupportTickets.use(({ retrieve }) => retrieve(ticketId))
          return [Redacted.value(token), found]
        })
        const found = yield* Effect.provide(program, clientOf(baseUrl, client))
        assert.deepStrictEqual(found, ["an-opaque-token", { _tag: "Created", ticketId, issueKey: "SUP-1234" }])
      })
    )

    it.effect(`sends each documented response, and the client decodes it to its tag (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* Peer
        const preferred = (prefer: string) =>
          Effect.provide(retrieved(ticketId), clientOf(baseUrl, preferring(client, prefer)))
        assert.deepStrictEqual(
          [
            yield* preferred("code=200, example=pending"),
            yield* preferred("code=200, example=failed"),
            yield* preferred("code=401, example=notAuthenticated"),
            yield* preferred("code=403, example=notEnabled"),
            yield* preferred("code=404, example=notFound")
          ],
          ["Pending", "Failed", "Unauthenticated", "NotEnabled", "NotFound"]
        )
      })
    )
  }
})

const contract = join(import.meta.dirname, "..", "..", "testing", "contract", "openapi.json")

layer(
  Layer.unwrap(
    Effect.map(sandboxPort, (sandbox) =>
      nodePeer((port) => prism("proxy", contract, `http://127.0.0.1:${sandbox}`, "--port", `${port}`), prismIsReady)
    )
  ).pipe(Layer.provideMerge(layerSandboxOnPort)),
  live
)("Prism as a validating proxy between the client and the sandbox", (it) => {
  for (const [name, client] of sockets) {
    it.effect(`forwards every documented request and response (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* Peer
        const sandbox = yield* Sandbox
        const disabledAccount = yield* sandbox.addAccount({ enabled: false })
        const ids = [
          yield* sandbox.seed({ outcome: "Pending" }),
          yield* sandbox.seed({ outcome: "Created", after: 0 }),
          yield* sandbox.seed({ outcome: "Failed", after: 0 }),
          ticketId
        ]
        const own = clientOf(baseUrl, client, sandbox.account)
        assert.deepStrictEqual(yield* Effect.provide(Effect.forEach(ids, retrieved), own), [
          "Pending",
          "Created",
          "Failed",
          "NotFound"
        ])
        assert.deepStrictEqual(
          [
            yield* Effect.provide(retrieved(ticketId), clientOf(baseUrl, client, disabledAccount)),
            yield* Effect.provide(retrieved(ticketId), clientOf(baseUrl, client)),
            yield* Effect.provide(created({ ...ticket, customerId: sandbox.customer }), own),
            yield* Effect.provide(created(ticket), own)
          ],
          ["NotEnabled", "Unauthenticated", "Pending", "TicketRejected"]
        )
      })
    )
  }

  it.effect("blocks a response that the document does not allow", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* Peer
      const sandbox = yield* Sandbox
      const own = clientOf(baseUrl, FetchHttpClient.layer, sandbox.account)
      yield* sandbox.inject(Fault.body({ ticketId, status: "SOLVED", issueKey: null }), { on: "retrieve" })
      assert.strictEqual(yield* Effect.provide(retrieved(ticketId), own), "ServerFailed")
    })
  )
})

layer(
  peer(
    installed(".bin", "steady"),
    (port) => ["--log-format", "text", "--host", "127.0.0.1", "--port", `${port}`, documentWithExamples()],
    /Ready to accept/u
  ),
  live
)("Steady as a mock server of the OpenAPI document", (it) => {
  for (const [name, client] of sockets) {
    it.effect(`accepts the client's create request, with and without files (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* Peer
        const program = Effect.forEach([ticket, { ...ticket, files }], created)
        assert.deepStrictEqual(yield* Effect.provide(program, clientOf(baseUrl, client)), ["Pending", "Pending"])
      })
    )
  }

  it.effect("rejects a form without a required field", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* Peer
      const form = (fields: Record<string, string>) =>
        HttpClientRequest.post(`${baseUrl}/api/v1/supportTickets/`).pipe(
          HttpClientRequest.bearerToken("token"),
          HttpClientRequest.bodyFormDataRecord(fields)
        )
      const { customerId, description, summary } = ticket
      assert.strictEqual(yield* statusOf(form({ customerId, description, summary })), 202)
      assert.strictEqual(yield* statusOf(form({ customerId, description })), 400)
    })
  )
})
