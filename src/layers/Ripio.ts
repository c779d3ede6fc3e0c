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
 * One account of Ripio: where it is, who it is, and how requests are sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends AuthClientCredentials.Options {}

/**
 * The whole client for one account, on any `HttpClient`.
 *
 * Nothing is global: build one layer for each account, and provide each once. Fails with `InvalidOption` before anything is
 * sent.
 *
 * Give it an `HttpClient` that neither retries nor follows redirects by itself: what it repeats unseen, a `create` among
 * it, the library cannot hold back.
 *
 * **Example** (In code, with fetch as the transport)
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
 * The whole client for one account, from the configuration:
 *
 * - `RIPIO_ENVIRONMENT`: `sandbox` or `production`
 * - `RIPIO_BASE_URL`: instead of the environment, for a sandbox of your own
 * - `RIPIO_CLIENT_ID` and `RIPIO_CLIENT_SECRET`
 *
 * It is one layer for one configuration: for a second account in the same program, use `layer`.
 *
 * Fails with `ConfigError` if a variable is missing or is not what it should be, and with `InvalidOption` if its value
 * cannot work. Both name the variable, and neither shows its value.
 *
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
