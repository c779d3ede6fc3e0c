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
  RipioHttpLive,
  TicketOutcomesLive
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
import { loadSecondEffect } from "../support/secondEffect.ts"
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

  it.effect("rejects a secret of a second copy of effect, and one that was wiped", () =>
    Effect.gen(function* () {
      const second = yield* Effect.promise(loadSecondEffect)
      const secrets = () => {
        const wiped = Redacted.make("a wiped secret")
        Redacted.wipeUnsafe(wiped)
        return [wiped, untyped(second.Redacted.make("a foreign secret"))]
      }
      const issue = "expected a Redacted made by this copy of effect and not wiped"
      for (const secret of secrets()) {
        assertInvalid(yield* buildError(Ripio.layer({ ...validOptions, clientSecret: secret })), "clientSecret", issue)
        assertInvalid(yield* buildError(AuthStaticToken.layer({ token: secret })), "token", issue)
      }
    })
  )

  it.effect("accepts a Duration and a Schedule of a second copy of effect", () =>
    Effect.gen(function* () {
      const second = yield* Effect.promise(loadSecondEffect)
      const scripted = yield* ScriptedHttpClient.make([])
      const accepted: ReadonlyArray<Partial<Ripio.Options>> = [
        { timeout: second.Duration.seconds(1) },
        { retry: { base: second.Duration.infinity } },
        { retry: second.Schedule.spaced("1 second") }
      ]
      for (const options of accepted) {
        yield* Layer.build(Ripio.layer({ ...validOptions, ...options }).pipe(Layer.provide(scripted.layer)))
      }
    })
  )

  it.effect("rejects options that are missing, not an object, or cannot be read", () =>
    Effect.gen(function* () {
      for (const options of [undefined, null, "options", 7]) {
        for (const layer of [Ripio.layer, AuthClientCredentials.layer, AuthStaticToken.layer]) {
          assertInvalid(yield* buildError(layer(untyped(options))), "options", "expected an object")
        }
        if (options === undefined) continue
        assertInvalid(yield* buildError(TicketOutcomesLive.layer(untyped(options))), "options", "expected an object")
      }
      const throwing = (option: string) =>
        Object.defineProperty({ ...validOptions }, option, {
          get: () => {
            throw new Error("a getter")
          }
        })
      for (const option of ["environment", "clientId", "clientSecret", "timeout", "retry"]) {
        assertInvalid(yield* buildError(Ripio.layer(throwing(option))), option, "expected a value that can be read")
      }
      const retry = yield* buildError(Ripio.layer({ ...validOptions, retry: untyped(null) }))
      assertInvalid(retry, "retry", "expected an object or a Schedule")
      const noEnvironment = yield* buildError(Ripio.layer({ ...validOptions, environment: untyped(undefined) }))
      assertInvalid(noEnvironment, "environment", issues.environment)
    })
  )

  it.effect("reads each option once, so that nothing changes after the check", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([tokenResponse(), json(created)])
      const reads: Record<string, number> = {}
      const counting = new Proxy(validOptions, {
        get: (target, name): unknown => {
          reads[String(name)] = (reads[String(name)] ?? 0) + 1
          return Reflect.get(target, name)
        }
      })
      yield* Layer.build(AuthClientCredentials.layer(counting).pipe(Layer.provide(scripted.layer)))
      assert.deepStrictEqual(reads, { environment: 1, retry: 1, timeout: 1, gate: 1, clientId: 1, clientSecret: 1 })
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

  it("throws InvalidOption for options that are not an object, or cannot be read", () => {
    for (const options of [null, "options", 7]) assertThrows(untyped(options), "options", "expected an object")
    assert.isTrue(Schedule.isSchedule(makePollingSchedule(undefined)))
    for (const jitter of [1, "no", {}]) assertThrows({ jitter }, "jitter", "expected true or false")
    const options = {
      get first(): never {
        throw new Error("a getter")
      }
    }
    assertThrows(options, "first", "expected a value that can be read")
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
