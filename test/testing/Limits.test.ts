import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { Sandbox } from "../../src/testing/index.ts"
import { requestToken, tokenRequest, transports } from "./transports.ts"

const maxTextBytes = 2_621_440

for (const { title: name, transport: layer } of transports) {
  describe(`the limits of a sandbox ${name}`, () => {
    it.effect("a form has texts of 2.5 MiB in total and 1000 fields", () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const bearer = yield* requestToken(sandbox.account)
        const create = (texts: { readonly summary: number; readonly description: number }, files: number) => {
          const form = new FormData()
          form.set("customerId", sandbox.customer)
          form.set("summary", "s".repeat(texts.summary))
          form.set("description", "d".repeat(texts.description))
          for (let file = 0; file < files; file++) form.append("files", new File(["x"], `${file}.txt`))
          return HttpClientRequest.post("/api/v1/supportTickets/").pipe(
            HttpClientRequest.bearerToken(bearer),
            HttpClientRequest.bodyFormData(form),
            HttpClient.execute,
            Effect.flatMap(({ status, text }) => Effect.map(text, (body) => ({ status, body })))
          )
        }
        const half = maxTextBytes / 2
        const rest = maxTextBytes - half - sandbox.customer.length
        assert.strictEqual((yield* create({ summary: half, description: rest }, 997)).status, 202)
        for (const [texts, files, issue] of [
          [{ summary: half, description: rest + 1 }, 0, `The texts have more than ${maxTextBytes} bytes.`],
          [{ summary: maxTextBytes + 1, description: 1 }, 0, `A text has more than ${maxTextBytes} bytes.`],
          [{ summary: 1, description: 1 }, 998, "The form has more than 1000 fields."]
        ] as const) {
          const { body, status } = yield* create(texts, files)
          assert.deepStrictEqual([status, body.includes('"code":20001'), body.includes(issue)], [400, true, true])
        }
        assert.strictEqual((yield* sandbox.tickets).length, 1)
      }).pipe(Effect.provide(layer()))
    )

    it.effect("the token endpoint reads 2.5 MiB", () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const request = HttpClientRequest.bodyUrlParams(tokenRequest(sandbox.account), {
          grant_type: "client_credentials",
          padding: "p".repeat(maxTextBytes)
        })
        const response = yield* HttpClient.execute(request)
        assert.strictEqual(response.status, 400)
        assert.include(yield* response.text, "invalid_request")
      }).pipe(Effect.provide(layer()))
    )
  })
}

describe("a webhook that cannot be encoded", () => {
  it.effect("is reported in the log", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => logged.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function* () {
      const sandbox = yield* Sandbox
      yield* sandbox.subscribe(() => Promise.resolve(new Response(null)))
      yield* sandbox.emit({ json: { amount: 1n } })
      yield* TestClock.adjust(0)
      assert.lengthOf(logged, 1)
      assert.match(logged[0]!, /^Error Sandbox: a webhook cannot be sent\.,TypeError: .*BigInt/u)
    }).pipe(Effect.provide(Sandbox.layer()), Effect.provide(Logger.layer([logger])))
  })
})
