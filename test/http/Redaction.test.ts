import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { AuthService, Ripio, RipioHttp, SupportTickets } from "../../src/index.ts"
import { ScriptedHttpClient, type ScriptedReply } from "../../src/testing/index.ts"
import { basic, clientId, clientSecret, marker, printed, token } from "../support/canary.ts"
import { apiErrors, created, pending, ticketId } from "../support/fixtures.ts"
import { retrieve } from "../support/playScript.ts"
import { json } from "../support/replies.ts"
import { assertNoSecrets, canaryAccount, canaryToken, watchSecrets } from "../support/secretWatch.ts"

describe("secrets", () => {
  it.effect("do not appear in any output of a call that succeeds", () =>
    Effect.gen(function* () {
      for (const ticket of [pending, created]) {
        const scripted = yield* ScriptedHttpClient.make([canaryToken(), json(ticket)])
        const watch = watchSecrets()
        const exit = yield* watch.run(Effect.provide(retrieve, canaryAccount().pipe(Layer.provide(scripted.layer))))
        assert.isTrue(Exit.isSuccess(exit))
        watch.add(yield* scripted.requests)
        assertNoSecrets(watch.text())
        assert.isAbove(watch.spans.length, 3)
        // The secrets were sent.
        const [first, second] = yield* scripted.requests
        const sent = [first, second].map((request) => request?.headers["authorization"])
        assert.deepStrictEqual(
          sent.map((header) => (Redacted.isRedacted(header) ? Redacted.value(header) : header)),
          [basic, `Bearer ${token("Token")}`]
        )
      }
    })
  )

  it.effect("do not appear in any output of a wait with refused tokens, renewals, retries and a deadline", () =>
    Effect.gen(function* () {
      let tokenRequests = 0
      let polls = 0
      // Every response repeats the authorization of its request.
      const pollReplies = (sent: string): ReadonlyArray<ScriptedReply> => [
        { status: 200, json: pending },
        { status: 401, json: { ...apiErrors.notAuthenticated, detail: { message: sent } } },
        { status: 503, text: sent },
        "refused",
        "hang",
        { status: 200, text: `{"ticketId":${JSON.stringify(sent)}` },
        { status: 429, text: "", headers: { "retry-after": "61", "x-request-id": sent } }
      ]
      const scripted = yield* ScriptedHttpClient.make(({ headers, method }) =>
        Effect.sync((): ScriptedReply => {
          const header = headers["authorization"] ?? ""
          const sent = Redacted.isRedacted(header) ? Redacted.value(header) : header
          if (method === "GET") return pollReplies(sent)[polls++ % pollReplies(sent).length]!
          return tokenRequests++ % 3 === 2
            ? { status: 500, text: sent }
            : { status: 200, json: { ...canaryToken(`Token${tokenRequests}`).json, expiresIn: 90 } }
        })
      )
      const watch = watchSecrets()
      const exit = yield* watch.run(
        Effect.gen(function* () {
          const tickets = yield* SupportTickets
          const fiber = yield* Effect.forkChild(
            Effect.all(
              [
                Effect.exit(tickets.awaitOutcome(ticketId, { deadline: "10 minutes" })),
                Effect.exit(Stream.runCollect(tickets.changes(ticketId, { deadline: "10 minutes" })))
              ],
              { concurrency: 2 }
            ),
            { startImmediately: true }
          )
          for (let elapsed = 0; elapsed < 11 * 60; elapsed += 10) yield* TestClock.adjust("10 seconds")
          return yield* Fiber.join(fiber)
        }).pipe(Effect.provide(canaryAccount({ retry: { times: 2 } }).pipe(Layer.provide(scripted.layer))))
      )
      assert(Exit.isSuccess(exit))
      for (const waited of exit.value) {
        assert.strictEqual(waited._tag, "Failure")
        watch.add(waited)
      }
      assert.isAbove(polls, 20)
      assert.isAbove(tokenRequests, 5)
      assert.include(watch.text(), "Retrying")
      assert.include(watch.text(), "OutcomePending")
      assert.include(watch.text(), "SupportTickets.changes")
      assertNoSecrets(watch.text())
    })
  )

  it.effect("do not appear in any output if the account or a token is refused", () =>
    Effect.gen(function* () {
      const scripts: ReadonlyArray<ReadonlyArray<ScriptedReply>> = [
        [{ status: 401, json: { error: "invalid_client", error_description: basic } }],
        [{ status: 400, json: { error: "invalid_client", error_description: clientSecret } }],
        [{ status: 400, json: { error: clientSecret } }],
        [
          canaryToken("A"),
          { status: 401, json: { ...apiErrors.notAuthenticated, detail: { message: token("A") } } },
          canaryToken("B"),
          { status: 403, json: { ...apiErrors.notAuthenticated, detail: { message: token("B") } } }
        ],
        [canaryToken("A"), { status: 403, json: apiErrors.notEnabled }],
        [canaryToken("A"), { status: 404, json: apiErrors.notFound }],
        // A refused token is still a secret.
        [
          canaryToken("A"),
          { status: 401, json: apiErrors.notAuthenticated },
          canaryToken("B"),
          { status: 404, text: `Bearer ${token("B")} is not Bearer ${token("A")}` }
        ]
      ]
      for (const [index, script] of scripts.entries()) {
        const scripted = yield* ScriptedHttpClient.make(script)
        const watch = watchSecrets()
        const exit = yield* watch.run(Effect.provide(retrieve, canaryAccount().pipe(Layer.provide(scripted.layer))))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual((yield* scripted.requests).length, script.length)
        assertNoSecrets(watch.text(), `script ${index}`)
      }
    })
  )

  it.effect("do not appear in any output if an option or a variable is invalid", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([])
      const fromEnv = (env: Record<string, string>) =>
        Ripio.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
      const env = {
        RIPIO_ENVIRONMENT: "sandbox",
        RIPIO_CLIENT_ID: clientId,
        RIPIO_CLIENT_SECRET: clientSecret
      }
      const layers = [
        canaryAccount({ clientSecret: Redacted.make(`${clientSecret}\n`) }),
        canaryAccount({ clientSecret: Redacted.make(`${clientSecret}\u0000`) }),
        canaryAccount({ clientId: `${clientSecret}:` }),
        canaryAccount({ environment: { baseUrl: `https://user:${marker}@ripio.test/` } }),
        canaryAccount({ environment: { baseUrl: `https://ripio.test/?secret=${marker}` } }),
        canaryAccount({ environment: { baseUrl: `ftp://${marker}.test/` } }),
        canaryAccount({ environment: { baseUrl: clientSecret } }),
        fromEnv({ ...env, RIPIO_CLIENT_SECRET: `${clientSecret}\n` }),
        fromEnv({ ...env, RIPIO_ENVIRONMENT: clientSecret }),
        fromEnv({ ...env, RIPIO_BASE_URL: clientSecret }),
        fromEnv({ ...env, RIPIO_CLIENT_ID: `${clientSecret}:` })
      ]
      for (const [index, layer] of layers.entries()) {
        const watch = watchSecrets()
        const exit = yield* watch.run(Effect.provide(retrieve, layer.pipe(Layer.provide(scripted.layer))))
        assert.isTrue(Exit.isFailure(exit))
        assertNoSecrets(watch.text(), `layer ${index}`)
      }
      assert.deepStrictEqual(yield* scripted.requests, [])
    })
  )

  it.effect("do not appear if services, layers, contexts or options are printed, before and after their use", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make(({ method }) =>
        Effect.succeed(method === "POST" ? canaryToken() : json(created))
      )
      const options = { environment: "sandbox", clientId, clientSecret: Redacted.make(clientSecret) } as const
      const layer = Ripio.layer(options).pipe(Layer.provide(scripted.layer))
      const context = yield* Layer.build(layer)
      const values = Effect.map(Effect.all([scripted.requests, Metric.snapshot]), (state) => [
        options,
        layer,
        context,
        Context.get(context, AuthService),
        Context.get(context, RipioHttp),
        Context.get(context, SupportTickets),
        Context.get(context, SupportTickets).retrieve(ticketId),
        ...state
      ])
      for (const value of yield* values) assertNoSecrets(printed(value))
      yield* Effect.provide(retrieve, context)
      const accessToken = yield* Context.get(context, AuthService).accessToken
      assert.strictEqual(Redacted.value(accessToken), token("Token"))
      for (const value of [...(yield* values), accessToken]) assertNoSecrets(printed(value))
    })
  )
})
