import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import {
  AuthService,
  AuthStaticToken,
  type Environment,
  type RequestOptions,
  Ripio,
  RipioHttp,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive
} from "../../src/index.ts"
import { Sandbox, type SandboxOptions, ScriptedHttpClient } from "../../src/testing/index.ts"

/** What a scripted client replies: one step for each request, or a function of the request. */
export type Script = Parameters<typeof ScriptedHttpClient.make>[0]

/** The base URL of every client on a scripted transport. */
export const baseUrl = "https://ripio.test"

/** The services of the client and the sandbox that they call. */
export interface OnSandbox {
  readonly sandbox: Sandbox["Service"]
  readonly tickets: SupportTickets["Service"]
  readonly auth: AuthService["Service"]
  readonly http: RipioHttp["Service"]
}

/** Runs a test with the whole client on a new sandbox in process. */
export const onSandbox = <A, E>(
  test: (services: OnSandbox) => Effect.Effect<A, E, Scope.Scope>,
  options?: SandboxOptions & RequestOptions
) =>
  Effect.gen(function* () {
    return yield* test({
      sandbox: yield* Sandbox,
      tickets: yield* SupportTickets,
      auth: yield* AuthService,
      http: yield* RipioHttp
    })
  }).pipe(Effect.scoped, Effect.provide(Sandbox.layerRipio(options)))

/** The whole client, client credentials included, for a transport of the caller's choice. */
export const account = (options: Partial<Ripio.Options> = {}) =>
  Ripio.layer({
    environment: { baseUrl },
    clientId: "partner",
    clientSecret: Redacted.make("the client secret of the tests"),
    ...options
  })

/** Support tickets with a static token on a scripted client. */
export const scriptedTickets = (script: Script, options: RequestOptions & { readonly token?: string } = {}) =>
  Effect.map(ScriptedHttpClient.make(script), (scripted) => ({
    ...scripted,
    layer: SupportTicketsLive.layer.pipe(
      Layer.provideMerge(RipioHttpLive.layer({ ...options, environment: { baseUrl } })),
      Layer.provideMerge(AuthStaticToken.layer({ token: Redacted.make(options.token ?? "a-token") })),
      Layer.provide(scripted.layer)
    )
  }))

/** The response body that {@link httpOn} decodes. */
export const Ok = Schema.Struct({ ok: Schema.Boolean })

/** The name of the operation in every call of {@link httpOn}. */
export const operation = "test"

const decode = Schema.decodeUnknownResult(Ok)

/** `RipioHttp` with a static token on a transport of the caller's choice. */
export const httpOn = (
  client: Layer.Layer<HttpClient>,
  { environment = "sandbox", ...options }: RequestOptions & { readonly environment?: Environment } = {}
) =>
  Effect.map(
    Layer.build(
      RipioHttpLive.layer({ environment, ...options }).pipe(
        Layer.provide(AuthStaticToken.layer({ token: Redacted.make("static-token") })),
        Layer.provide(client)
      )
    ),
    (context) => {
      const { execute } = Context.get(context, RipioHttp)
      const send = (request: HttpClientRequest.HttpClientRequest) => execute(request, { operation, decode })
      return { execute, send, get: send(HttpClientRequest.get("/path/")) }
    }
  )

/** `RipioHttp` with a static token on a scripted client. */
export const scriptedHttp = (script: Script, options?: Parameters<typeof httpOn>[1]) =>
  Effect.flatMap(ScriptedHttpClient.make(script), (scripted) =>
    Effect.map(httpOn(scripted.layer, options), (http) => ({
      ...http,
      requests: scripted.requests,
      times: scripted.times
    }))
  )
