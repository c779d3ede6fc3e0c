import * as Layer from "effect/Layer"
import type { RipioHttp } from "../services/RipioHttp.ts"
import { makeSupportTickets, SupportTickets } from "../services/SupportTickets.ts"

/**
 * Support tickets, on `RipioHttp`.
 *
 * It is built for each use: an `Effect` program builds a layer value once, and here that would give two accounts side by
 * side the tickets of one.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<SupportTickets, never, RipioHttp> = Layer.fresh(
  Layer.effect(SupportTickets, makeSupportTickets)
)
