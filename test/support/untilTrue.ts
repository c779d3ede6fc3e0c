import * as Effect from "effect/Effect"

const nextTurn = Effect.callback<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** Waits until a condition holds. It waits on the event loop, so it works on the wall clock and under `TestClock`. */
export const untilTrue = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  Effect.andThen(nextTurn, condition).pipe(Effect.repeat({ until: (holds) => holds }), Effect.asVoid)
