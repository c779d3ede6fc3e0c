import * as Effect from "effect/Effect"
import type { Unauthenticated } from "../../../domain/AccessToken.ts"
import { type ApiError, ApiErrorCode } from "../../../domain/ApiError.ts"
import type { RipioHttpError } from "../../../domain/RipioHttpError.ts"
import { notEnabledOf } from "../../../domain/TicketError.ts"

/**
 * Logs the errors that every call of an account fails with until a person acts: once, and again after a call succeeded.
 */
export class AccountErrors {
  private readonly account: string | undefined
  private isUnauthenticated = false
  /** The operations that are not enabled. */
  private readonly notEnabled = new Set<string>()

  constructor(account: string | undefined) {
    this.account = account
  }

  succeeded(operation: string): void {
    this.isUnauthenticated = false
    // Other endpoints of the account may be enabled all the time.
    if (this.notEnabled.has(operation)) this.notEnabled.clear()
  }

  failed(operation: string, error: Unauthenticated | ApiError | RipioHttpError): Effect.Effect<void> {
    if (error._tag === "Unauthenticated") {
      if (this.isUnauthenticated) return Effect.void
      this.isUnauthenticated = true
      return this.log(error.message)
    }
    if (error._tag !== "ApiError" || error.code !== ApiErrorCode.supportTicketsNotEnabled) return Effect.void
    const isKnown = this.notEnabled.size > 0
    this.notEnabled.add(operation)
    return isKnown ? Effect.void : this.log(notEnabledOf(error)?.message ?? error.message)
  }

  private log(message: string): Effect.Effect<void> {
    const line = Effect.logError(message)
    return Effect.ignoreCause(this.account === undefined ? line : Effect.annotateLogs(line, { account: this.account }))
  }
}
