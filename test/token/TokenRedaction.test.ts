import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { AuthService } from "../../src/index.ts"
import { ScriptedHttpClient, type ScriptedReply } from "../../src/testing/index.ts"
import { printed, token } from "../support/canary.ts"
import { scriptedTickets } from "../support/harness.ts"
import { retrieve } from "../support/playScript.ts"
import { assertNoSecrets, canaryAccount, canaryToken, printExit, watchSecrets } from "../support/secretWatch.ts"

describe("a token in an invalid token response", () => {
  const secret = token("Token")
  const valid = canaryToken().json

  it.effect("does not appear in any output if the response has another shape", () =>
    Effect.gen(function* () {
      const bodies: ReadonlyArray<unknown> = [
        { ...valid, accessToken: `${secret}\r\nx-injected: 1` },
        { ...valid, accessToken: `${secret} ` },
        { ...valid, accessToken: [secret] },
        { ...valid, accessToken: { value: secret } },
        { ...valid, expiresIn: secret },
        { ...valid, expiresIn: -1 },
        { ...valid, tokenType: secret },
        { accessToken: secret },
        { access_token: secret, expiresIn: 60 },
        { token: secret, jwt: secret, expiresIn: 60 },
        [valid],
        { data: valid },
        { [secret]: 1 },
        secret,
        [secret]
      ]
      const replies = bodies.flatMap((json) => [200, 201].map((status) => ({ status, json })))
      const scripted = yield* ScriptedHttpClient.make(replies)
      const watch = watchSecrets()
      yield* watch.run(
        Effect.gen(function* () {
          const { accessToken } = yield* AuthService
          for (let index = 0; index < replies.length; index++) {
            const error = yield* Effect.flip(accessToken)
            assert(error._tag === "RipioHttpError" && error.reason._tag === "UnexpectedResponse")
            assert.strictEqual(error.reason.excerpt, "")
            watch.add(error)
          }
        }).pipe(Effect.provide(canaryAccount().pipe(Layer.provide(scripted.layer))))
      )
      assertNoSecrets(watch.text())
    })
  )

  it.effect("does not appear in the error if the response is cut at any byte, with any spelling and status", () =>
    Effect.gen(function* () {
      const bodies = [valid, { token_type: "Bearer", access_token: secret, expires_in: 3600 }].map((body) =>
        JSON.stringify(body)
      )
      const cuts = bodies.flatMap((body) => Array.from(body, (_, length) => body.slice(0, length)))
      const replies = cuts.flatMap((text) => [200, 400, 401, 500].map((status) => ({ status, text })))
      const scripted = yield* ScriptedHttpClient.make(replies)
      yield* Effect.gen(function* () {
        const { accessToken } = yield* AuthService
        for (const { status, text } of replies) {
          const exit = yield* Effect.exit(accessToken)
          assert.isTrue(Exit.isFailure(exit))
          assertNoSecrets(printExit(exit), `${status}, ${text.length} bytes`)
        }
      }).pipe(Effect.provide(canaryAccount().pipe(Layer.provide(scripted.layer))))
    })
  )

  it.effect("does not appear in the error if the connection is lost at any byte of the response", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode(JSON.stringify(valid))
      const cutAfter = (length: number) =>
        new Response(
          new ReadableStream({
            start: (controller) => {
              controller.enqueue(bytes.subarray(0, length))
              controller.error(
                new TypeError("terminated", { cause: new Error(`other side closed after ${length} bytes`) })
              )
            }
          })
        )
      const scripted = yield* ScriptedHttpClient.make((_, index) => Effect.succeed(cutAfter(index + 1)))
      yield* Effect.gen(function* () {
        const { accessToken } = yield* AuthService
        for (let index = 0; index < bytes.length; index++) {
          const exit = yield* Effect.exit(accessToken)
          assert.include(printed(exit), "TransportFailed")
          assertNoSecrets(printed(exit))
        }
      }).pipe(Effect.provide(canaryAccount().pipe(Layer.provide(scripted.layer))))
    })
  )
})

describe("a static token", () => {
  it.effect("does not appear in any output, whether the API or the layer rejects it", () =>
    Effect.gen(function* () {
      const secret = token("T")
      const cases: ReadonlyArray<{
        readonly token: string
        readonly script: ReadonlyArray<ScriptedReply>
        readonly expected: string
      }> = [
        { token: secret, script: [{ status: 401, text: `Bearer ${secret}` }], expected: "Unauthenticated" },
        { token: secret, script: [{ status: 404, text: `Bearer ${secret}` }], expected: "UnexpectedResponse" },
        { token: `${secret}\r\nx: 1`, script: [], expected: "InvalidOption" },
        { token: `${secret} `, script: [], expected: "InvalidOption" },
        { token: `${secret}é`, script: [], expected: "InvalidOption" }
      ]
      for (const [index, { expected, script, token }] of cases.entries()) {
        const { layer } = yield* scriptedTickets(script, { token })
        const watch = watchSecrets()
        const exit = yield* watch.run(Effect.provide(retrieve, layer))
        assert.isTrue(Exit.isFailure(exit))
        assert.include(watch.text(), expected)
        assertNoSecrets(watch.text(), `case ${index}`)
      }
    })
  )
})
