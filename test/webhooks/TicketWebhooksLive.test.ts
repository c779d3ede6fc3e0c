import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { atMoment, createdJson, delivery, older, secretText } from "./support.ts"

const build = ([first = "", ...rest]: ReadonlyArray<string>, tolerance?: Duration.Input) => {
  return Effect.provide(
    TicketWebhooks,
    TicketWebhooksLive.layer({
      secrets: [Redacted.make(first), ...rest.map((text) => Redacted.make(text))],
      ...(tolerance === undefined ? {} : { tolerance })
    })
  )
}

describe("the layer", () => {
  for (const [what, secrets, option] of [
    ["an empty secret", [""], "secrets[0]"],
    ["a short secret", ["x".repeat(15)], "secrets[0]"],
    ["a short secret behind a good one", [secretText, "short"], "secrets[1]"],
    ["a secret with a line break from a file", [`${secretText}\n`], "secrets[0]"],
    ["a secret with white space before it", [` ${secretText}`], "secrets[0]"],
    ["a secret that is white space", [" ".repeat(20)], "secrets[0]"],
    ["a secret with a control character", [`${secretText}\u0000${secretText}`], "secrets[0]"]
  ] as const) {
    it.effect(`does not start with ${what}, and does not show it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(build(secrets))
        assert.strictEqual(error._tag, "InvalidOption")
        assert.strictEqual(error.option, option)
        const isShort = secrets.some((text) => text !== "" && text.trim() === text && text.length < 16)
        assert.strictEqual(
          error.issue,
          isShort || secrets[0] === ""
            ? "expected at least 16 bytes"
            : "expected no white space at its ends and no control character"
        )
        if (secrets[0] !== "") assert.notInclude(inspect(error), secrets[0].trim() || "never")
      })
    )
  }

  it.effect("does not start without a secret, which slips past the types", () =>
    Effect.gen(function* () {
      const none = [] as unknown as readonly [Redacted.Redacted]
      const error = yield* Effect.flip(Effect.provide(TicketWebhooks, TicketWebhooksLive.layer({ secrets: none })))
      assert.deepInclude(error, { option: "secrets", issue: "expected at least one secret" })
    })
  )

  it.effect("counts a secret in bytes, not in characters", () => build(["ññññññññ"]))

  for (const tolerance of ["0 seconds", "-1 seconds", NaN] as const) {
    it.effect(`does not start with a tolerance of ${tolerance}: off has a name`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(build([secretText], tolerance))
        assert.strictEqual(error.option, "tolerance")
        assert.include(error.issue, "Duration.infinity")
      })
    )
  }
})

describe("the layer from the configuration", () => {
  const configured = (env: Record<string, string>) =>
    TicketWebhooksLive.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))

  it.effect("reads the secrets, newest first", () =>
    Effect.gen(function* () {
      yield* atMoment
      const webhooks = yield* TicketWebhooks
      const body = JSON.stringify(createdJson)
      assert.strictEqual((yield* webhooks.verify(delivery(body))).secretIndex, 0)
      assert.strictEqual((yield* webhooks.verify(delivery(body, older))).secretIndex, 1)
    }).pipe(Effect.provide(configured({ RIPIO_WEBHOOK_SECRETS: `${secretText}, ${Redacted.value(older)}\n` })))
  )

  it.effect("names the variable that is missing, empty or cannot work, and never its value", () =>
    Effect.gen(function* () {
      for (const env of [{}, { RIPIO_WEBHOOK_SECRETS: "" }]) {
        const error = yield* Effect.flip(Effect.provide(TicketWebhooks, configured(env)))
        assert.strictEqual(error._tag, "ConfigError")
        assert.include(error.message, "RIPIO_WEBHOOK_SECRETS")
      }
      for (const [value, option] of [
        ["too-short", "RIPIO_WEBHOOK_SECRETS[0]"],
        [`${secretText},`, "RIPIO_WEBHOOK_SECRETS[1]"]
      ] as const) {
        const error = yield* Effect.flip(Effect.provide(TicketWebhooks, configured({ RIPIO_WEBHOOK_SECRETS: value })))
        assert.strictEqual(error._tag === "InvalidOption" && error.option, option)
        assert.notInclude(inspect(error), value)
      }
    })
  )
})
