import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { RateLimited, RipioHttpError } from "../../../domain/RipioHttpError.ts"
import type { Poll } from "./currentPoll.ts"
import type { Linked } from "./waitQueue.ts"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** One call or poll at the gate. */
export interface Visit {
  readonly fiber: AnyFiber
  /** The wait that polls, or `undefined` for a call of the program. */
  readonly poll: Poll | undefined
  /** How many requests it has sent. */
  readonly attempts: number
  /** The error of a call that is not sent, because the account is held back for too long. */
  heldBack(reason: RateLimited): RipioHttpError
  /** Set by the gate while the visit may send. */
  permit: Permit | undefined
  /** Set by the gate while the visit is in the queue. */
  waiter: Waiter | undefined
}

/** A visit in the queue. */
export class Waiter implements Linked<Waiter> {
  readonly visit: Visit
  readonly since: number
  /** For how long the account had been held back in all when the visit came. */
  readonly heldBefore: number
  previous: Waiter | undefined
  next: Waiter | undefined
  readonly resume: (effect: Effect.Effect<void, RipioHttpError>) => void

  constructor(
    visit: Visit,
    since: number,
    heldBefore: number,
    resume: (effect: Effect.Effect<void, RipioHttpError>) => void
  ) {
    this.visit = visit
    this.since = since
    this.heldBefore = heldBefore
    this.resume = resume
  }
}

/** The right to send one request. */
export class Permit {
  readonly poll: Poll | undefined
  readonly isProbe: boolean
  /** Whether a request was sent. Without a token there is none, and a `Retry-After` of the token endpoint is not ours. */
  isSent = false

  constructor(poll: Poll | undefined, isProbe: boolean) {
    this.poll = poll
    this.isProbe = isProbe
  }
}
