import * as Layer from "effect/Layer"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import { makeTicketOutcomes, TicketOutcomes, type TicketOutcomesOptions } from "../services/TicketOutcomes.ts"

/**
 * A meeting place for the outcomes of one account. Call it once for each account: what one learns is not the other's.
 *
 * It belongs beneath both sides, the client's layer and the webhook's (`Layer.provideMerge`): one that is merged beside
 * them is not seen, and waits then end with their next poll.
 *
 * Fails with `InvalidOption`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: TicketOutcomesOptions): Layer.Layer<TicketOutcomes, InvalidOption> =>
  Layer.effect(TicketOutcomes, makeTicketOutcomes(options))
