import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { CreateAmbiguous, RipioHttpError, Unauthenticated } from "effect-ripio-tickets"

/** What a caller of `create` learns. */
export type Outcome = "created" | "not sent" | "refused" | "ambiguous" | "invalid"

export interface Report {
  readonly outcome: Outcome | "unexpected"
  readonly attempts: number
  /** For the message of a failed test. */
  readonly details: string
}

export const reportOf = (exit: Exit.Exit<unknown, unknown>): Report => {
  if (Exit.isSuccess(exit)) return { outcome: "created", attempts: 1, details: "" }
  const error = Cause.squash(exit.cause)
  const details = error instanceof Error ? error.message : String(error)
  if (error instanceof CreateAmbiguous) return { outcome: "ambiguous", attempts: error.attempts, details }
  if (error instanceof Unauthenticated) return { outcome: "refused", attempts: error.attempts ?? 0, details }
  if (!(error instanceof RipioHttpError)) return { outcome: "unexpected", attempts: 0, details }
  const { attempts, reason } = error
  switch (reason._tag) {
    case "TransportFailed":
    case "TimedOut":
      return { outcome: reason.mayHaveBeenSent === false ? "not sent" : "unexpected", attempts, details }
    case "InvalidRequest":
      return { outcome: "invalid", attempts, details }
    default:
      return { outcome: "refused", attempts, details }
  }
}
