import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { AuthService, Ripio } from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { account, onSandbox } from "../support/harness.ts"

describe("Ripio.layer", () => {
  it.effect("provides all three services of an account, which share its token", () =>
    onSandbox(({ auth, http, sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed()
        yield* auth.accessToken
        yield* http.execute(HttpClientRequest.get(`/api/v1/supportTickets/${id}/`), {
          operation: "custom",
          decode: Result.succeed
        })
        yield* tickets.retrieve(id)
        assert.deepStrictEqual(
          (yield* sandbox.requests).map(({ route }) => route),
          ["token", "retrieve", "retrieve"]
        )
      })
    )
  )

  const cases: ReadonlyArray<{
    readonly option: string
    readonly problem: string
    readonly invalid: Partial<Ripio.Options>
  }> = [
    { option: "baseUrl", problem: "not a URL", invalid: { environment: { baseUrl: "skala.ripio.com" } } },
    { option: "baseUrl", problem: "not HTTP", invalid: { environment: { baseUrl: "ftp://skala.ripio.com" } } },
    {
      option: "baseUrl",
      problem: "a URL with credentials",
      invalid: { environment: { baseUrl: "https://user:password@skala.ripio.com" } }
    },
    {
      option: "baseUrl",
      problem: "a URL with a query",
      invalid: { environment: { baseUrl: "https://skala.ripio.com/?a=b" } }
    },
    { option: "clientId", problem: "empty", invalid: { clientId: "" } },
    { option: "clientSecret", problem: "empty", invalid: { clientSecret: Redacted.make("") } },
    { option: "timeout", problem: "zero", invalid: { timeout: 0 } },
    { option: "timeout", problem: "negative", invalid: { timeout: -1 } },
    { option: "retry.times", problem: "negative", invalid: { retry: { times: -1 } } },
    { option: "retry.times", problem: "fractional", invalid: { retry: { times: 1.5 } } },
    { option: "retry.base", problem: "zero", invalid: { retry: { base: 0 } } },
    { option: "retry.max", problem: "negative", invalid: { retry: { max: -1 } } }
  ]
  it.effect.each(cases)("sends nothing and fails with InvalidOption if $option is $problem", ({ invalid, option }) =>
    Effect.gen(function* () {
      const { layer, requests } = yield* ScriptedHttpClient.make([])
      const error = yield* Effect.flip(Layer.build(account(invalid).pipe(Layer.provide(layer))))
      assert.deepInclude(error, { _tag: "InvalidOption", option })
      assert.notInclude(JSON.stringify(error) + error.message, "password")
      assert.deepStrictEqual(yield* requests, [])
    })
  )
})

describe("Ripio.layerConfig", () => {
  type Variables = Readonly<Record<string, string>>

  const complete: Variables = {
    RIPIO_ENVIRONMENT: "sandbox",
    RIPIO_CLIENT_ID: "id",
    RIPIO_CLIENT_SECRET: "s3cr3t"
  }

  /** The URL of the first request, with these environment variables. */
  const firstUrl = (env: Variables) =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([{ status: 401 }])
      const layer = Ripio.layerConfig.pipe(
        Layer.provide(scripted.layer),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      )
      const { accessToken } = yield* Effect.provide(AuthService, layer)
      yield* Effect.flip(accessToken)
      const [request] = yield* scripted.requests
      const authorization = request?.headers["authorization"]
      assert(Redacted.isRedacted(authorization))
      assert.strictEqual(Redacted.value(authorization), `Basic ${btoa("id:s3cr3t")}`)
      return request?.url
    })

  const valid: ReadonlyArray<{ readonly title: string; readonly change: Variables; readonly url: string }> = [
    { title: "the sandbox", change: {}, url: "https://skala-sandbox.ripio.com/oauth2/token/" },
    {
      title: "production",
      change: { RIPIO_ENVIRONMENT: "production" },
      url: "https://skala.ripio.com/oauth2/token/"
    },
    {
      title: "RIPIO_BASE_URL, which overrides RIPIO_ENVIRONMENT",
      change: { RIPIO_BASE_URL: "http://localhost:8080/" },
      url: "http://localhost:8080/oauth2/token/"
    },
    {
      title: "RIPIO_BASE_URL without RIPIO_ENVIRONMENT",
      change: { RIPIO_ENVIRONMENT: "", RIPIO_BASE_URL: "https://mine.test/x" },
      url: "https://mine.test/x/oauth2/token/"
    },
    {
      title: "RIPIO_ENVIRONMENT if RIPIO_BASE_URL is empty",
      change: { RIPIO_BASE_URL: "" },
      url: "https://skala-sandbox.ripio.com/oauth2/token/"
    }
  ]
  for (const { change, title, url } of valid) {
    it.effect(`sends requests to ${title}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* firstUrl({ ...complete, ...change }), url)
      })
    )
  }

  const invalid: ReadonlyArray<{
    readonly name: string
    readonly problem: string
    readonly change: Variables
    /** Part of the value, which the error must not show. */
    readonly hidden?: string
  }> = [
    { name: "RIPIO_ENVIRONMENT", problem: "empty", change: { RIPIO_ENVIRONMENT: "" } },
    {
      name: "RIPIO_ENVIRONMENT",
      problem: "unknown",
      change: { RIPIO_ENVIRONMENT: "prod-typo" },
      hidden: "prod-typo"
    },
    { name: "RIPIO_CLIENT_ID", problem: "empty", change: { RIPIO_CLIENT_ID: "" } },
    { name: "RIPIO_CLIENT_ID", problem: "malformed", change: { RIPIO_CLIENT_ID: "hush:hush" }, hidden: "hush" },
    { name: "RIPIO_CLIENT_SECRET", problem: "empty", change: { RIPIO_CLIENT_SECRET: "" } },
    {
      name: "RIPIO_CLIENT_SECRET",
      problem: "malformed",
      change: { RIPIO_CLIENT_SECRET: "hush\nhush" },
      hidden: "hush"
    },
    {
      name: "RIPIO_BASE_URL",
      problem: "a URL with credentials",
      change: { RIPIO_BASE_URL: "https://hush:hush@ripio.test" },
      hidden: "hush"
    },
    {
      name: "RIPIO_BASE_URL",
      problem: "not a URL",
      change: { RIPIO_BASE_URL: "no-url-at-all" },
      hidden: "no-url-at-all"
    }
  ]
  it.effect.each(invalid)("names $name if it is $problem, and does not show its value", ({ change, hidden, name }) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(firstUrl({ ...complete, ...change }))
      assert(Exit.isFailure(exit))
      const printed = Cause.pretty(exit.cause)
      assert.include(printed, name)
      if (hidden !== undefined) assert.notInclude(printed.replaceAll(/^\s+at .*$/gmu, ""), hidden)
      assert.notInclude(printed, "s3cr3t")
    })
  )
})
