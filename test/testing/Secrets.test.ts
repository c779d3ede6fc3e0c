import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { Fault, Sandbox } from "../../src/testing/index.ts"
import { requestToken, retrieve, tokenRequest, transports } from "./transports.ts"

const print = (value: unknown) =>
  [
    inspect(value, { depth: Infinity, showHidden: true, getters: true }),
    String(value),
    JSON.stringify(value) ?? ""
  ].join("\n")

describe("the credentials of a sandbox", () => {
  for (const { title, transport } of transports) {
    it.effect(`appear in no recorded request, error or log (${title})`, () =>
      Effect.gen(function* () {
        const clientSecret = "a-secret-of-the-test-with-%-and-+"
        const printed: Array<string> = []
        const logger = Logger.make((entry) => printed.push(print(entry.message), Cause.pretty(entry.cause)))
        const secrets = yield* Effect.gen(function* () {
          const sandbox = yield* Sandbox
          const account = yield* sandbox.addAccount({ clientSecret: Redacted.make(clientSecret) })
          const id = yield* sandbox.seed({ account })
          const token = yield* requestToken(account)
          yield* retrieve(id, token)
          // Secrets in places where they do not belong.
          yield* HttpClient.execute(tokenRequest({ clientId: clientSecret, clientSecret: token }))
          yield* HttpClient.execute(
            HttpClientRequest.get(`/?token=${Redacted.value(token)}`, {
              headers: {
                cookie: Redacted.value(token),
                "x-api-key": clientSecret,
                "proxy-authorization": clientSecret
              }
            })
          )
          for (const fault of [Fault.refused, Fault.reset({ afterBytes: 1 }), Fault.tokenExpired]) {
            yield* sandbox.inject(fault)
            const exit = yield* retrieve(id, token).pipe(
              Effect.flatMap((response) => response.text),
              Effect.tapCause(Effect.logError),
              Effect.exit
            )
            printed.push(print(exit))
          }
          const requests = yield* sandbox.requests
          assert.strictEqual(requests.length, 7)
          yield* Effect.log(requests, sandbox)
          printed.push(print(requests), print(sandbox), print(account))
          return [
            clientSecret,
            btoa(`${account.clientId}:${clientSecret}`),
            btoa(`${clientSecret}:${Redacted.value(token)}`),
            Redacted.value(token)
          ]
        }).pipe(
          Effect.provide(transport().pipe(Layer.provideMerge(Logger.layer([logger])))),
          Effect.provideService(References.MinimumLogLevel, "All")
        )
        const all = printed.join("\n")
        assert.include(all, "<redacted>")
        for (const [index, secret] of secrets.entries()) assert.isFalse(all.includes(secret), `secret ${index} appears`)
      })
    )
  }
})
