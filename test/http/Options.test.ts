import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import {
  AuthClientCredentials,
  AuthStaticToken,
  type Environment,
  makePollingSchedule,
  Ripio,
  RipioHttpLive
} from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { created, ticketId } from "../support/fixtures.ts"
import {
  assertInvalid,
  buildError,
  invalidClientIds,
  invalidClientSecrets,
  invalidDurations,
  invalidEnvironments,
  invalidRequestOptions,
  issues,
  validOptions
} from "../support/invalidOptions.ts"
import { retrieve } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"
import { untyped } from "../support/untyped.ts"

describe("a layer", () => {
  for (const { layer, name } of [
    { name: "Ripio", layer: Ripio.layer },
    { name: "AuthClientCredentials", layer: AuthClientCredentials.layer }
  ]) {
    it.effect(`of ${name} rejects an invalid option by its name, and sends nothing`, () =>
      Effect.gen(function* () {
        for (const { environment, issue, option } of invalidEnvironments) {
          assertInvalid(yield* buildError(layer({ ...validOptions, environment })), option, issue)
        }
        for (const { issue, option, options } of invalidRequestOptions) {
          assertInvalid(yield* buildError(layer({ ...validOptions, ...options })), option, issue)
        }
        for (const clientId of invalidClientIds) {
          const error = yield* buildError(layer({ ...validOptions, clientId: untyped(clientId) }))
          assertInvalid(error, "clientId", issues.clientId, clientId)
        }
        for (const secret of invalidClientSecrets) {
          const clientSecret = Redacted.make(untyped(secret))
          const error = yield* buildError(layer({ ...validOptions, clientSecret }))
          assertInvalid(error, "clientSecret", issues.clientSecret, secret)
        }
        for (const clientSecret of ["a-plain-text", undefined, null, 7, {}]) {
          const error = yield* buildError(layer({ ...validOptions, clientSecret: untyped(clientSecret) }))
          assertInvalid(error, "clientSecret", issues.redacted, clientSecret)
        }
      })
    )
  }

  it.effect("of RipioHttp rejects an invalid option by its name, and sends nothing", () =>
    Effect.gen(function* () {
      const layer = (options: object) =>
        RipioHttpLive.layer({ environment: "sandbox", ...options }).pipe(
          Layer.provide(AuthStaticToken.layer({ token: Redacted.make("a-token") }))
        )
      for (const { environment, issue, option } of invalidEnvironments) {
        assertInvalid(yield* buildError(layer({ environment })), option, issue)
      }
      for (const { issue, option, options } of invalidRequestOptions) {
        assertInvalid(yield* buildError(layer(options)), option, issue)
      }
    })
  )

  it.effect("of a static token rejects a token that is not valid in a header, and does not print it", () =>
    Effect.gen(function* () {
      const tokens = [
        "",
        " ",
        "a token",
        "token\n",
        "token\r\nx-injected: 1",
        "token\u0000",
        "tok\u00e9n",
        "token\u2028",
        undefined,
        7
      ]
      for (const token of tokens) {
        const error = yield* buildError(AuthStaticToken.layer({ token: Redacted.make(untyped(token)) }))
        assertInvalid(error, "token", issues.token, token)
      }
      for (const token of ["a-plain-token", undefined]) {
        const error = yield* buildError(AuthStaticToken.layer({ token: untyped(token) }))
        assertInvalid(error, "token", issues.redacted, token)
      }
    })
  )

  it.effect("accepts options at their limits", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([])
      const accepted: ReadonlyArray<Partial<Ripio.Options>> = [
        {},
        { environment: "production" },
        { timeout: "1 milli" },
        { timeout: 1 },
        { timeout: Duration.infinity },
        { retry: {} },
        { retry: { times: 0 } },
        { retry: { times: 1_000_000, base: 1, max: 1 } },
        { retry: { max: Duration.infinity } },
        { retry: Schedule.recurs(0) },
        { clientId: "x" },
        { clientId: " a b é " },
        { clientSecret: Redacted.make("x") },
        { clientSecret: Redacted.make(" a:b é ") }
      ]
      for (const options of accepted) {
        yield* Layer.build(Ripio.layer({ ...validOptions, ...options }).pipe(Layer.provide(scripted.layer)))
      }
      for (const token of ["x", "!~", "a".repeat(8_000)])
        yield* Layer.build(AuthStaticToken.layer({ token: Redacted.make(token) }))
      assert.deepStrictEqual(yield* scripted.requests, [])
    })
  )
})

describe("a base URL", () => {
  const paths = ["/oauth2/token/", `/api/v1/supportTickets/${ticketId}/`]
  const cases: ReadonlyArray<{ readonly environment: Environment; readonly prefix: string }> = [
    { environment: "sandbox", prefix: "https://skala-sandbox.ripio.com" },
    { environment: "production", prefix: "https://skala.ripio.com" },
    { environment: { baseUrl: "https://ripio.test" }, prefix: "https://ripio.test" },
    { environment: { baseUrl: "https://ripio.test/" }, prefix: "https://ripio.test" },
    { environment: { baseUrl: "https://ripio.test///" }, prefix: "https://ripio.test" },
    { environment: { baseUrl: "http://127.0.0.1:8080" }, prefix: "http://127.0.0.1:8080" },
    { environment: { baseUrl: "http://[::1]:8080/" }, prefix: "http://[::1]:8080" },
    { environment: { baseUrl: "https://RIPIO.test:443/" }, prefix: "https://ripio.test" },
    { environment: { baseUrl: "https://gateway.test/ripio" }, prefix: "https://gateway.test/ripio" },
    { environment: { baseUrl: "https://gateway.test/ripio/" }, prefix: "https://gateway.test/ripio" },
    { environment: { baseUrl: "https://gateway.test/a/b//" }, prefix: "https://gateway.test/a/b" },
    { environment: { baseUrl: "https://gateway.test/a b/%20/" }, prefix: "https://gateway.test/a%20b/%20" },
    { environment: { baseUrl: " https://ripio.test " }, prefix: "https://ripio.test" },
    { environment: { baseUrl: new URL("https://gateway.test/ripio/") }, prefix: "https://gateway.test/ripio" }
  ]

  it.effect("may have a path and may end with slashes", () =>
    Effect.gen(function* () {
      for (const { environment, prefix } of cases) {
        const scripted = yield* ScriptedHttpClient.make([tokenResponse(), json(created)])
        yield* retrieve.pipe(
          Effect.provide(Ripio.layer({ ...validOptions, environment }).pipe(Layer.provide(scripted.layer)))
        )
        assert.deepStrictEqual(
          (yield* scripted.requests).map(({ url }) => url),
          paths.map((path) => `${prefix}${path}`)
        )
      }
    })
  )
})

describe("makePollingSchedule", () => {
  const assertThrows = (options: object, option: string, issue: string) => {
    try {
      makePollingSchedule(options)
    } catch (error) {
      return assertInvalid(error, option, issue)
    }
    return assert.fail(`accepted ${JSON.stringify(options)}`)
  }

  it("throws InvalidOption for an invalid option", () => {
    const finiteDuration = "expected a duration above zero that ends"
    assert.isNotEmpty(invalidDurations)
    for (const option of ["first", "max"]) {
      for (const value of [...invalidDurations, Infinity, Duration.infinity, "Infinity"]) {
        assertThrows({ [option]: value }, option, finiteDuration)
      }
    }
    for (const factor of [0, 0.99, -1, Number.NaN, Infinity, "2"]) {
      assertThrows({ factor }, "factor", "expected a number that is at least 1")
    }
  })

  it("accepts options at their limits", () => {
    for (const options of [
      {},
      { first: 1, factor: 1, max: 1 },
      { jitter: false },
      { first: "1 hour", max: "1 second" }
    ] as const) {
      assert.isTrue(Schedule.isSchedule(makePollingSchedule(options)))
    }
  })
})
