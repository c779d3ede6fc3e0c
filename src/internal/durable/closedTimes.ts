import * as Effect from "effect/Effect"
import type { KeyValueStore } from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"

const Intervals = Schema.fromJsonString(Schema.Array(Schema.Tuple([Schema.Number, Schema.Number])))
const decode = Schema.decodeUnknownEffect(Intervals)
const encode = Schema.encodeUnknownEffect(Intervals)

// Two intervals that are this close are one: a worker writes every 15 s.
const gapMillis = 60_000
const maxIntervals = 200

type Interval = readonly [from: number, to: number]

/** Joins intervals that overlap or are close, and drops the oldest of too many. */
export const mergeIntervals = (intervals: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const merged: Array<Interval> = []
  for (const [from, to] of intervals.toSorted(([one], [other]) => one - other)) {
    const last = merged.at(-1)
    if (last !== undefined && from <= last[1] + gapMillis) merged[merged.length - 1] = [last[0], Math.max(last[1], to)]
    else merged.push([from, to])
  }
  return merged.slice(-maxIntervals)
}

/** The milliseconds of the intervals that lie between two times. */
export const overlap = (intervals: ReadonlyArray<Interval>, from: number, to: number): number =>
  intervals.reduce((sum, [start, end]) => sum + Math.max(0, Math.min(end, to) - Math.max(start, from)), 0)

/** The times in which an account was closed, for all workers of a database. */
export const makeClosedTimes = (store: KeyValueStore, name: string) => {
  const key = `${name}:closed-times`
  const read = Effect.flatMap(store.get(key), (text) =>
    text === undefined
      ? Effect.succeed<ReadonlyArray<Interval>>([])
      : Effect.catch(decode(text), () => Effect.succeed<ReadonlyArray<Interval>>([]))
  )
  return {
    // Two workers may overwrite each other's interval: both see the same account, and write again after 15 s.
    record: (from: number, to: number) =>
      Effect.flatMap(read, (intervals) =>
        Effect.flatMap(Effect.orDie(encode(mergeIntervals([...intervals, [from, to]]))), (text) => store.set(key, text))
      ),
    millis: (from: number, to: number) => Effect.map(read, (intervals) => overlap(intervals, from, to))
  }
}
