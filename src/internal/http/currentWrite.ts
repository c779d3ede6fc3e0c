import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/** What a worker knows about the write that it sends, and its hook in the client. */
export interface ObservedWrite {
  /** Runs once there is a token and a permit, right before the first attempt. It interrupts the write to prevent it. */
  readonly beforeSend: Effect.Effect<void>
  /** Whether the write has reached the client of the account. A replaced `SupportTickets` may send it elsewhere. */
  isObserved: boolean
  /** The attempt that sends it. Absent while it waits for a token, the account gate or a retry. */
  attempt: { readonly isHandedOver: boolean } | undefined
}

/** The write that a fiber sends. A worker provides it, to stop a write that no transport has yet. */
export const CurrentWrite = Context.Reference<ObservedWrite | undefined>("effect-ripio-tickets/CurrentWrite", {
  defaultValue: () => undefined
})
