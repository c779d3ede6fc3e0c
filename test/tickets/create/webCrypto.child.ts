// A program that creates tickets in a runtime without parts of WebCrypto, and prints what it got.
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { contentHashOf, SupportTickets } from "../../../src/index.ts"
import { withTokenAt } from "../../support/clients.ts"
import { newTicket } from "../../support/newTicket.ts"

let sent = 0
const client = HttpClient.make((request) =>
  Effect.sync(() => {
    sent++
    return HttpClientResponse.fromWeb(request, new Response("{"))
  })
)

const remove = (name: "randomUUID" | "subtle") => {
  const before = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(crypto), name)
  Object.defineProperty(crypto, name, { configurable: true, value: undefined })
  return () => Object.defineProperty(crypto, name, { configurable: true, ...before })
}

const program = Effect.gen(function* () {
  const tickets = yield* SupportTickets
  const restore = remove("randomUUID")
  const unsent = yield* Effect.flip(tickets.create(newTicket()))
  restore()
  remove("subtle")
  const ambiguous = yield* Effect.flip(tickets.create(newTicket()))
  return {
    sent,
    withoutRandomUuid: "reason" in unsent ? unsent.reason.message : unsent._tag,
    withoutSubtle:
      ambiguous._tag === "CreateAmbiguous" ? { _tag: ambiguous._tag, contentHash: ambiguous.contentHash } : {},
    contentHashOf: (yield* Effect.flip(contentHashOf(newTicket()))).message
  }
}).pipe(
  Effect.provide(withTokenAt("https://ripio.test", Layer.succeed(HttpClient.HttpClient, client))),
  // The log would be a part of what is printed.
  Effect.provide(Logger.layer([]))
)

process.stdout.write(JSON.stringify(await Effect.runPromise(program)))
