import * as Context from "effect/Context"
import type { RipioHttpError } from "../../../domain/RipioHttpError.ts"

/** What a wait needs to know of the account that it polls. */
export interface PolledAccount {
  /** The account's last failure, while no request has succeeded since. */
  readonly lastFailure: RipioHttpError | undefined
  /** Whether there is an outage. */
  readonly isDown: boolean
  /** The wait ended. */
  readonly leave: (poll: Poll, context: Context.Context<never>) => void
}

/** A wait for a ticket's outcome, as the account gate sees it. */
export interface Poll {
  readonly ticketId: string
  /** The milliseconds between this poll and the one before, or the one after the first poll. */
  readonly intervalMillis: number
  /** Whether the poll waits for the gate and has sent nothing. It stays `true` if the wait ends meanwhile. */
  isHeld: boolean
  /** The account, once the first poll has reached it. */
  account: PolledAccount | undefined
}

/**
 * The wait whose poll a fiber sends. It marks a request as a poll without an option in the public `ExecuteOptions`, so it
 * also passes through a `RipioHttp` that a program wraps.
 */
export const CurrentPoll = Context.Reference<Poll | undefined>("effect-ripio-tickets/CurrentPoll", {
  defaultValue: () => undefined
})

const left: PolledAccount = { lastFailure: undefined, isDown: false, leave: () => {} }

/**
 * Ends a wait. From then on it cannot join an account: a poll that could not be interrupted may reach the gate after its
 * wait, which would never leave.
 */
export const endWait = (poll: Poll, { context }: { readonly context: Context.Context<never> }): void => {
  poll.account?.leave(poll, context)
  poll.account = left
}
