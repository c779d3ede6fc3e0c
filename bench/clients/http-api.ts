// HttpApiClient for a declaration of the endpoint.
import * as Effect from "effect/Effect"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { token } from "../client.ts"
import { onEffect } from "./onEffect.ts"

const ticketId = Schema.String.check(Schema.isUUID())
const Ticket = Schema.Union([
  Schema.Struct({ ticketId, status: Schema.Literal("PENDING"), issueKey: Schema.Null }),
  Schema.Struct({ ticketId, status: Schema.Literal("CREATED"), issueKey: Schema.NonEmptyString }),
  Schema.Struct({ ticketId, status: Schema.Literal("FAILED"), issueKey: Schema.Null })
])

class NotFound extends Schema.Error<NotFound>("NotFound")(
  {
    _tag: Schema.tagDefaultOmit("NotFound"),
    code: Schema.Literal(40017),
    type: Schema.String,
    detail: Schema.Record(Schema.String, Schema.Unknown),
    status: Schema.Int
  },
  { httpApiStatus: 404 }
) {}

const Api = HttpApi.make("Ripio").add(
  HttpApiGroup.make("tickets").add(
    HttpApiEndpoint.get("retrieve", "/api/v1/supportTickets/:ticketId/", {
      params: { ticketId },
      success: Ticket,
      error: NotFound
    })
  )
)

export const open = onEffect(
  (baseUrl) =>
    Effect.map(
      HttpApiClient.make(Api, {
        baseUrl,
        transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token))
      }),
      (client) => (id: string) =>
        client.tickets.retrieve({ params: { ticketId: id } }).pipe(
          Effect.map(({ issueKey }) => issueKey ?? ""),
          Effect.catchTag("NotFound", () => Effect.succeed("no such ticket"))
        )
    ),
  () => Layer.empty
)
