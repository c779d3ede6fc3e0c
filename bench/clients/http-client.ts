// The baseline on Effect's HttpClient: requests are built once. It has no spans, no validation and no typed errors.
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import { known, token, unknown } from "../client.ts"
import { onEffect } from "./onEffect.ts"

export const open = onEffect(
  (baseUrl) =>
    HttpClient.HttpClient.useSync((http) => {
      const requestOf = (id: string) =>
        HttpClientRequest.get(`${baseUrl}/api/v1/supportTickets/${id}/`, { acceptJson: true }).pipe(
          HttpClientRequest.bearerToken(token)
        )
      const requests = new Map([known, unknown].map((id) => [id, requestOf(id)]))
      return (id: string) =>
        http.execute(requests.get(id)!).pipe(
          Effect.flatMap((response) => response.text),
          Effect.map((text) => {
            const body = JSON.parse(text)
            return body.issueKey ?? (body.code === 40017 ? "no such ticket" : `${body.code}`)
          }),
          Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
        )
    }),
  () => Layer.empty
)
