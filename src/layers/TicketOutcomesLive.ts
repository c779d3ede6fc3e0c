/**
 * The layer of `TicketOutcomes`.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import { makeTicketOutcomes, TicketOutcomes, type TicketOutcomesOptions } from "../services/TicketOutcomes.ts"

/**
 * `TicketOutcomes` for one account, for a client that is composed from its parts, or for other options than those of
 * `Ripio.layer`, which contains one. Call it once per account, because accounts must not share outcomes.
 *
 * Provide it beneath the client's layer and the webhook's (`Layer.provideMerge`). A layer that is merged beside them is not
 * in their context, and waits then end with their next poll.
 *
 * Fails with `InvalidOption`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: TicketOutcomesOptions): Layer.Layer<TicketOutcomes, InvalidOption> =>
  Layer.effect(TicketOutcomes, makeTicketOutcomes(options))
