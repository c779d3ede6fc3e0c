/**
 * Layers of `TicketWebhooks`.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Digest from "effect/crypto/Digest"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { InvalidOption } from "../domain/InvalidOption.ts"
import { layersByName } from "../internal/configLayers.ts"
import { makeTicketWebhooks, TicketWebhooks, type TicketWebhooksOptions } from "../services/TicketWebhooks.ts"

const crypto = Layer.merge(Mac.layerWebCrypto.pipe(Layer.provide(SecureRandom.layerWebCrypto)), Digest.layerWebCrypto)

/**
 * `TicketWebhooks` on the runtime's WebCrypto.
 *
 * Fails with `InvalidOption` if a secret has less than 16 bytes, or white space at its ends.
 *
 * **Example** (While a secret is being replaced)
 *
 * ```ts
 * import * as Redacted from "effect/Redacted"
 * import { TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const webhooks = TicketWebhooksLive.layer({
 *   secrets: [Redacted.make("the new secret of your vault"), Redacted.make("the secret that it replaces")]
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: TicketWebhooksOptions): Layer.Layer<TicketWebhooks, InvalidOption> =>
  Layer.effect(TicketWebhooks, makeTicketWebhooks(options)).pipe(Layer.provide(crypto))

const fromConfig = (prefix: string) => {
  const variable = `${prefix}_WEBHOOK_SECRETS`
  return Layer.unwrap(
    Effect.map(Config.Redacted(variable), (value) => {
      const [newest = "", ...older] = Redacted.value(value).split(",")
      const toSecret = (text: string) => Redacted.make(text.trim(), { label: variable })
      return layer({ secrets: [toSecret(newest), ...older.map(toSecret)] })
    })
  ).pipe(
    Layer.catchTag("InvalidOption", ({ issue, option }) =>
      Layer.effectContext(Effect.fail(new InvalidOption({ option: option.replace("secrets", variable), issue })))
    )
  )
}

const layerByName = /* @__PURE__ */ layersByName(fromConfig)

/**
 * `TicketWebhooks` with the secrets of the variable `RIPIO_WEBHOOK_SECRETS`: separated by commas, newest first. White space
 * around each secret is ignored.
 *
 * Fails with `ConfigError` if the variable is missing, and with `InvalidOption` if a secret cannot work. Both name the
 * variable and do not show its value.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<TicketWebhooks, Config.ConfigError | InvalidOption> =
  /* @__PURE__ */ layerByName()

/**
 * As `layerConfig`, for one of several accounts: `layerConfigFor("AR")` reads `RIPIO_AR_WEBHOOK_SECRETS`. The name consists
 * of capital letters, digits and underscores.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfigFor = (name: string): Layer.Layer<TicketWebhooks, Config.ConfigError | InvalidOption> =>
  layerByName(name)
