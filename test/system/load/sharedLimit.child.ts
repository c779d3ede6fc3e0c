// Retrieves a ticket again and again for some seconds, with a limit of requests that it shares on Redis, or counts alone.
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redacted from "effect/Redacted"
import { FetchTransport, Ripio, SupportTickets, TicketId } from "../../../src/index.ts"
import { millis, rateLimit } from "./sharedLimit.ts"

const [baseUrl = "", redisUrl] = process.argv.slice(2)

const store =
  redisUrl === undefined
    ? RateLimiter.layerStoreMemory
    : Layer.provide(RateLimiter.layerStoreRedis(), NodeRedis.layer({ url: redisUrl }))

const client = Ripio.layer({
  environment: { baseUrl },
  clientId: "partner",
  clientSecret: Redacted.make("a secret of the partner"),
  gate: { account: "AR", rateLimit }
}).pipe(Layer.provide([FetchTransport.layer, store]))

const retrieve = Effect.flatMap(SupportTickets, (tickets) =>
  tickets.retrieve(TicketId.make("00000000-0000-4000-8000-000000000001"))
)

await Effect.runPromise(
  Effect.replicateEffect(Effect.forever(retrieve), 50, { concurrency: "unbounded", discard: true }).pipe(
    Effect.timeoutOption(millis),
    Effect.provide(client)
  )
)
