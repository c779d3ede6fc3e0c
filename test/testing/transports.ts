import { createServer } from "node:http"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Sandbox, type SandboxAccount } from "../../src/testing/index.ts"

const withBase = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.prependUrl("http://ripio.test")))
)

const fetchClient = (init: RequestInit) =>
  FetchHttpClient.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, init)))

const noRedirect = fetchClient({ redirect: "manual" })

/** A sandbox and a client of it: neither knows of the other, and no port is opened. */
export const inProcess = (sandbox: Layer.Layer<Sandbox> = Sandbox.layer({ seed: 0 })) =>
  withBase.pipe(Layer.provide(Sandbox.layerHttpClient), Layer.provideMerge(sandbox))

/** The sandbox on a port of this machine. */
export const onPort =
  (client: Layer.Layer<HttpClient.HttpClient>) =>
  (sandbox: Layer.Layer<Sandbox> = Sandbox.layer({ seed: 0 })) =>
    HttpServer.layerTestClient.pipe(
      Layer.provide(client),
      Layer.merge(Sandbox.layerServer),
      Layer.provideMerge(NodeHttpServer.layerServer(createServer, { port: 0, host: "127.0.0.1" })),
      Layer.provideMerge(sandbox)
    )

/** The web handler in the place of `fetch`. */
export const asFetch = (sandbox: Layer.Layer<Sandbox> = Sandbox.layer({ seed: 0 })) =>
  withBase.pipe(
    Layer.provide(noRedirect),
    Layer.provide(
      Layer.effect(
        FetchHttpClient.Fetch,
        Effect.map(
          Sandbox.toWebHandler,
          (handler) => (input: string | URL | Request, init?: RequestInit) => handler(new Request(input, init))
        )
      )
    ),
    Layer.provideMerge(sandbox)
  )

export type Transport = (sandbox?: Layer.Layer<Sandbox>) => Layer.Layer<Sandbox | HttpClient.HttpClient, unknown>

export const sockets: ReadonlyArray<readonly [name: string, layer: Transport]> = [
  ["on a port, by fetch", onPort(noRedirect)],
  ["on a port, by node:http", onPort(NodeHttpClient.layerNodeHttp)]
]

export const transports: ReadonlyArray<readonly [name: string, layer: Transport]> = [
  ["in process", inProcess],
  ["by the web handler", asFetch],
  ...sockets
]

const Token = Schema.RedactedFromValue(Schema.NonEmptyString)

const TokenBody = Schema.Union([Schema.Struct({ accessToken: Token }), Schema.Struct({ access_token: Token })])

export const tokenRequest = (account: SandboxAccount, path = "/oauth2/token/") =>
  HttpClientRequest.post(path).pipe(
    HttpClientRequest.basicAuth(account.clientId, account.clientSecret),
    HttpClientRequest.bodyUrlParams({ grant_type: "client_credentials" })
  )

export const token = (account: SandboxAccount) =>
  tokenRequest(account).pipe(
    HttpClient.execute,
    Effect.flatMap((response) => response.json),
    Effect.flatMap(Schema.decodeUnknownEffect(TokenBody)),
    Effect.map((body) => ("accessToken" in body ? body.accessToken : body.access_token))
  )

export const retrieve = (ticketId: string, bearer: Redacted.Redacted) =>
  HttpClientRequest.get(`/api/v1/supportTickets/${ticketId}/`).pipe(
    HttpClientRequest.bearerToken(bearer),
    HttpClient.execute
  )

/** Status and JSON of the answer. */
export const answerOf = (ticketId: string, bearer: Redacted.Redacted) =>
  Effect.flatMap(retrieve(ticketId, bearer), (response) =>
    Effect.map(response.json, (body) => ({ status: response.status, body }))
  )

/** Lets the event loop turn until so many requests have arrived: for a server that has a loop of its own. */
export const arrived = (sandbox: Sandbox["Service"], requests: number) =>
  Effect.andThen(Effect.yieldNow, sandbox.count()).pipe(Effect.repeat({ until: (count) => count >= requests }))
