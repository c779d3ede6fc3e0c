import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthStaticToken,
  type RequestOptions,
  Ripio,
  RipioHttpLive,
  type SupportTickets,
  SupportTicketsLive
} from "../../src/index.ts"
import type { Sandbox } from "../../src/testing/index.ts"

/** The whole client for the sandbox's own account, at the base URL of the sandbox or of a proxy in front of it. */
export const clientAt = (
  { account }: Sandbox["Service"],
  baseUrl: string,
  client: Layer.Layer<HttpClient.HttpClient>,
  options?: RequestOptions
): Layer.Layer<SupportTickets> =>
  Ripio.layer({ retry: { times: 3, base: "1 milli" }, ...options, ...account, environment: { baseUrl } }).pipe(
    Layer.provide(client),
    Layer.orDie
  )

/** Support tickets with a static token, so that the first request is the one under test. */
export const withTokenAt = (
  baseUrl: string,
  client: Layer.Layer<HttpClient.HttpClient>,
  options: RequestOptions = { retry: { times: 2, base: "1 milli" } }
) =>
  SupportTicketsLive.layer.pipe(
    Layer.provide(RipioHttpLive.layer({ ...options, environment: { baseUrl } })),
    Layer.provide(AuthStaticToken.layer({ token: Redacted.make("token") })),
    Layer.provide(client),
    Layer.orDie
  )

/** A transport with a change to its client, such as a hook. */
export const withClient = (
  transport: Layer.Layer<HttpClient.HttpClient>,
  change: (client: HttpClient.HttpClient) => HttpClient.HttpClient
) => Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, change)).pipe(Layer.provide(transport))
