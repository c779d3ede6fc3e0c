// A short hand-written client on Effect: HttpClient, Schema, a span from Effect.fn, and retryTransient.
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { token } from "../client.ts"
import { onEffect } from "./onEffect.ts"

const ticketId = Schema.String.check(Schema.isUUID())
const Ticket = Schema.Union([
  Schema.Struct({ ticketId, status: Schema.Literal("PENDING"), issueKey: Schema.Null }),
  Schema.Struct({ ticketId, status: Schema.Literal("CREATED"), issueKey: Schema.NonEmptyString }),
  Schema.Struct({ ticketId, status: Schema.Literal("FAILED"), issueKey: Schema.Null })
])
const ApiError = Schema.Struct({
  code: Schema.Int,
  type: Schema.String,
  detail: Schema.Record(Schema.String, Schema.Unknown),
  status: Schema.Int
})

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { ...ApiError.fields, ticketId }) {}

export const open = onEffect(
  (baseUrl) =>
    HttpClient.HttpClient.useSync((http) => {
      const client = http.pipe(
        HttpClient.mapRequest((request) =>
          request.pipe(
            HttpClientRequest.prependUrl(baseUrl),
            HttpClientRequest.bearerToken(token),
            HttpClientRequest.acceptJson
          )
        ),
        HttpClient.retryTransient({ schedule: Schedule.exponential("500 millis"), times: 2 })
      )
      const retrieve = Effect.fn("Tickets.retrieve")(function* (id: string) {
        const response = yield* client.get(`/api/v1/supportTickets/${id}/`)
        if (response.status === 200) return yield* HttpClientResponse.schemaBodyJson(Ticket)(response)
        const error = yield* HttpClientResponse.schemaBodyJson(ApiError)(response)
        return yield* error.code === 40017 ? new NotFound({ ...error, ticketId: id }) : Effect.die(error)
      })
      return (id: string) =>
        retrieve(id).pipe(
          Effect.map(({ issueKey }) => issueKey ?? ""),
          Effect.catchTag("NotFound", () => Effect.succeed("no such ticket"))
        )
    }),
  () => Layer.empty
)
