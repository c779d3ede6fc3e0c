import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AuthClientCredentials, AuthService, type RequestOptions, SupportTickets } from "../../src/index.ts"
import { ScriptedHttpClient, type ScriptedReply, type ScriptedRequest } from "../../src/testing/index.ts"
import { account, type Script } from "./harness.ts"
import { tokenResponse } from "./replies.ts"

/** The response with `token-1` for 1, and so on. */
export const numberedToken = (number: number, expiresIn: unknown = 3600): ScriptedReply =>
  tokenResponse(`token-${number}`, expiresIn)

/** The same after a delay. */
export const delayed = (reply: ScriptedReply, millis: number) => () => Effect.delay(Effect.succeed(reply), millis)

/** The authorization header of a request as text. */
export const authorizationOf = ({ headers }: ScriptedRequest) => {
  const header = headers["authorization"]
  return Redacted.isRedacted(header) ? Redacted.value(header) : header
}

interface AuthOptions extends RequestOptions {
  readonly clientId?: string
  readonly clientSecret?: Redacted.Redacted
}

/** `AuthService` alone, on a token endpoint that responds from a script. */
export const scriptedAuth = (script: Script, options?: AuthOptions) =>
  Effect.gen(function* () {
    const { layer, requests, times } = yield* ScriptedHttpClient.make(script)
    const built = yield* Layer.build(
      AuthClientCredentials.layer({
        environment: "sandbox",
        clientId: "partner-ar",
        clientSecret: Redacted.make("a secret of the partner"),
        ...options
      }).pipe(Layer.provide(layer))
    )
    const service = Context.get(built, AuthService)
    return { ...service, requests, times, token: Effect.map(service.accessToken, Redacted.value) }
  })

const isTokenRequest = ({ url }: ScriptedRequest) => url.endsWith("/oauth2/token/")

/** The whole client without retries, on a script of the token endpoint and a script of the API. */
export const scriptedAccount = (scripts: {
  readonly token: (index: number) => Effect.Effect<ScriptedReply>
  readonly api: (request: ScriptedRequest, index: number) => Effect.Effect<ScriptedReply>
}) =>
  Effect.gen(function* () {
    const counts = { token: 0, api: 0 }
    const { layer, requests } = yield* ScriptedHttpClient.make((request) =>
      Effect.suspend(() =>
        isTokenRequest(request) ? scripts.token(counts.token++) : scripts.api(request, counts.api++)
      )
    )
    const built = yield* Layer.build(account({ retry: { times: 0 } }).pipe(Layer.provide(layer)))
    return {
      tickets: Context.get(built, SupportTickets),
      /** `token` for each token request, and the authorization header of each request to the API. */
      log: Effect.map(requests, (all) =>
        all.map((request) => (isTokenRequest(request) ? "token" : authorizationOf(request)))
      )
    }
  })

/** This many copies of a value. */
export const replicate = <A>(count: number, value: A): ReadonlyArray<A> => Array.from({ length: count }, () => value)
