import { createServer } from "node:http"
import { it } from "@effect/vitest"
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
import { TicketId } from "../../src/index.ts"
import { Sandbox, type SandboxAccount } from "../../src/testing/index.ts"
import { eventually } from "../support/eventually.ts"

/** Builds a sandbox and an HTTP client that reaches it. */
export type Transport = (sandbox?: Layer.Layer<Sandbox>) => Layer.Layer<Sandbox | HttpClient.HttpClient, unknown>

const withBaseUrl = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.prependUrl("http://ripio.test")))
)

const fetchWithoutRedirects = FetchHttpClient.layer.pipe(
  Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }))
)

/** Without a socket. */
export const inProcess = (sandbox: Layer.Layer<Sandbox> = Sandbox.layer({ seed: 0 })) =>
  withBaseUrl.pipe(Layer.provide(Sandbox.layerHttpClient), Layer.provideMerge(sandbox))

/** On a port of this machine. */
const onPort =
  (client: Layer.Layer<HttpClient.HttpClient>): Transport =>
  (sandbox = Sandbox.layer({ seed: 0 })) =>
    HttpServer.layerTestClient.pipe(
      Layer.provide(client),
      Layer.merge(Sandbox.layerServer),
      Layer.provideMerge(NodeHttpServer.layerServer(createServer, { port: 0, host: "127.0.0.1" })),
      Layer.provideMerge(sandbox)
    )

/** With the web handler of the sandbox in place of `fetch`. */
const byWebHandler: Transport = (sandbox = Sandbox.layer({ seed: 0 })) =>
  withBaseUrl.pipe(
    Layer.provide(fetchWithoutRedirects),
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

export const transports: ReadonlyArray<{ readonly title: string; readonly transport: Transport }> = [
  { title: "in process", transport: inProcess },
  { title: "by the web handler", transport: byWebHandler },
  { title: "on a port, by fetch", transport: onPort(fetchWithoutRedirects) },
  { title: "on a port, by node:http", transport: onPort(NodeHttpClient.layerNodeHttp) }
]

/** Defines tests on a new sandbox, with a client that reaches it by this transport. */
export const itOn =
  (transport: Transport) =>
  (title: string, test: (sandbox: Sandbox["Service"]) => Effect.Effect<void, unknown, HttpClient.HttpClient>) =>
    it.effect(title, () => Sandbox.use(test).pipe(Effect.provide(transport())))

/** The id of the first ticket of a sandbox. */
export const firstTicketId = TicketId.make("00000000-0000-4000-8000-000000000001")

const Token = Schema.RedactedFromValue(Schema.NonEmptyString)

const TokenBody = Schema.Union([Schema.Struct({ accessToken: Token }), Schema.Struct({ access_token: Token })])

export const tokenRequest = (account: SandboxAccount, path = "/oauth2/token/") =>
  HttpClientRequest.post(path).pipe(
    HttpClientRequest.basicAuth(account.clientId, account.clientSecret),
    HttpClientRequest.bodyUrlParams({ grant_type: "client_credentials" })
  )

/** Requests a new token. */
export const requestToken = (account: SandboxAccount) =>
  tokenRequest(account).pipe(
    HttpClient.execute,
    Effect.flatMap((response) => response.json),
    Effect.flatMap(Schema.decodeUnknownEffect(TokenBody)),
    Effect.map((body) => ("accessToken" in body ? body.accessToken : body.access_token))
  )

export const retrieve = (ticketId: string, token: Redacted.Redacted) =>
  HttpClientRequest.get(`/api/v1/supportTickets/${ticketId}/`).pipe(
    HttpClientRequest.bearerToken(token),
    HttpClient.execute
  )

/** The status and the JSON body of the response to {@link retrieve}. */
export const retrieveJson = (ticketId: string, token: Redacted.Redacted) =>
  Effect.flatMap(retrieve(ticketId, token), (response) =>
    Effect.map(response.json, (body) => ({ status: response.status, body }))
  )

/** Waits until the sandbox has received so many requests. */
export const awaitRequests = (sandbox: Sandbox["Service"], requests: number) =>
  eventually(sandbox.count(), (count) => count >= requests)
