import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"

/** How an effect ends, and after how many milliseconds, while so much virtual time goes by. */
export const within = <A, E, R>(time: Duration.Input, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.exit(effect).pipe(
      Effect.zip(Clock.currentTimeMillis),
      Effect.map(([exit, end]) => ({ exit, after: end - start })),
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust(time)
    const ended = fiber.pollUnsafe()
    if (ended !== undefined) return yield* ended
    yield* Fiber.interrupt(fiber)
    return yield* Effect.die(new Error("It should have ended by now"))
  })

/** The error of an effect that fails, and after how many milliseconds, while so much virtual time goes by. */
export const failsWithin = <A, E, R>(time: Duration.Input, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(within(time, Effect.flip(effect)), ({ after, exit }) =>
    Effect.map(exit, (error) => ({ error, after }))
  )

/** What `Random` gives an effect that runs with this seed. */
export const draws = (seed: string | number, count: number) =>
  Effect.replicateEffect(Random.next, count).pipe(Random.withSeed(seed))

/** From times to the waits between them. */
export const gaps = (times: ReadonlyArray<number>) => times.slice(1).map((time, index) => time - (times[index] ?? 0))

/** What an error carries, without what makes it an error: to be compared as plain data. */
export const fieldsOf = (error: object): Record<string, unknown> => ({ ...error })
