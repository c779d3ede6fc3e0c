import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { atLeastMinDelay } from "../http/retry.ts"

/**
 * The delay after an attempt, or `undefined` if the schedule has ended by then. The number of the attempt is the state of
 * the schedule, because each attempt may run in another process.
 */
export const delayAt = (
  schedule: Schedule.Schedule<unknown, number>,
  attempt: number
): Effect.Effect<Duration.Duration | undefined> =>
  Effect.gen(function* () {
    const step = yield* Schedule.toStep(schedule)
    let now = 0
    let delay = Duration.zero
    for (let index = 1; index <= attempt; index++) {
      const [, next] = yield* step(now, index)
      delay = next
      now += Duration.toMillis(delay)
    }
    return atLeastMinDelay(delay)
  }).pipe(Pull.catchDone(() => Effect.undefined))
