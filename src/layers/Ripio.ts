/**
 * The whole client for one account: `Ripio.layer` from values, `Ripio.layerConfig` from configuration variables.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type { HttpClient } from "effect/http/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { InvalidOption } from "../domain/InvalidOption.ts"
import type { AuthService } from "../services/AuthService.ts"
import type { RipioHttp } from "../services/RipioHttp.ts"
import type { SupportTickets } from "../services/SupportTickets.ts"
import * as AuthClientCredentials from "./AuthClientCredentials.ts"
import * as RipioHttpLive from "./RipioHttpLive.ts"
import * as SupportTicketsLive from "./SupportTicketsLive.ts"

/**
 * One account of Ripio: its environment, its credentials, and how requests are sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends AuthClientCredentials.Options {}

/**
 * The whole client for one account, on any `HttpClient`.
 *
 * There is no global state. Create one layer per account and provide each once, because every build requests a new token.
 * Fails with `InvalidOption` before anything is sent.
 *
 * Provide an `HttpClient` that neither retries nor follows redirects. The library retries what is safe, and cannot count
 * what such a client repeats. A `create` is not repeated: its form can be read once.
 *
 * **Example** (In code, with `fetch` as the transport)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import * as Redacted from "effect/Redacted"
 * import { FetchTransport, Ripio } from "effect-ripio-tickets"
 *
 * const argentina = Ripio.layer({
 *   environment: "sandbox",
 *   clientId: "partner-ar",
 *   clientSecret: Redacted.make("from your vault")
 * }).pipe(Layer.provide(FetchTransport.layer))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<AuthService | RipioHttp | SupportTickets, InvalidOption, HttpClient> =>
  SupportTicketsLive.layer.pipe(
    Layer.provideMerge(RipioHttpLive.layer(options)),
    Layer.provideMerge(AuthClientCredentials.layer(options))
  )

const baseUrl = Config.option(Config.NonEmptyString("RIPIO_BASE_URL"))
const environment = Config.Literals(["sandbox", "production"], "RIPIO_ENVIRONMENT")

const variables: Readonly<Record<string, string>> = {
  baseUrl: "RIPIO_BASE_URL",
  clientId: "RIPIO_CLIENT_ID",
  clientSecret: "RIPIO_CLIENT_SECRET"
}

/**
 * The whole client for one account, from configuration variables:
 *
 * - `RIPIO_ENVIRONMENT`: `sandbox` or `production`
 * - `RIPIO_BASE_URL`: a base URL instead of the environment, such as that of a sandbox that you run
 * - `RIPIO_CLIENT_ID` and `RIPIO_CLIENT_SECRET`
 *
 * For a second account in the same program, use `layer`.
 *
 * Fails with `ConfigError` if a variable is missing or malformed, and with `InvalidOption` if its value cannot work. Both
 * name the variable and do not show its value.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<
  AuthService | RipioHttp | SupportTickets,
  Config.ConfigError | InvalidOption,
  HttpClient
> = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* baseUrl
    return layer({
      environment: Option.isSome(url) ? { baseUrl: url.value } : yield* environment,
      clientId: yield* Config.NonEmptyString("RIPIO_CLIENT_ID"),
      clientSecret: yield* Config.Redacted("RIPIO_CLIENT_SECRET")
    })
  })
).pipe(
  Layer.catchTag("InvalidOption", ({ issue, option }) =>
    Layer.effectContext(Effect.fail(new InvalidOption({ option: variables[option] ?? option, issue })))
  )
)
