import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { createdJson, delivery, olderSecret, secretText, setClockToIssueTime } from "./fixtures.ts"

const build = ([first = "", ...rest]: ReadonlyArray<string>, tolerance?: Duration.Input) =>
  Effect.provide(
    TicketWebhooks,
    TicketWebhooksLive.layer({
      secrets: [Redacted.make(first), ...rest.map((text) => Redacted.make(text))],
      ...(tolerance === undefined ? {} : { tolerance })
    })
  )

const tooShort = "expected at least 16 bytes"
const badCharacters = "expected no white space at its ends and no control character"

describe("TicketWebhooksLive.layer", () => {
  for (const { issue, option, secrets, title } of [
    { title: "an empty secret", secrets: [""], option: "secrets[0]", issue: tooShort },
    { title: "a short secret", secrets: ["x".repeat(15)], option: "secrets[0]", issue: tooShort },
    {
      title: "a short secret after a valid one",
      secrets: [secretText, "short"],
      option: "secrets[1]",
      issue: tooShort
    },
    {
      title: "a secret with a trailing line break",
      secrets: [`${secretText}\n`],
      option: "secrets[0]",
      issue: badCharacters
    },
    {
      title: "a secret with leading white space",
      secrets: [` ${secretText}`],
      option: "secrets[0]",
      issue: badCharacters
    },
    { title: "a blank secret", secrets: [" ".repeat(20)], option: "secrets[0]", issue: badCharacters },
    {
      title: "a secret with a control character",
      secrets: [`${secretText}\u0000${secretText}`],
      option: "secrets[0]",
      issue: badCharacters
    }
  ]) {
    it.effect(`fails with InvalidOption for ${title}, without showing it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(build(secrets))
        assert.strictEqual(error._tag, "InvalidOption")
        assert.strictEqual(error.option, option)
        assert.strictEqual(error.issue, issue)
        for (const secret of secrets) if (secret.trim() !== "") assert.notInclude(inspect(error), secret.trim())
      })
    )
  }

  it.effect("fails with InvalidOption without a secret", () =>
    Effect.gen(function* () {
      const none = [] as unknown as readonly [Redacted.Redacted]
      const error = yield* Effect.flip(Effect.provide(TicketWebhooks, TicketWebhooksLive.layer({ secrets: none })))
      assert.deepInclude(error, { option: "secrets", issue: "expected at least one secret" })
    })
  )

  it.effect("measures the length of a secret in bytes", () => build(["ññññññññ"]))

  for (const tolerance of ["0 seconds", "-1 seconds", NaN] as const) {
    it.effect(`fails with InvalidOption for a tolerance of ${tolerance} and names Duration.infinity`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(build([secretText], tolerance))
        assert.strictEqual(error.option, "tolerance")
        assert.include(error.issue, "Duration.infinity")
      })
    )
  }
})

describe("TicketWebhooksLive.layerConfig", () => {
  const layerFrom = (env: Record<string, string>) =>
    TicketWebhooksLive.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))

  it.effect("reads the secrets from RIPIO_WEBHOOK_SECRETS, newest first", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      const webhooks = yield* TicketWebhooks
      const body = JSON.stringify(createdJson)
      assert.strictEqual((yield* webhooks.verify(delivery(body))).secretIndex, 0)
      assert.strictEqual((yield* webhooks.verify(delivery(body, olderSecret))).secretIndex, 1)
    }).pipe(Effect.provide(layerFrom({ RIPIO_WEBHOOK_SECRETS: `${secretText}, ${Redacted.value(olderSecret)}\n` })))
  )

  it.effect("names the variable that is missing, empty or invalid, without its value", () =>
    Effect.gen(function* () {
      for (const env of [{}, { RIPIO_WEBHOOK_SECRETS: "" }]) {
        const error = yield* Effect.flip(Effect.provide(TicketWebhooks, layerFrom(env)))
        assert.strictEqual(error._tag, "ConfigError")
        assert.include(error.message, "RIPIO_WEBHOOK_SECRETS")
      }
      for (const { option, value } of [
        { value: "too-short", option: "RIPIO_WEBHOOK_SECRETS[0]" },
        { value: `${secretText},`, option: "RIPIO_WEBHOOK_SECRETS[1]" }
      ]) {
        const error = yield* Effect.flip(Effect.provide(TicketWebhooks, layerFrom({ RIPIO_WEBHOOK_SECRETS: value })))
        assert.strictEqual(error._tag === "InvalidOption" && error.option, option)
        assert.notInclude(inspect(error), value)
      }
    })
  )
})
