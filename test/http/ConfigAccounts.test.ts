import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthService,
  Ripio,
  TicketOutcomes,
  TicketOutcomesLive,
  TicketWebhooks,
  TicketWebhooksLive
} from "../../src/index.ts"
import { ScriptedHttpClient, signWebhook } from "../../src/testing/index.ts"
import { authorizationOf } from "../support/auth.ts"
import { ticketId } from "../support/fixtures.ts"
import { assertInvalid, buildError, issues } from "../support/invalidOptions.ts"
import { tokenResponse } from "../support/replies.ts"
import { untyped } from "../support/untyped.ts"

class Place1 extends Context.Service<Place1, AuthService["Service"]>()("test/Place1") {}
class Place2 extends Context.Service<Place2, AuthService["Service"]>()("test/Place2") {}

type Variables = Readonly<Record<string, string>>

const provider = (env: Variables) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

const variables = (clientId: string, prefix = "RIPIO"): Variables => ({
  [`${prefix}_ENVIRONMENT`]: "sandbox",
  [`${prefix}_CLIENT_ID`]: clientId,
  [`${prefix}_CLIENT_SECRET`]: "s3cr3t-value",
  [`${prefix}_WEBHOOK_SECRETS`]: `the webhook secret of ${clientId}`
})

const basic = (clientId: string) => `Basic ${btoa(`${clientId}:s3cr3t-value`)}`

/** The credentials of the token requests of a program with two places that need a client. */
const credentials = <E>(
  place1: Layer.Layer<AuthService, E, HttpClient>,
  place2: Layer.Layer<AuthService, E, HttpClient>
) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedHttpClient.make([tokenResponse(), tokenResponse()])
    yield* Effect.gen(function* () {
      yield* (yield* Place1).accessToken
      yield* (yield* Place2).accessToken
    }).pipe(
      Effect.provide(
        Layer.merge(
          Layer.effect(Place1, AuthService).pipe(Layer.provide(place1)),
          Layer.effect(Place2, AuthService).pipe(Layer.provide(place2))
        ).pipe(Layer.provide(scripted.layer))
      )
    )
    return (yield* scripted.requests).map(authorizationOf)
  })

/** The environment variables of two accounts. */
const bothAccounts = { ...variables("partner-ar", "RIPIO_AR"), ...variables("partner-br", "RIPIO_BR") }

/** Names that cannot be part of the name of a variable. JavaScript may pass any value. */
const invalidNames: ReadonlyArray<unknown> = ["", "ar", "A-R", " AR", "1AR", "_AR", "A".repeat(51), 1, null, {}, ["AR"]]

describe("the client of configuration variables", () => {
  it.effect("uses the credentials of its ConfigProvider, if there are two in one program", () =>
    Effect.gen(function* () {
      const sent = yield* credentials(
        Ripio.layerConfig.pipe(Layer.provide(provider(variables("partner-ar")))),
        Ripio.layerConfig.pipe(Layer.provide(provider(variables("partner-br"))))
      )
      assert.deepStrictEqual(sent, [basic("partner-ar"), basic("partner-br")])
    })
  )

  it.effect("uses the credentials of the ConfigProvider where it is provided, if one place is within the other", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([tokenResponse(), tokenResponse()])
      const requestToken = Effect.flatMap(AuthService, ({ accessToken }) => accessToken)
      yield* Effect.gen(function* () {
        yield* requestToken
        yield* requestToken.pipe(
          Effect.provide(Ripio.layerConfig.pipe(Layer.provide(provider(variables("partner-br")))))
        )
      }).pipe(
        Effect.provide(Ripio.layerConfig.pipe(Layer.provide(provider(variables("partner-ar"))))),
        Effect.provide(scripted.layer)
      )
      assert.deepStrictEqual((yield* scripted.requests).map(authorizationOf), [
        basic("partner-ar"),
        basic("partner-br")
      ])
    })
  )

  it.effect("is one client with one token in two places under one ConfigProvider", () =>
    Effect.gen(function* () {
      const environment = provider(variables("partner-ar"))
      const place = Ripio.layerConfig.pipe(Layer.provide(environment))
      assert.deepStrictEqual(yield* credentials(place, place), [basic("partner-ar")])
      const named = provider(bothAccounts)
      assert.deepStrictEqual(
        yield* credentials(
          Ripio.layerConfigFor("AR").pipe(Layer.provide(named)),
          Ripio.layerConfigFor("AR").pipe(Layer.provide(named))
        ),
        [basic("partner-ar")]
      )
    })
  )

  it.effect("reads the variables of a name: two names are two accounts under one ConfigProvider", () =>
    Effect.gen(function* () {
      const environment = provider(bothAccounts)
      const sent = yield* credentials(
        Ripio.layerConfigFor("AR").pipe(Layer.provide(environment)),
        Ripio.layerConfigFor("BR").pipe(Layer.provide(environment))
      )
      assert.deepStrictEqual(sent, [basic("partner-ar"), basic("partner-br")])
    })
  )

  it.effect("is another client under another ConfigProvider with the same name", () =>
    Effect.gen(function* () {
      const sent = yield* credentials(
        Ripio.layerConfigFor("AR").pipe(Layer.provide(provider(bothAccounts))),
        Ripio.layerConfigFor("AR").pipe(Layer.provide(provider(variables("partner-2", "RIPIO_AR"))))
      )
      assert.deepStrictEqual(sent, [basic("partner-ar"), basic("partner-2")])
    })
  )

  it.effect("names the variable of the account that is missing or invalid", () =>
    Effect.gen(function* () {
      const layerFrom = (env: Variables) => Ripio.layerConfigFor("AR").pipe(Layer.provide(provider(env)))
      const missing = yield* buildError(layerFrom(variables("partner-ar")))
      assert.strictEqual(missing._tag, "ConfigError")
      assert.include(missing.message, "RIPIO_AR_ENVIRONMENT")
      const invalid = yield* buildError(layerFrom({ ...bothAccounts, RIPIO_AR_CLIENT_ID: "a:b" }))
      assertInvalid(invalid, "RIPIO_AR_CLIENT_ID", issues.clientId, "a:b")
    })
  )

  it.effect("fails with InvalidOption for a name that cannot be part of a variable", () =>
    Effect.gen(function* () {
      for (const name of invalidNames) {
        const error = yield* buildError(Ripio.layerConfigFor(untyped(name)))
        assertInvalid(error, "name", invalidName)
      }
    })
  )
})

const invalidName = 'expected capital letters, digits and underscores, such as "AR"'

describe("the webhooks of configuration variables", () => {
  class Webhooks1 extends Context.Service<Webhooks1, TicketWebhooks["Service"]>()("test/Webhooks1") {}
  class Webhooks2 extends Context.Service<Webhooks2, TicketWebhooks["Service"]>()("test/Webhooks2") {}

  /** Which of two places accept a delivery that the account has signed. */
  const accepted = <E>(
    clientId: string,
    place1: Layer.Layer<TicketWebhooks, E>,
    place2: Layer.Layer<TicketWebhooks, E>
  ) =>
    Effect.gen(function* () {
      const secret = Redacted.make(`the webhook secret of ${clientId}`)
      const delivery = yield* signWebhook({ _tag: "Failed", ticketId }, { secret })
      const accepts = ({ verify }: TicketWebhooks["Service"]) =>
        Effect.match(verify(delivery), { onSuccess: () => true, onFailure: () => false })
      return [yield* accepts(yield* Webhooks1), yield* accepts(yield* Webhooks2)]
    }).pipe(
      Effect.provide(
        Layer.merge(
          Layer.effect(Webhooks1, TicketWebhooks).pipe(Layer.provide(place1)),
          Layer.effect(Webhooks2, TicketWebhooks).pipe(Layer.provide(place2))
        )
      )
    )

  it.effect("use the secrets of their ConfigProvider, if there are two in one program", () =>
    Effect.gen(function* () {
      const place = (clientId: string) =>
        TicketWebhooksLive.layerConfig.pipe(Layer.provide(provider(variables(clientId))))
      const places = [place("partner-ar"), place("partner-br")] as const
      assert.deepStrictEqual(yield* accepted("partner-ar", ...places), [true, false])
      assert.deepStrictEqual(yield* accepted("partner-br", ...places), [false, true])
    })
  )

  it.effect("use the secrets of their name under one ConfigProvider", () =>
    Effect.gen(function* () {
      const environment = provider(bothAccounts)
      const place = (name: string) => TicketWebhooksLive.layerConfigFor(name).pipe(Layer.provide(environment))
      assert.deepStrictEqual(yield* accepted("partner-ar", place("AR"), place("BR")), [true, false])
      assert.deepStrictEqual(yield* accepted("partner-br", place("AR"), place("BR")), [false, true])
    })
  )

  it.effect("name the variable of the account that is missing or invalid", () =>
    Effect.gen(function* () {
      const layerFrom = (env: Variables) => TicketWebhooksLive.layerConfigFor("AR").pipe(Layer.provide(provider(env)))
      const missing = yield* buildError(layerFrom({}))
      assert.strictEqual(missing._tag, "ConfigError")
      assert.include(missing.message, "RIPIO_AR_WEBHOOK_SECRETS")
      const invalid = yield* buildError(layerFrom({ RIPIO_AR_WEBHOOK_SECRETS: "short" }))
      assert.strictEqual(invalid._tag, "InvalidOption")
      assert.include(invalid.message, "RIPIO_AR_WEBHOOK_SECRETS[0]")
      for (const name of invalidNames) {
        assertInvalid(yield* buildError(TicketWebhooksLive.layerConfigFor(untyped(name))), "name", invalidName)
      }
    })
  )
})

describe("TicketOutcomes", () => {
  const scripted = ScriptedHttpClient.make([tokenResponse()])
  const outcomesIn = <E>(client: Layer.Layer<TicketOutcomes, E>) => Effect.provide(TicketOutcomes, client)

  it.effect("are part of the client, and separate for each account", () =>
    Effect.gen(function* () {
      const { layer } = yield* scripted
      const environment = provider(bothAccounts)
      const client = (name: string) => Ripio.layerConfigFor(name).pipe(Layer.provide([environment, layer]))
      yield* Effect.gen(function* () {
        const argentina = yield* TicketOutcomes
        assert.strictEqual(yield* outcomesIn(client("AR")), argentina)
        assert.notStrictEqual(yield* outcomesIn(client("BR")), argentina)
      }).pipe(Effect.provide(client("AR")))
    })
  )

  it.effect("are those that the program provides beneath the client", () =>
    Effect.gen(function* () {
      const { layer } = yield* scripted
      yield* Effect.gen(function* () {
        const provided = yield* TicketOutcomes
        const client = Ripio.layerConfigFor("AR").pipe(Layer.provide([provider(bothAccounts), layer]))
        assert.strictEqual(yield* outcomesIn(client), provided)
      }).pipe(Effect.provide(TicketOutcomesLive.layer({ capacity: 1 })))
    })
  )
})
