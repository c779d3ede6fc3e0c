import * as Context from "effect/Context"

/** How long a layer lives: as long as the process, or as long as one request. */
export type Lifetime = "process" | "request"

/** The lifetime of the layer that is being built. What would lose data at the end of a request refuses to be built. */
export const CurrentLifetime = Context.Reference<Lifetime>("effect-ripio-tickets/internal/CurrentLifetime", {
  defaultValue: () => "process"
})
