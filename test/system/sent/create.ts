import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthService,
  CustomerId,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive,
  TicketId
} from "effect-ripio-tickets"
import { type Report, reportOf } from "./outcome.ts"
import { maxAttempts, type Settings } from "./settings.ts"

// Imports no platform module: this runs on every runtime.

/** An account whose first token is replaced when it is refused. */
const auth = Layer.sync(AuthService, () => {
  let tokens = 0
  return AuthService.of({
    accessToken: Effect.sync(() => Redacted.make(`token-${tokens}`)),
    invalidate: () => Effect.sync(() => void tokens++)
  })
})

/** Creates a ticket on a transport, and reports what the caller learns. */
export const createTicket = (
  { baseUrl, headers = {}, retries, timeout = 10_000, warmUp }: Settings,
  transport: Layer.Layer<HttpClient.HttpClient>,
  { hasFile }: { readonly hasFile: boolean }
): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const client = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, (client) => {
        const changed = HttpClient.mapRequest(client, HttpClientRequest.setHeaders(headers))
        return retries === true ? HttpClient.retry(changed, { times: 3 }) : changed
      })
    )
    const context = yield* Layer.build(
      SupportTicketsLive.layer.pipe(
        Layer.provide(
          RipioHttpLive.layer({
            timeout,
            retry: { times: maxAttempts - 1, base: "1 milli" },
            environment: { baseUrl }
          })
        ),
        Layer.provide([auth, client.pipe(Layer.provide(transport))])
      )
    )
    const { create, retrieve } = yield* Effect.provide(SupportTickets, context)
    if (warmUp === true) yield* Effect.exit(retrieve(TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")))
    const ticket = {
      customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
      summary: "A deposit is missing",
      description: "Since Monday.",
      files: hasFile ? [new File([new Uint8Array(120_000)], "receipt.bin")] : []
    }
    return reportOf(yield* Effect.exit(create(ticket)))
  }).pipe(Effect.scoped, Effect.orDie)
