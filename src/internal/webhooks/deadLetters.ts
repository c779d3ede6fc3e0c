import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type { PersistedQueue } from "effect/persistence/PersistedQueue"
import type { DeadLetter } from "../../domain/DeadLetter.ts"
import { InboxUnavailable } from "../../domain/InboxUnavailable.ts"
import { decodeDeadLetter } from "./storedEvent.ts"

/** Texts by their key: the part of `KeyValueStore` that dead letters need. */
export interface TextStore {
  readonly get: (key: string) => Effect.Effect<string | undefined, unknown>
  readonly set: (key: string, value: string) => Effect.Effect<void, unknown>
  readonly remove: (key: string) => Effect.Effect<void, unknown>
  readonly keys: Effect.Effect<ReadonlyArray<string>, unknown>
}

/** Where an inbox stores its dead letters. */
export interface DeadLetters {
  readonly add: (letter: DeadLetter) => Effect.Effect<void, InboxUnavailable>
  /** Waits for a dead letter, and removes it when the handler has succeeded. */
  readonly take: <A, E, R>(
    handler: (letter: DeadLetter) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | InboxUnavailable, R>
  /** Absent if the store cannot list. */
  readonly index: DeadLetterIndex | undefined
}

export interface DeadLetterIndex {
  readonly get: (dedupeKey: string) => Effect.Effect<DeadLetter | undefined, InboxUnavailable>
  readonly remove: (dedupeKey: string) => Effect.Effect<void, InboxUnavailable>
  readonly list: Effect.Effect<ReadonlyArray<DeadLetter>, InboxUnavailable>
  readonly count: Effect.Effect<number, InboxUnavailable>
}

/** The error of a store, which may have wrapped an `InboxUnavailable`. */
export const toUnavailable = (error: unknown): InboxUnavailable => {
  if (error instanceof InboxUnavailable) return error
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof InboxUnavailable ? cause : new InboxUnavailable({ cause: error })
}

const retryMillis = 1000

/** Dead letters in a store of texts. Two processes may take the same dead letter. */
export const inTextStore = (store: TextStore): DeadLetters => {
  const added = Latch.makeUnsafe(false)
  const handling = new Set<string>()
  const failedAt = new Map<string, number>()

  const get = (dedupeKey: string) =>
    Effect.flatMap(store.get(dedupeKey), (text) =>
      text === undefined ? Effect.undefined : decodeDeadLetter(dedupeKey, parse(text))
    )
  const remove = (dedupeKey: string) =>
    Effect.tap(store.remove(dedupeKey), () => Effect.sync(() => failedAt.delete(dedupeKey)))

  const takeKey = <A, E, R>(
    dedupeKey: string,
    handler: (letter: DeadLetter) => Effect.Effect<A, E, R>
  ): Effect.Effect<Option.Option<A>, E | InboxUnavailable, R> =>
    Effect.suspend(() => {
      if (handling.has(dedupeKey)) return Effect.succeedNone
      handling.add(dedupeKey)
      return Effect.mapError(get(dedupeKey), toUnavailable).pipe(
        Effect.flatMap((letter) =>
          letter === undefined
            ? Effect.succeedNone
            : handler(letter).pipe(
                Effect.tapCause(() => Effect.map(Clock.currentTimeMillis, (now) => failedAt.set(dedupeKey, now))),
                Effect.tap(() => Effect.mapError(remove(dedupeKey), toUnavailable)),
                Effect.asSome
              )
        ),
        Effect.ensuring(Effect.sync(() => handling.delete(dedupeKey)))
      )
    })

  const take = <A, E, R>(
    handler: (letter: DeadLetter) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | InboxUnavailable, R> =>
    Effect.gen(function* () {
      for (;;) {
        added.closeUnsafe()
        const now = yield* Clock.currentTimeMillis
        const isDue = (key: string) => !handling.has(key) && now - (failedAt.get(key) ?? -Infinity) >= retryMillis
        const key = (yield* Effect.mapError(store.keys, toUnavailable)).find(isDue)
        if (key === undefined) {
          // Another process may add one.
          yield* Effect.race(added.await, Effect.sleep(retryMillis))
        } else {
          const result = yield* takeKey(key, handler)
          if (Option.isSome(result)) return result.value
        }
      }
    })

  return {
    add: ({ attempts, dedupeKey, failure, stored }) =>
      store.set(dedupeKey, JSON.stringify({ attempts, dedupeKey, failure, stored })).pipe(
        Effect.mapError(toUnavailable),
        Effect.tap(() => Effect.sync(() => added.openUnsafe()))
      ),
    take,
    index: {
      get: (dedupeKey) => Effect.mapError(get(dedupeKey), toUnavailable),
      remove: (dedupeKey) => Effect.mapError(remove(dedupeKey), toUnavailable),
      list: store.keys.pipe(
        Effect.flatMap((keys) => Effect.forEach(keys, get)),
        Effect.mapBoth({
          onFailure: toUnavailable,
          onSuccess: (letters) => letters.filter((letter) => letter !== undefined)
        })
      ),
      count: Effect.mapBoth(store.keys, { onFailure: toUnavailable, onSuccess: (keys) => keys.length })
    }
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Dead letters in a queue, which cannot list them. */
export const inQueue = (queue: PersistedQueue<unknown>): DeadLetters => ({
  add: ({ attempts, dedupeKey, failure, stored }) =>
    Effect.asVoid(
      Effect.mapError(queue.offer({ attempts, dedupeKey, failure, stored }, { id: dedupeKey }), toUnavailable)
    ),
  take: (handler) =>
    queue
      .take((json, { id }) =>
        Effect.flatMap(decodeDeadLetter(id, json), (letter) => Effect.mapError(handler(letter), (error) => ({ error })))
      )
      .pipe(Effect.mapError((failure) => ("error" in failure ? failure.error : toUnavailable(failure)))),
  index: undefined
})
