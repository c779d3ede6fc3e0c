import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AuthService, type InvalidOption, Ripio } from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import {
  assertInvalid,
  buildError,
  invalidClientIds,
  invalidClientSecrets,
  invalidUrls,
  issues
} from "../support/invalidOptions.ts"
import { tokenResponse } from "../support/replies.ts"

type Variables = Readonly<Record<string, string>>

describe("Ripio.layerConfig", () => {
  const env = { RIPIO_ENVIRONMENT: "sandbox", RIPIO_CLIENT_ID: "partner", RIPIO_CLIENT_SECRET: "s3cr3t-value" }
  const layerFrom = (variables: Variables) =>
    Ripio.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: variables }))))
  const without = (excluded: string) => Object.fromEntries(Object.entries(env).filter(([name]) => name !== excluded))

  /** Asserts that the error names this variable, no other variable, and does not contain `value`. */
  const assertNames = (error: Config.ConfigError | InvalidOption, variable: string, value?: string) => {
    assert.strictEqual(error._tag, "ConfigError")
    for (const text of [error.message, String(error), Cause.pretty(Cause.fail(error)), JSON.stringify(error)]) {
      if (value !== undefined) assert.notInclude(text, value)
    }
    assert.include(error.message, variable)
    for (const name of ["RIPIO_ENVIRONMENT", "RIPIO_BASE_URL", "RIPIO_CLIENT_ID", "RIPIO_CLIENT_SECRET"]) {
      if (name !== variable) assert.notInclude(error.message, name)
    }
  }

  it.effect("names a missing or empty variable", () =>
    Effect.gen(function* () {
      for (const name of Object.keys(env)) {
        assertNames(yield* buildError(layerFrom(without(name))), name)
        assertNames(yield* buildError(layerFrom({ ...env, [name]: "" })), name)
      }
      const error = yield* buildError(layerFrom({}))
      assert.strictEqual(error._tag, "ConfigError")
    })
  )

  it.effect("names the variable of an unknown environment, and does not print its value", () =>
    Effect.gen(function* () {
      for (const value of ["staging", "SANDBOX", "sandbox ", "https://ripio.test"]) {
        assertNames(yield* buildError(layerFrom({ ...env, RIPIO_ENVIRONMENT: value })), "RIPIO_ENVIRONMENT", value)
      }
    })
  )

  it.effect("names the variable of an invalid base URL, and does not print its value", () =>
    Effect.gen(function* () {
      for (const { issue, url } of invalidUrls) {
        if (typeof url !== "string" || url.trim() === "") continue
        assertInvalid(yield* buildError(layerFrom({ ...env, RIPIO_BASE_URL: url })), "RIPIO_BASE_URL", issue, url)
      }
    })
  )

  it.effect("names the variable of an invalid client id or secret, and does not print its value", () =>
    Effect.gen(function* () {
      for (const id of invalidClientIds) {
        if (typeof id !== "string" || id === "") continue
        const error = yield* buildError(layerFrom({ ...env, RIPIO_CLIENT_ID: id }))
        assertInvalid(error, "RIPIO_CLIENT_ID", issues.clientId, id)
      }
      for (const secret of invalidClientSecrets) {
        if (typeof secret !== "string" || secret === "") continue
        const error = yield* buildError(layerFrom({ ...env, RIPIO_CLIENT_SECRET: secret }))
        assertInvalid(error, "RIPIO_CLIENT_SECRET", issues.clientSecret, secret)
      }
    })
  )

  it.effect("builds the account of the variables, and prefers a base URL to an environment", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<{ readonly variables: Variables; readonly host: string }> = [
        { variables: env, host: "https://skala-sandbox.ripio.com" },
        { variables: { ...env, RIPIO_ENVIRONMENT: "production" }, host: "https://skala.ripio.com" },
        { variables: { ...env, RIPIO_BASE_URL: "" }, host: "https://skala-sandbox.ripio.com" },
        { variables: { ...env, RIPIO_BASE_URL: "http://localhost:8080/x/" }, host: "http://localhost:8080/x" },
        {
          variables: { ...without("RIPIO_ENVIRONMENT"), RIPIO_BASE_URL: "http://localhost:8080" },
          host: "http://localhost:8080"
        }
      ]
      for (const { host, variables } of cases) {
        const scripted = yield* ScriptedHttpClient.make([tokenResponse()])
        yield* AuthService.use(({ accessToken }) => accessToken).pipe(
          Effect.provide(layerFrom(variables).pipe(Layer.provide(scripted.layer)))
        )
        const [request] = yield* scripted.requests
        const header = request?.headers["authorization"]
        assert.strictEqual(request?.url, `${host}/oauth2/token/`)
        assert.strictEqual(
          Redacted.isRedacted(header) && Redacted.value(header),
          `Basic ${btoa("partner:s3cr3t-value")}`
        )
      }
    })
  )
})
