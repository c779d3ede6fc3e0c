import * as Layer from "effect/Layer"
import type { RipioHttp } from "../services/RipioHttp.ts"
import { makeSupportTickets, SupportTickets } from "../services/SupportTickets.ts"

/**
 * Support tickets, on `RipioHttp`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<SupportTickets, never, RipioHttp> = Layer.effect(SupportTickets, makeSupportTickets)
