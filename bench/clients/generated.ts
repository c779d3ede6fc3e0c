// The client that @effect/openapi-generator generates.
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Tickets from "../build/effect.ts"
import { token } from "../client.ts"
import { onEffect } from "./onEffect.ts"

export const open = onEffect(
  (baseUrl) =>
    HttpClient.HttpClient.useSync((http) => {
      const client = Tickets.make(
        http.pipe(
          HttpClient.mapRequest((request) =>
            request.pipe(HttpClientRequest.prependUrl(baseUrl), HttpClientRequest.bearerToken(token))
          )
        )
      )
      return (id: string) =>
        client.retrieve(id, undefined).pipe(
          Effect.map(({ issueKey }) => issueKey ?? ""),
          Effect.catchTag("Retrieve404", () => Effect.succeed("no such ticket"))
        )
    }),
  () => Layer.empty
)
