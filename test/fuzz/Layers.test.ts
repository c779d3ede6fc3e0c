import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import {
  AuthClientCredentials,
  AuthService,
  AuthStaticToken,
  InvalidOption,
  makePollingSchedule,
  Ripio,
  RipioHttpLive,
  TicketOutcomesLive
} from "../../src/index.ts"
import { fuzz, fuzzedCalls } from "../support/fuzz.ts"
import { untyped } from "../support/untyped.ts"

let requests = 0
const client = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make(() => {
    requests++
    return Effect.never
  })
)
const auth = Layer.succeed(
  AuthService,
  AuthService.of({ accessToken: Effect.succeed(Redacted.make("a-token")), invalidate: () => Effect.void })
)

const requestOptions = {
  environment: { baseUrl: "https://ripio.test" },
  timeout: "10 seconds",
  retry: { times: 2, base: "1 second", max: "8 seconds" }
}
const accountOptions = { ...requestOptions, clientId: "partner", clientSecret: Redacted.make("a client secret") }

interface Entry {
  readonly name: string
  readonly layer: (options: never) => Layer.Layer<never, InvalidOption, HttpClient.HttpClient>
  readonly options: object
}

const entries: ReadonlyArray<Entry> = [
  { name: "Ripio", layer: (options) => Ripio.layer(options), options: accountOptions },
  {
    name: "AuthClientCredentials",
    layer: (options) => AuthClientCredentials.layer(options),
    options: accountOptions
  },
  {
    name: "AuthStaticToken",
    layer: (options) => AuthStaticToken.layer(options),
    options: { token: Redacted.make("a-token") }
  },
  {
    name: "RipioHttpLive",
    layer: (options) => RipioHttpLive.layer(options).pipe(Layer.provide(auth)),
    options: requestOptions
  },
  {
    name: "TicketOutcomesLive",
    layer: (options) => TicketOutcomesLive.layer(options),
    options: { capacity: 10, assumeWebhooksFor: "1 hour", schedule: Schedule.spaced("1 minute") }
  }
]

describe(`${fuzzedCalls} layers with hostile options`, () => {
  entries.forEach(({ layer, name, options }, seed) => {
    it.effect(`of ${name}.layer fail with InvalidOption or are built, and send nothing`, () =>
      Effect.gen(function* () {
        requests = 0
        const counts = yield* fuzz(seed, (hostile) =>
          Effect.scoped(
            Layer.build(
              Layer.provide(layer(untyped(hostile.chance(0.1) ? hostile.value() : hostile.object(options))), client)
            )
          )
        )
        assert.hasAllKeys(counts, ["Success", "InvalidOption"])
        assert.strictEqual(requests, 0)
      })
    )
  })

  it.effect("of nothing at all fail with InvalidOption, which names the options", () =>
    Effect.gen(function* () {
      for (const { layer, name } of entries) {
        const build = Effect.scoped(Layer.build(Layer.provide(layer(untyped(null)), client)))
        const { issue, option } = yield* Effect.flip(build)
        assert.deepStrictEqual({ option, issue }, { option: "options", issue: "expected an object" }, name)
      }
    })
  )
})

describe("makePollingSchedule", () => {
  it.effect(`returns a schedule or throws InvalidOption for ${fuzzedCalls} hostile options`, () =>
    Effect.gen(function* () {
      const counts = yield* fuzz(10, (hostile) => {
        const options = hostile.object({ first: "1 second", factor: 2, max: "1 minute", jitter: false })
        try {
          return Effect.succeed(makePollingSchedule(untyped(options)))
        } catch (error) {
          if (error instanceof InvalidOption) return Effect.fail(error)
          throw error
        }
      })
      assert.hasAllKeys(counts, ["Success", "InvalidOption"])
    })
  )
})
