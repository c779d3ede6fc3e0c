import * as Prompt from "effect/cli/Prompt"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as FetchTransport from "../layers/FetchTransport.ts"
import * as Ripio from "../layers/Ripio.ts"
import * as TicketWebhooksLive from "../layers/TicketWebhooksLive.ts"
import { MissingVariables } from "./exit.ts"
import { isTerminal } from "./output.ts"

type Secret = "RIPIO_CLIENT_SECRET" | "RIPIO_WEBHOOK_SECRETS"

const unless = <const Name extends string>(condition: boolean, name: Name): ReadonlyArray<Name> =>
  condition ? [] : [name]

const isSet = (variable: string) => Effect.map(Config.option(Config.Redacted(variable)), Option.isSome)

// The prompt is on stderr, so stdout may be a pipe.
const canPrompt = Effect.sync(() => isTerminal(process.stderr) && process.stdin.isTTY)

/** Asks for a secret. Leaving the prompt ends the program as Ctrl-C does. */
const promptFor = (variable: string) =>
  Prompt.run(
    Prompt.Hidden({
      message: `${variable} is not set. Enter its value:`,
      validate: (value) => (value.trim() === "" ? Effect.fail("Enter a value") : Effect.succeed(value))
    })
  ).pipe(Effect.catchTag("QuitError", () => Effect.interrupt))

/** The environment. A secret that is not set is read from a prompt, if there is a terminal. */
const environmentWith = Effect.fnUntraced(function* (
  secret: Secret,
  missing: Effect.Effect<MissingVariables["variables"], Config.ConfigError> = Effect.succeed([])
) {
  const environment = yield* ConfigProvider.ConfigProvider
  const hasSecret = yield* isSet(secret)
  const needsPrompt = !hasSecret && (yield* canPrompt)
  const variables = [...(yield* missing), ...unless(hasSecret || needsPrompt, secret)]
  if (variables.length > 0) return yield* new MissingVariables({ variables })
  if (!needsPrompt) return environment
  const value = yield* promptFor(secret)
  return ConfigProvider.orElse(environment, ConfigProvider.fromEnv({ env: { [secret]: Redacted.value(value) } }))
})

const missingOfAccount = Effect.gen(function* () {
  const hasServer = (yield* isSet("RIPIO_BASE_URL")) || (yield* isSet("RIPIO_ENVIRONMENT"))
  return [...unless(hasServer, "RIPIO_ENVIRONMENT"), ...unless(yield* isSet("RIPIO_CLIENT_ID"), "RIPIO_CLIENT_ID")]
})

/** The client of the account that the environment configures. */
export const layerAccount = Layer.unwrap(
  Effect.map(environmentWith("RIPIO_CLIENT_SECRET", missingOfAccount), (environment) =>
    Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer), Layer.provide(ConfigProvider.layer(environment)))
  )
)

const webhookSecrets = "RIPIO_WEBHOOK_SECRETS"

/** The verification of webhooks with the secrets that the environment configures. */
export const layerWebhooks = Layer.unwrap(
  Effect.map(environmentWith(webhookSecrets), (environment) =>
    Layer.provide(TicketWebhooksLive.layerConfig, ConfigProvider.layer(environment))
  )
)

const newestSecretIn = Effect.fnUntraced(function* (environment: ConfigProvider.ConfigProvider) {
  const provided = ConfigProvider.layer(environment)
  // Fails with the error that a receiver with this configuration would have.
  yield* Effect.scoped(Layer.build(Layer.provide(TicketWebhooksLive.layerConfig, provided)))
  const secrets = yield* Effect.provide(Config.Redacted(webhookSecrets), provided)
  const [newest = ""] = Redacted.value(secrets).split(",")
  return Redacted.make(newest.trim(), { label: webhookSecrets })
})

/** The webhook secret that signs: the newest one that the environment configures. */
export const signingSecret = Effect.flatMap(environmentWith(webhookSecrets), newestSecretIn)

/** The webhook secret that signs, or nothing if the environment has none. */
export const optionalSigningSecret = Effect.gen(function* () {
  return (yield* isSet(webhookSecrets)) ? yield* newestSecretIn(yield* ConfigProvider.ConfigProvider) : undefined
})
