import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { checkOption } from "../../domain/InvalidOption.ts"
import { token } from "../options.ts"

/**
 * Creates a check of access tokens: what is wrong with a token, or `undefined`. A custom `AuthService` may return anything,
 * and a token may be wiped at any time. The characters of a token are checked once.
 */
export const makeTokenCheck = () => {
  const checked = new WeakSet<Redacted.Redacted>()
  return (received: Redacted.Redacted): string | undefined => {
    if (checked.has(received) && isReadable(received)) return undefined
    const result = checkOption("token", () => token(received))
    if (Result.isFailure(result)) return result.failure.message
    checked.add(received)
    return undefined
  }
}

const isReadable = (secret: Redacted.Redacted): boolean => {
  try {
    Redacted.value(secret)
    return true
  } catch {
    return false
  }
}
