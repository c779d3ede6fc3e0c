import * as Schema from "effect/Schema"

/** What the server does with requests to the API in a time. */
const Phase = Schema.Struct({
  /** Milliseconds from the first request to the API. */
  until: Schema.Number,
  /** `close` destroys the connection. */
  respond: Schema.Literals(["pending", "created", "close", "429", "503"]),
  /** Whether the response has a `Retry-After` with the rest of the phase. */
  asksForRest: Schema.optionalKey(Schema.Boolean)
})

export const Settings = Schema.Struct({
  /** How long each response takes, in milliseconds. */
  latency: Schema.Number,
  /** In order. The last one has no end. */
  phases: Schema.Array(Phase),
  /** The number of requests after which the first token is refused. */
  refuseTokenAfter: Schema.optionalKey(Schema.Number)
})

/** What has arrived. */
export const Seen = Schema.Struct({
  /** The requests to the API, with milliseconds from the first one. */
  arrivals: Schema.Array(Schema.Struct({ at: Schema.Number, ticketId: Schema.String })),
  maxInFlight: Schema.Number,
  tokens: Schema.Number
})

export const Message = Schema.Union([Schema.Struct({ port: Schema.Number }), Schema.Struct({ seen: Seen })])
