import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { EncodeError, HttpClientError } from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AuthStaticToken, CustomerId, RipioHttpLive, SupportTickets, SupportTicketsLive } from "../../../src/index.ts"

const failing = (cause: unknown) =>
  SupportTicketsLive.layer.pipe(
    Layer.provide(RipioHttpLive.layer({ environment: "sandbox", retry: { times: 0 } })),
    Layer.provide(AuthStaticToken.layer({ token: Redacted.make("token-of-the-test") })),
    Layer.provide(
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) =>
          Effect.fail(
            new HttpClientError({
              reason: new EncodeError({
                request,
                ...(cause === undefined ? { description: "no streams here" } : { cause })
              })
            })
          )
        )
      )
    )
  )

const create = SupportTickets.use((tickets) =>
  Effect.flip(
    tickets.create({
      customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
      summary: "A deposit has not arrived",
      description: "Sent on Monday."
    })
  )
)

it.effect("a body that the client cannot send at all is not sent", () =>
  Effect.gen(function* () {
    const error = yield* Effect.provide(create, failing(undefined))
    assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create" })
    assert.deepInclude("reason" in error ? error.reason : {}, { _tag: "InvalidRequest" })
    assert.include(error.message, "no streams here")
  })
)

it.effect("a body that breaks while it is sent is ambiguous", () =>
  Effect.gen(function* () {
    const error = yield* Effect.provide(create, failing(new Error("the file is gone")))
    assert.deepInclude(error, { _tag: "CreateAmbiguous" })
    assert.include(error.message, "the file is gone")
  })
)
