import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { HttpClient } from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  AuthClientCredentials,
  AuthService,
  AuthStaticToken,
  type Environment,
  InvalidOption,
  makePollingSchedule,
  OutcomePending,
  Ripio,
  RipioHttp,
  RipioHttpError,
  RipioHttpLive,
  SupportTickets
} from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { created, ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"

const good = { environment: "sandbox", clientId: "partner", clientSecret: Redacted.make("s3cr3t") } as const
const aboveZero = "expected a duration above zero"
const noText = "expected some text without control characters"
const noId = "expected some text without a colon and without control characters"

/** Something that slipped past the types, as it does from JavaScript. */
const untyped = (value: unknown): never => value as never

/** How the layer fails to build, with the proof that nothing was sent. */
const refusal = <A, E>(layer: Layer.Layer<A, E, HttpClient>) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedHttpClient.make([])
    const error = yield* Effect.match(Layer.build(Layer.provide(layer, scripted.layer)), {
      onFailure: (failure) => failure,
      onSuccess: () => assert.fail("it was taken")
    })
    assert.deepStrictEqual(yield* scripted.requests, [])
    return error
  })

const shownAs = (value: unknown) => (typeof value === "string" ? value : "")

const assertInvalid = (error: unknown, option: string, issue: string, value?: string) => {
  assert.instanceOf(error, InvalidOption)
  assert.deepStrictEqual({ option: error.option, issue: error.issue }, { option, issue })
  assert.strictEqual(error.message, `${option}: ${issue}`)
  if (value === undefined || value.trim().length < 4) return
  for (const text of [error.message, JSON.stringify(error), Cause.pretty(Cause.fail(error))]) {
    assert.isFalse(text.includes(value), `shows ${value}`)
  }
}

const badUrls: ReadonlyArray<readonly [url: unknown, issue: string]> = [
  ...[
    "",
    " ",
    "ripio.test",
    "/api",
    "//ripio.test",
    "https://",
    "https://ri pio.test",
    "https://ripio.test:port",
    "not a url"
  ].map((url) => [url, "expected an absolute URL"] as const),
  ...[
    "ftp://ripio.test/",
    "ws://ripio.test/",
    "file:///tmp/x",
    "data:text/plain,x",
    "javascript:void(0)",
    "localhost:8080"
  ].map((url) => [url, "expected a URL of https or http"] as const),
  ...["https://user@ripio.test/", "https://user:pass@ripio.test/", "https://:pass@ripio.test"].map(
    (url) => [url, "expected a URL without credentials in it"] as const
  ),
  ...[
    "https://ripio.test/?a=b",
    "https://ripio.test/?",
    "https://ripio.test?",
    "https://ripio.test/#a",
    "https://ripio.test/#",
    "https://ripio.test/x?#"
  ].map((url) => [url, "expected a URL without a query and without a fragment"] as const),
  [new URL("ftp://ripio.test/"), "expected a URL of https or http"],
  [undefined, "expected an absolute URL"],
  [7, "expected an absolute URL"]
]

const noEnvironment = "expected sandbox, production or a base URL"
const badEnvironments: ReadonlyArray<readonly [environment: Environment, option: string, issue: string]> = [
  ...["", "Sandbox", "staging", "toString", "__proto__", "https://ripio.test"].map(
    (name) => [untyped(name), "environment", noEnvironment] as const
  ),
  ...badUrls.map(([baseUrl, issue]) => [{ baseUrl: untyped(baseUrl) }, "baseUrl", issue] as const),
  [untyped({}), "baseUrl", "expected an absolute URL"]
]

const badDurations: ReadonlyArray<unknown> = [
  0,
  -1,
  "0 seconds",
  "-1 seconds",
  Duration.zero,
  Number.NaN,
  "soon",
  "",
  {},
  true
]

const badRequestOptions: ReadonlyArray<readonly [options: object, option: string, issue: string]> = [
  ...badDurations.map((timeout) => [{ timeout }, "timeout", aboveZero] as const),
  ...badDurations.map((base) => [{ retry: { base } }, "retry.base", aboveZero] as const),
  ...badDurations.map((max) => [{ retry: { max } }, "retry.max", aboveZero] as const),
  ...[-1, 0.5, Number.NaN, Infinity, "2", null, []].map(
    (times) =>
      [{ retry: { times: times ?? -1 } }, "retry.times", "expected a whole number that is not negative"] as const
  )
]

const badIds = ["", " ", "\t", "a:b", ":", "partner:", "part\nner", "partner\u0000", "partner\u007f", undefined, 7, {}]
const badSecrets = ["", " ", "\n", "secret\n", "\u0000secret", "sec\u0085ret", undefined, 7]

describe("the options of the layers", () => {
  for (const [name, layer] of [
    ["Ripio", Ripio.layer],
    ["AuthClientCredentials", AuthClientCredentials.layer]
  ] as const) {
    it.effect(`${name}.layer refuses what cannot work, by the option's name, before anything is sent`, () =>
      Effect.gen(function* () {
        for (const [environment, option, issue] of badEnvironments) {
          assertInvalid(yield* refusal(layer({ ...good, environment })), option, issue)
        }
        for (const [options, option, issue] of badRequestOptions) {
          assertInvalid(yield* refusal(layer({ ...good, ...options })), option, issue)
        }
        for (const clientId of badIds) {
          assertInvalid(
            yield* refusal(layer({ ...good, clientId: untyped(clientId) })),
            "clientId",
            noId,
            shownAs(clientId)
          )
        }
        for (const secret of badSecrets) {
          const clientSecret = Redacted.make(untyped(secret))
          assertInvalid(yield* refusal(layer({ ...good, clientSecret })), "clientSecret", noText, shownAs(secret))
        }
        for (const clientSecret of ["a-plain-text", undefined, null, 7, {}]) {
          const error = yield* refusal(layer({ ...good, clientSecret: untyped(clientSecret) }))
          assertInvalid(error, "clientSecret", "expected a Redacted", shownAs(clientSecret))
        }
      })
    )
  }

  it.effect("RipioHttpLive.layer refuses what cannot work, by the option's name, before anything is sent", () =>
    Effect.gen(function* () {
      const layer = (options: object) =>
        RipioHttpLive.layer({ environment: "sandbox", ...options }).pipe(
          Layer.provide(AuthStaticToken.layer({ token: Redacted.make("a-token") }))
        )
      for (const [environment, option, issue] of badEnvironments) {
        assertInvalid(yield* refusal(layer({ environment })), option, issue)
      }
      for (const [options, option, issue] of badRequestOptions) {
        assertInvalid(yield* refusal(layer(options)), option, issue)
      }
    })
  )

  it.effect("AuthStaticToken.layer refuses a token that no header can hold, and does not show it", () =>
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
        const error = yield* refusal(AuthStaticToken.layer({ token: Redacted.make(untyped(token)) }))
        assertInvalid(error, "token", "expected visible ASCII characters", shownAs(token))
      }
      for (const token of ["a-plain-token", undefined]) {
        const error = yield* refusal(AuthStaticToken.layer({ token: untyped(token) }))
        assertInvalid(error, "token", "expected a Redacted", shownAs(token))
      }
    })
  )

  it.effect("what can work is taken, at its very edges", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([])
      const options: ReadonlyArray<Partial<Ripio.Options>> = [
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
      for (const each of options) {
        yield* Layer.build(Ripio.layer({ ...good, ...each }).pipe(Layer.provide(scripted.layer)))
      }
      for (const token of ["x", "!~", "a".repeat(8_000)])
        yield* Layer.build(AuthStaticToken.layer({ token: Redacted.make(token) }))
      assert.deepStrictEqual(yield* scripted.requests, [])
    })
  )
})

describe("a base URL", () => {
  const grant = { accessToken: "a-token", expiresIn: 3600 }
  const paths = ["/oauth2/token/", `/api/v1/supportTickets/${ticketId}/`]
  const cases: ReadonlyArray<readonly [environment: Environment, prefix: string]> = [
    ["sandbox", "https://skala-sandbox.ripio.com"],
    ["production", "https://skala.ripio.com"],
    [{ baseUrl: "https://ripio.test" }, "https://ripio.test"],
    [{ baseUrl: "https://ripio.test/" }, "https://ripio.test"],
    [{ baseUrl: "https://ripio.test///" }, "https://ripio.test"],
    [{ baseUrl: "http://127.0.0.1:8080" }, "http://127.0.0.1:8080"],
    [{ baseUrl: "http://[::1]:8080/" }, "http://[::1]:8080"],
    [{ baseUrl: "https://RIPIO.test:443/" }, "https://ripio.test"],
    [{ baseUrl: "https://gateway.test/ripio" }, "https://gateway.test/ripio"],
    [{ baseUrl: "https://gateway.test/ripio/" }, "https://gateway.test/ripio"],
    [{ baseUrl: "https://gateway.test/a/b//" }, "https://gateway.test/a/b"],
    [{ baseUrl: "https://gateway.test/a b/%20/" }, "https://gateway.test/a%20b/%20"],
    [{ baseUrl: " https://ripio.test " }, "https://ripio.test"],
    [{ baseUrl: new URL("https://gateway.test/ripio/") }, "https://gateway.test/ripio"]
  ]

  it.effect("with or without a path and slashes leads to the API's paths, each with its slash at the end", () =>
    Effect.gen(function* () {
      for (const [environment, prefix] of cases) {
        const scripted = yield* ScriptedHttpClient.make([
          { status: 200, json: grant },
          { status: 200, json: created }
        ])
        yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(
          Effect.provide(Ripio.layer({ ...good, environment }).pipe(Layer.provide(scripted.layer)))
        )
        assert.deepStrictEqual(
          (yield* scripted.requests).map(({ url }) => url),
          paths.map((path) => `${prefix}${path}`)
        )
      }
    })
  )
})

describe("Ripio.layerConfig", () => {
  const env = { RIPIO_ENVIRONMENT: "sandbox", RIPIO_CLIENT_ID: "partner", RIPIO_CLIENT_SECRET: "s3cr3t-value" }
  const from = (variables: Readonly<Record<string, string>>) =>
    Ripio.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: variables }))))
  const without = (...names: ReadonlyArray<string>) =>
    Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))

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

  it.effect("a variable that is missing or empty is named", () =>
    Effect.gen(function* () {
      for (const name of Object.keys(env)) {
        assertNames(yield* refusal(from(without(name))), name)
        assertNames(yield* refusal(from({ ...env, [name]: "" })), name)
      }
      const all = yield* refusal(from({}))
      assert.strictEqual(all._tag, "ConfigError")
    })
  )

  it.effect("an environment that there is not is named, and its value is not shown", () =>
    Effect.gen(function* () {
      for (const value of ["staging", "SANDBOX", "sandbox ", "https://ripio.test"]) {
        assertNames(yield* refusal(from({ ...env, RIPIO_ENVIRONMENT: value })), "RIPIO_ENVIRONMENT", value)
      }
    })
  )

  it.effect("a base URL that cannot work is named, and its value is not shown", () =>
    Effect.gen(function* () {
      for (const [url, issue] of badUrls) {
        if (typeof url !== "string" || url.trim() === "") continue
        assertInvalid(yield* refusal(from({ ...env, RIPIO_BASE_URL: url })), "RIPIO_BASE_URL", issue, url)
      }
    })
  )

  it.effect("an id and a secret that cannot work are named, and their values are not shown", () =>
    Effect.gen(function* () {
      for (const id of badIds) {
        if (typeof id !== "string" || id === "") continue
        assertInvalid(yield* refusal(from({ ...env, RIPIO_CLIENT_ID: id })), "RIPIO_CLIENT_ID", noId, id)
      }
      for (const secret of badSecrets) {
        if (typeof secret !== "string" || secret === "") continue
        assertInvalid(
          yield* refusal(from({ ...env, RIPIO_CLIENT_SECRET: secret })),
          "RIPIO_CLIENT_SECRET",
          noText,
          secret
        )
      }
    })
  )

  it.effect("the variables lead to the same account as the options, and a base URL goes before the environment", () =>
    Effect.gen(function* () {
      const hosts: ReadonlyArray<readonly [variables: Readonly<Record<string, string>>, host: string]> = [
        [env, "https://skala-sandbox.ripio.com"],
        [{ ...env, RIPIO_ENVIRONMENT: "production" }, "https://skala.ripio.com"],
        [{ ...env, RIPIO_BASE_URL: "" }, "https://skala-sandbox.ripio.com"],
        [{ ...env, RIPIO_BASE_URL: "http://localhost:8080/x/" }, "http://localhost:8080/x"],
        [{ ...without("RIPIO_ENVIRONMENT"), RIPIO_BASE_URL: "http://localhost:8080" }, "http://localhost:8080"]
      ]
      for (const [variables, host] of hosts) {
        const scripted = yield* ScriptedHttpClient.make([
          { status: 200, json: { accessToken: "a-token", expiresIn: 1 } }
        ])
        yield* AuthService.use(({ accessToken }) => accessToken).pipe(
          Effect.provide(from(variables).pipe(Layer.provide(scripted.layer)))
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

describe("makePollingSchedule", () => {
  const assertThrows = (options: object, option: string, issue: string) => {
    try {
      makePollingSchedule(options)
    } catch (error) {
      return assertInvalid(error, option, issue)
    }
    return assert.fail(`taken: ${JSON.stringify(options)}`)
  }

  it("throws InvalidOption on a figure that cannot work", () => {
    const ends = "expected a duration above zero that ends"
    assert.isNotEmpty(badDurations)
    for (const option of ["first", "max"]) {
      for (const value of [...badDurations, Infinity, Duration.infinity, "Infinity"])
        assertThrows({ [option]: value }, option, ends)
    }
    for (const factor of [0, 0.99, -1, Number.NaN, Infinity, "2"]) {
      assertThrows({ factor }, "factor", "expected a number that is at least 1")
    }
  })

  it("takes what can work, at its very edges", () => {
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

describe("what slipped past the types", () => {
  const upper = ticketId.toUpperCase()
  const badTicketIds = [
    "",
    "x",
    upper,
    `${ticketId}/../x`,
    `${ticketId}?a=b`,
    `../${ticketId}`,
    `${ticketId}\n`,
    ` ${ticketId}`,
    undefined,
    null,
    7,
    {}
  ]
  const noTicketId = "ticketId: expected a UUID in lower case"
  const noDeadline = "deadline: expected a duration that is not negative"

  const silent = <A, E>(call: (tickets: SupportTickets["Service"]) => Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const scripted = yield* scriptedTickets([])
      const error = yield* Effect.flip(Effect.provide(SupportTickets.use(call), scripted.layer))
      assert.deepStrictEqual(yield* scripted.requests, [])
      return error
    })

  const assertHeldBack = (error: unknown, operation: string, issue: string) => {
    assert.instanceOf(error, RipioHttpError)
    assert.strictEqual(error.operation, operation)
    assert.strictEqual(error.attempts, 0)
    assert.isFalse(error.isRetryable)
    assert(error.reason._tag === "InvalidRequest")
    assert.strictEqual(error.reason.issue, issue)
  }

  it.effect("an id that is none is not sent by retrieve", () =>
    Effect.gen(function* () {
      for (const id of badTicketIds) {
        assertHeldBack(yield* silent((tickets) => tickets.retrieve(untyped(id))), "retrieve", noTicketId)
      }
    })
  )

  for (const [name, call] of [
    [
      "awaitOutcome",
      (tickets: SupportTickets["Service"], id: unknown, deadline?: unknown) =>
        tickets.awaitOutcome(untyped(id), deadline === undefined ? undefined : { deadline: untyped(deadline) })
    ],
    [
      "changes",
      (tickets: SupportTickets["Service"], id: unknown, deadline?: unknown) =>
        Stream.runDrain(
          tickets.changes(untyped(id), deadline === undefined ? undefined : { deadline: untyped(deadline) })
        )
    ]
  ] as const) {
    it.effect(
      `an id that is none, and a deadline that is negative, end ${name} at once and before anything is sent`,
      () =>
        Effect.gen(function* () {
          for (const id of badTicketIds) {
            const error = yield* silent((tickets) => call(tickets, id))
            assert.instanceOf(error, OutcomePending)
            assert.deepInclude(error, { polls: 0, elapsed: Duration.millis(0) })
            assertHeldBack(error.lastError, "awaitOutcome", noTicketId)
            assert.include(error.message, noTicketId)
          }
          for (const deadline of [-1, "-1 seconds", Duration.seconds(-1), "soon", "", true]) {
            const error = yield* silent((tickets) => call(tickets, ticketId, deadline))
            assert.instanceOf(error, OutcomePending)
            assert.deepInclude(error, { ticketId, polls: 0, elapsed: Duration.millis(0) })
            assertHeldBack(error.lastError, "awaitOutcome", noDeadline)
            assert.include(error.message, noDeadline)
          }
        })
    )
  }

  it.effect("a request of RipioHttp stays on its host, whatever its path looks like", () =>
    Effect.gen(function* () {
      const urls = [
        "https://elsewhere.test/",
        "//elsewhere.test/",
        "@elsewhere.test/",
        ".elsewhere.test/",
        "\\\\elsewhere.test/",
        ":80@elsewhere.test/",
        "",
        "x/"
      ]
      for (const url of urls) {
        const scripted = yield* scriptedTickets([{ status: 200, json: {} }])
        yield* RipioHttp.use((http) =>
          http.execute(HttpClientRequest.get(url), { operation: "x", decode: Result.succeed })
        ).pipe(Effect.provide(scripted.layer))
        const [request] = yield* scripted.requests
        assert.strictEqual(new URL(request?.url ?? "").origin, "https://ripio.test", url)
      }
    })
  )
})
