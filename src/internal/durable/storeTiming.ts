import * as Context from "effect/Context"
import * as Duration from "effect/Duration"

/** How a SQL store polls, and how long a claim outlives its process. */
export interface StoreTiming {
  readonly lockExpiration: Duration.Duration
  readonly lockRefreshInterval: Duration.Duration
  readonly pollInterval: Duration.Duration
}

/** A seam for tests, which cannot wait for minutes until the claims of a killed process expire. */
export const StoreTiming = Context.Reference<StoreTiming>("effect-ripio-tickets/StoreTiming", {
  defaultValue: () => ({
    lockExpiration: Duration.minutes(2),
    lockRefreshInterval: Duration.seconds(30),
    pollInterval: Duration.seconds(1)
  })
})
