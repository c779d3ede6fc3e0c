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
import { layersByName } from "../internal/configLayers.ts"
import type { AuthService } from "../services/AuthService.ts"
import type { RipioHttp } from "../services/RipioHttp.ts"
import type { SupportTickets } from "../services/SupportTickets.ts"
import { makeTicketOutcomes, TicketOutcomes } from "../services/TicketOutcomes.ts"
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
 * `TicketOutcomes` delivers the outcomes of webhooks to the callers that wait for them: provide this layer to the webhooks of
 * the account too. Each layer has its own. For other options than the default ones, provide `TicketOutcomesLive.layer` beneath
 * this layer.
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
): Layer.Layer<AuthService | RipioHttp | SupportTickets | TicketOutcomes, InvalidOption, HttpClient> => {
  const account = SupportTicketsLive.layer.pipe(
    Layer.provideMerge(outcomesOfAccount()),
    Layer.provideMerge(RipioHttpLive.layer(options)),
    Layer.provideMerge(AuthClientCredentials.layer(options))
  )
  // Built once per program as a whole, although some of its layers are fresh: an account has one gate.
  return Layer.fromBuildMemo((memoMap, scope) => Layer.buildWithMemoMap(account, memoMap, scope))
}

const ofAccounts = new WeakSet<TicketOutcomes["Service"]>()

/** The `TicketOutcomes` that the program provides, unless they are those of another account; or else new ones. */
const outcomesOfAccount = () =>
  Layer.effect(
    TicketOutcomes,
    Effect.flatMap(Effect.serviceOption(TicketOutcomes), (provided) =>
      Option.isSome(provided) && !ofAccounts.has(provided.value)
        ? Effect.succeed(provided.value)
        : Effect.tap(makeTicketOutcomes(), (own) => Effect.sync(() => ofAccounts.add(own)))
    )
  )

const fromConfig = (prefix: string, name: string | undefined) => {
  const variables: Readonly<Record<string, string>> = {
    baseUrl: `${prefix}_BASE_URL`,
    clientId: `${prefix}_CLIENT_ID`,
    clientSecret: `${prefix}_CLIENT_SECRET`
  }
  return Layer.unwrap(
    Effect.gen(function* () {
      const url = yield* Config.option(Config.NonEmptyString(`${prefix}_BASE_URL`))
      return layer({
        environment: Option.isSome(url)
          ? { baseUrl: url.value }
          : yield* Config.Literals(["sandbox", "production"], `${prefix}_ENVIRONMENT`),
        clientId: yield* Config.NonEmptyString(`${prefix}_CLIENT_ID`),
        clientSecret: yield* Config.Redacted(`${prefix}_CLIENT_SECRET`),
        gate: { account: name }
      })
    })
  ).pipe(
    Layer.catchTag("InvalidOption", ({ issue, option }) =>
      Layer.effectContext(Effect.fail(new InvalidOption({ option: variables[option] ?? option, issue })))
    )
  )
}

const layerByName = /* @__PURE__ */ layersByName(fromConfig)

/**
 * The whole client for one account, from configuration variables:
 *
 * - `RIPIO_ENVIRONMENT`: `sandbox` or `production`
 * - `RIPIO_BASE_URL`: a base URL instead of the environment, such as that of a sandbox that you run
 * - `RIPIO_CLIENT_ID` and `RIPIO_CLIENT_SECRET`
 *
 * Two places of a program that read the same `ConfigProvider` share one client. For several accounts, use `layerConfigFor`.
 *
 * Fails with `ConfigError` if a variable is missing or malformed, and with `InvalidOption` if its value cannot work. Both
 * name the variable and do not show its value.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<
  AuthService | RipioHttp | SupportTickets | TicketOutcomes,
  Config.ConfigError | InvalidOption,
  HttpClient
> = /* @__PURE__ */ layerByName()

/**
 * As `layerConfig`, for one of several accounts: `layerConfigFor("AR")` reads `RIPIO_AR_ENVIRONMENT`, `RIPIO_AR_BASE_URL`,
 * `RIPIO_AR_CLIENT_ID` and `RIPIO_AR_CLIENT_SECRET`. The name consists of capital letters, digits and underscores. Logs have
 * it as `account`.
 *
 * Two places with the same name and the same `ConfigProvider` share one client.
 *
 * **Example** (The tickets of two accounts)
 *
 * ```ts
 * import * as Context from "effect/Context"
 * import * as Layer from "effect/Layer"
 * import { FetchTransport, Ripio, SupportTickets } from "effect-ripio-tickets"
 *
 * class Argentina extends Context.Service<Argentina, SupportTickets["Service"]>()("app/Argentina") {}
 * class Brazil extends Context.Service<Brazil, SupportTickets["Service"]>()("app/Brazil") {}
 *
 * const accounts = Layer.merge(
 *   Layer.effect(Argentina, SupportTickets).pipe(Layer.provide(Ripio.layerConfigFor("AR"))),
 *   Layer.effect(Brazil, SupportTickets).pipe(Layer.provide(Ripio.layerConfigFor("BR")))
 * ).pipe(Layer.provide(FetchTransport.layer))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerConfigFor = (
  name: string
): Layer.Layer<
  AuthService | RipioHttp | SupportTickets | TicketOutcomes,
  Config.ConfigError | InvalidOption,
  HttpClient
> => layerByName(name)
