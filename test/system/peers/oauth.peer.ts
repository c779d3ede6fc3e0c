import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthClientCredentials,
  AuthService,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive
} from "../../../src/index.ts"
import { ticketId } from "../../support/fixtures.ts"
import { sockets } from "../../support/server.ts"
import { nodePeer, Peer, peer } from "./support.ts"

const clientId = "partner"
const live = { excludeTestServices: true, timeout: "60 seconds" } as const

/** The whole client. The token endpoint and the ticket endpoints may have different base URLs. */
const clientOf = (client: Layer.Layer<HttpClient>, tokens: string, tickets: string, secret = "the secret") => {
  const environment = { baseUrl: tickets }
  const auth = AuthClientCredentials.layer({
    environment: { baseUrl: tokens },
    clientId,
    clientSecret: Redacted.make(secret)
  })
  return SupportTicketsLive.layer.pipe(
    Layer.provide(RipioHttpLive.layer({ environment })),
    Layer.provideMerge(auth),
    Layer.provide(client)
  )
}

const retrieve = SupportTickets.use(({ retrieve }) => retrieve(ticketId))
const accessToken = Effect.map(
  AuthService.use(({ accessToken }) => accessToken),
  Redacted.value
)

const text = (url: string, init?: RequestInit) =>
  Effect.promise(async () => (await fetch(url, { headers: { connection: "close" }, ...init })).text())

layer(
  peer("/usr/bin/python3", (port) => [join(import.meta.dirname, "django", "server.py"), `${port}`], /^ready/mu),
  live
)("django-oauth-toolkit", (it) => {
  for (const [name, client] of sockets) {
    it.effect(`issues one token for 20 concurrent calls, and accepts it (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* Peer
        const before = Number(yield* text(`${baseUrl}/tokens`))
        const found = yield* Effect.replicateEffect(retrieve, 20, { concurrency: 20 }).pipe(
          Effect.zip(accessToken),
          Effect.provide(clientOf(client, baseUrl, baseUrl))
        )
        assert.deepStrictEqual(new Set(found[0].map(({ _tag }) => _tag)), new Set(["Created"]))
        assert.match(found[1], /^\w{30}$/u)
        assert.strictEqual(Number(yield* text(`${baseUrl}/tokens`)), before + 1)
      })
    )

    it.effect(`receives one token request after its token is revoked (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* Peer
        const program = Effect.gen(function* () {
          const first = yield* accessToken
          const before = Number(yield* text(`${baseUrl}/tokens`, { method: "POST" }))
          assert.propertyVal(yield* retrieve, "_tag", "Created")
          assert.strictEqual(Number(yield* text(`${baseUrl}/tokens`)), before + 1)
          assert.notStrictEqual(yield* accessToken, first)
        })
        yield* Effect.provide(program, clientOf(client, baseUrl, baseUrl))
      })
    )

    it.effect(`rejects wrong credentials with an RFC 6749 error (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* Peer
        const error = yield* Effect.flip(retrieve).pipe(
          Effect.provide(clientOf(client, baseUrl, baseUrl, "another secret"))
        )
        assert.deepInclude(error, { _tag: "Unauthenticated", status: 401, refused: "credentials" })
      })
    )
  }
})

/** The base URL of the resource server, from the output of the process. */
const resourceOf = (output: string) => `http://127.0.0.1:${/^ready (\d+)$/mu.exec(output)?.[1]}`

layer(
  nodePeer((port) => [join(import.meta.dirname, "servers", "oauth2.mjs"), `${port}`], /^ready/mu),
  live
)("oauth2-mock-server", (it) => {
  for (const [name, client] of sockets) {
    it.effect(`issues a signed token that a resource server verifies (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl, output } = yield* Peer
        const layer = clientOf(client, baseUrl, resourceOf(output()))
        assert.propertyVal(yield* Effect.provide(retrieve, layer), "_tag", "Created")
        assert.match(yield* Effect.provide(accessToken, layer), /^[\w-]+\.[\w-]+\.[\w-]+$/u)
      })
    )

    it.effect(`rejects wrong credentials (${name})`, () =>
      Effect.gen(function* () {
        const { baseUrl, output } = yield* Peer
        const layer = clientOf(client, baseUrl, resourceOf(output()), "another secret")
        const error = yield* Effect.flip(Effect.provide(retrieve, layer))
        assert.deepInclude(error, { _tag: "Unauthenticated", refused: "credentials" })
      })
    )
  }
})
