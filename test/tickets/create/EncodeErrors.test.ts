import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import { EncodeError, HttpClientError } from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { SupportTickets } from "../../../src/index.ts"
import { withTokenAt } from "../../support/clients.ts"
import { newTicket } from "../../support/newTicket.ts"

/** Creates a ticket on a client that fails with an `EncodeError`, and returns the error. */
const createFailingWith = (
  details: { readonly description: string } | { readonly cause: unknown },
  beforeFailure: (body: HttpBody) => Effect.Effect<unknown> = () => Effect.void
) => {
  const client = HttpClient.make((request) =>
    Effect.andThen(
      beforeFailure(request.body),
      Effect.fail(new HttpClientError({ reason: new EncodeError({ request, ...details }) }))
    )
  )
  return SupportTickets.use((tickets) => Effect.flip(tickets.create(newTicket()))).pipe(
    Effect.provide(
      withTokenAt("https://ripio.test", Layer.succeed(HttpClient.HttpClient, client), { retry: { times: 0 } })
    )
  )
}

const readingFirst = (body: HttpBody) =>
  body._tag === "Stream" ? Effect.ignore(Stream.runDrain(Stream.take(body.stream, 2))) : Effect.void

describe("an EncodeError of the transport", () => {
  it.effect("without a cause means that nothing was sent: the reason is InvalidRequest", () =>
    Effect.gen(function* () {
      const error = yield* createFailingWith({ description: "no streams here" })
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create" })
      assert.deepInclude("reason" in error ? error.reason : {}, { _tag: "InvalidRequest" })
      assert.include(error.message, "no streams here")
    })
  )

  it.effect("with a cause, before any of the form was read, means that nothing was sent", () =>
    Effect.gen(function* () {
      const error = yield* createFailingWith({ cause: new Error("the file is gone") })
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create" })
      assert.deepInclude("reason" in error ? error.reason : {}, { _tag: "TransportFailed", mayHaveBeenSent: false })
    })
  )

  it.effect("with a cause may come from a body that broke while it was sent: CreateAmbiguous", () =>
    Effect.gen(function* () {
      const error = yield* createFailingWith({ cause: new Error("the file is gone") }, readingFirst)
      assert.deepInclude(error, { _tag: "CreateAmbiguous" })
      assert.include(error.message, "the file is gone")
    })
  )
})
