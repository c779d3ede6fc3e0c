import * as Effect from "effect/Effect"

/** Reads a value until it satisfies a condition. Other fibers, promises and sockets run between two reads. */
export const eventually = <A, E, R>(read: Effect.Effect<A, E, R>, until: (value: A) => boolean) =>
  Effect.andThen(Effect.yieldNow, read).pipe(Effect.repeat({ until }))
