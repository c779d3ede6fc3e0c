/**
 * The layer of `SupportTickets`.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { RipioHttp } from "../services/RipioHttp.ts"
import { makeSupportTickets, SupportTickets } from "../services/SupportTickets.ts"

/**
 * `SupportTickets` on `RipioHttp`.
 *
 * The layer is fresh: it is built for every use. Effect builds a layer value once per program, and two accounts would
 * otherwise share the tickets of one.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<SupportTickets, never, RipioHttp> = Layer.fresh(
  Layer.effect(SupportTickets, makeSupportTickets)
)
