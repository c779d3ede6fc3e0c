import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AuthService, SupportTickets } from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { basic, clientId, clientSecret, token } from "../support/canary.ts"
import { encodings, repliesWith } from "../support/encodings.ts"
import { ticketId } from "../support/fixtures.ts"
import { assertNoSecrets, canaryAccount, canaryToken, describeReply, printExit } from "../support/secretWatch.ts"

describe("secrets that a server echoes", () => {
  for (const [name, encode] of Object.entries(encodings)) {
    it.effect(`do not appear in an error of the API: the token ${name}`, () =>
      Effect.gen(function* () {
        const replies = [200, 302, 400, 401, 403, 404, 429, 503].flatMap((status) =>
          [`Bearer ${token("Token")}`, token("Token")].flatMap((secret) => repliesWith(status, encode(secret)))
        )
        const scripted = yield* ScriptedHttpClient.make(({ method }, index) =>
          Effect.succeed(method === "POST" ? canaryToken() : replies[index - 1]!)
        )
        yield* Effect.gen(function* () {
          const tickets = yield* SupportTickets
          for (const reply of replies) {
            const exit = yield* Effect.exit(tickets.retrieve(ticketId))
            assertNoSecrets(printExit(exit), describeReply(reply))
          }
        }).pipe(Effect.provide(canaryAccount().pipe(Layer.provide(scripted.layer))))
      })
    )

    it.effect(`do not appear in an error of the token endpoint: the credentials ${name}`, () =>
      Effect.gen(function* () {
        const replies = [200, 400, 403, 500].flatMap((status) =>
          [basic, `${clientId}:${clientSecret}`].flatMap((secret) => repliesWith(status, encode(secret)))
        )
        const scripted = yield* ScriptedHttpClient.make(replies)
        yield* Effect.gen(function* () {
          const { accessToken } = yield* AuthService
          for (const reply of replies) {
            assertNoSecrets(printExit(yield* Effect.exit(accessToken)), describeReply(reply))
          }
        }).pipe(Effect.provide(canaryAccount().pipe(Layer.provide(scripted.layer))))
      })
    )
  }
})
