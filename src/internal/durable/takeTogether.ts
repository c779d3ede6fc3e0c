import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

const windowMillis = 10

/**
 * Lets takers that become free one after another take together, because the store claims for all takers that wait with one
 * statement. A taker waits until no other one is busy, but 10 ms at most.
 */
export const makeTakeTogether = (): ((busyTakers: () => number) => Effect.Effect<void>) => {
  const latch = Latch.makeUnsafe(false)
  let isWaiting = false
  const release = Effect.suspend(() => {
    isWaiting = false
    return latch.release
  })
  return (busyTakers) =>
    Effect.suspend(() => {
      if (busyTakers() === 0) return Effect.asVoid(release)
      if (isWaiting) return latch.await
      isWaiting = true
      return Effect.ensuring(Effect.raceFirst(Effect.sleep(windowMillis), latch.await), release)
    })
}
