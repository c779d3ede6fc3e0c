import * as Context from "effect/Context"

/** What a worker learns about the write that it sends, while the write is in flight. */
export interface ObservedWrite {
  /** Whether the write has reached the client of the account. A replaced `SupportTickets` may send it elsewhere. */
  isObserved: boolean
  /** The attempt that sends it. Absent while it waits for a token, the account gate or a retry. */
  attempt: { readonly isHandedOver: boolean } | undefined
}

/** The write that a fiber sends. A worker provides it, to stop a write that no transport has yet. */
export const CurrentWrite = Context.Reference<ObservedWrite | undefined>("effect-ripio-tickets/CurrentWrite", {
  defaultValue: () => undefined
})
