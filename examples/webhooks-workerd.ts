/**
 * Webhooks in a Cloudflare Worker that also calls the API. Bindings: the variables of `Ripio.layerConfig`,
 * RIPIO_WEBHOOK_SECRETS, NOTIFY_URL, and a KV namespace TOKENS.
 *
 * On Workers, a request must not wait for anything that another request has started. The layer therefore lives for one
 * request, and the access token is shared through KV.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import {
  AuthClientCredentials,
  FetchTransport,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive,
  type TicketEvent,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "effect-ripio-tickets"
import { env } from "cloudflare:workers"

/** Cloudflare KV as a `KeyValueStore`. */
const call = <A>(method: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new KeyValueStore.KeyValueStoreError({ method, message: `KV: ${String(cause)}`, cause })
  })
const unsupported = (method: string) => call(method, () => Promise.reject(new Error("not supported")))
const tokens = Layer.succeed(
  KeyValueStore.KeyValueStore,
  KeyValueStore.makeStringOnly({
    get: (key) =>
      Effect.map(
        call("get", () => env.TOKENS.get(key)),
        (value) => value ?? undefined
      ),
    set: (key, value) => call("set", () => env.TOKENS.put(key, value)),
    remove: (key) => call("remove", () => env.TOKENS.delete(key)),
    clear: unsupported("clear"),
    size: unsupported("size"),
    keys: unsupported("keys")
  })
)

const client = Layer.unwrap(
  Effect.gen(function* () {
    const environment = { baseUrl: yield* Config.NonEmptyString("RIPIO_BASE_URL") }
    const clientId = yield* Config.NonEmptyString("RIPIO_CLIENT_ID")
    const clientSecret = yield* Config.Redacted("RIPIO_CLIENT_SECRET")
    return SupportTicketsLive.layer.pipe(
      Layer.provide(RipioHttpLive.layer({ environment })),
      Layer.provide(AuthClientCredentials.layerStore({ environment, clientId, clientSecret }))
    )
  })
)

/** Looks the ticket up and notifies another system, which knows the `dedupeKey`. A failure is redelivered. */
const handle = Effect.fnUntraced(function* (event: TicketEvent) {
  if (event._tag === "OtherEvent") return
  const ticket = yield* SupportTickets.use(({ retrieve }) => retrieve(event.ticketId))
  const request = HttpClientRequest.post(yield* Config.NonEmptyString("NOTIFY_URL")).pipe(
    HttpClientRequest.bodyJsonUnsafe({ dedupeKey: event.dedupeKey, outcome: ticket._tag })
  )
  yield* Effect.flatMap(HttpClient.execute(request), HttpClientResponse.filterStatusOk)
})

const receive = TicketWebhookHandler.fromLayer(
  Layer.merge(TicketWebhooksLive.layerConfig, client).pipe(
    Layer.provide(tokens),
    Layer.provideMerge(FetchTransport.layer),
    Layer.provideMerge(ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
  ),
  handle,
  { lifetime: "request" }
)

// oxlint-disable-next-line import/no-default-export -- a Worker is the default export
export default {
  fetch: (request: Request, _env: unknown, context: { readonly waitUntil: (promise: Promise<unknown>) => void }) =>
    new URL(request.url).pathname === "/webhooks/ripio"
      ? receive(request, context)
      : new Response(null, { status: 404 })
}
