import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../http/monotonic.ts"

const minuteMillis = 60_000

/** Logs a message of a kind. */
export type LimitedLog = (kind: string, level: "Error" | "Warn", message: string) => Effect.Effect<void>

/** Logs each kind of message at most once a minute. The next line of a kind says how many were suppressed. */
export const makeLimitedLog = (): LimitedLog => {
  const kinds = new Map<string, { readonly loggedAt: number; suppressed: number }>()
  return (kind, level, message) =>
    Effect.flatMap(Clock.Clock, (clock) => {
      // A wall clock that is set back would suppress lines for longer.
      const now = monotonicMillis(clock)
      const last = kinds.get(kind)
      if (last !== undefined && now - last.loggedAt < minuteMillis) {
        last.suppressed++
        return Effect.void
      }
      kinds.set(kind, { loggedAt: now, suppressed: 0 })
      return Effect.logWithLevel(level)(
        last === undefined || last.suppressed === 0
          ? message
          : `${message} (${last.suppressed} more since the last line of this kind)`
      )
    })
}
