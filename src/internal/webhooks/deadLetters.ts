import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type { PersistedQueue } from "effect/persistence/PersistedQueue"
import * as Semaphore from "effect/Semaphore"
import type { DeadLetter } from "../../domain/DeadLetter.ts"
import { InboxUnavailable } from "../../domain/InboxUnavailable.ts"
import { decodeDeadLetter, type StoredDeadLetter } from "./storedEvent.ts"

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
  /**
   * Passes a dead letter to `offer`, with the id under which the queue stores its event, and removes it. The id belongs to
   * the dead letter, so the queue stores one of several concurrent offers. `false` if there is no such dead letter.
   */
  readonly requeue: (
    dedupeKey: string,
    offer: (letter: DeadLetter, id: string) => Effect.Effect<void, InboxUnavailable>
  ) => Effect.Effect<boolean, InboxUnavailable>
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

/** Dead letters of the inbox with this name in a store of texts. Two processes may take the same dead letter. */
export const inTextStore = (store: TextStore, name: string): Effect.Effect<DeadLetters> =>
  Effect.gen(function* () {
    // A short key contains no colon in its first part, so no prefix is the beginning of another one.
    const prefix = `${yield* shortKey(name, /^[\w.-]{1,80}$/u)}:`
    const keyOf = (dedupeKey: string) => Effect.map(shortKey(dedupeKey, /^[\w.:-]{1,80}$/u), (key) => prefix + key)
    const keys = Effect.mapBoth(store.keys, {
      onFailure: toUnavailable,
      onSuccess: (keys) => keys.filter((key) => key.startsWith(prefix))
    })

    const added = Latch.makeUnsafe(false)
    // An event may fail again before its dead letter is removed. The lock prevents the removal of the new dead letter. For
    // another process, only the time between the comparison and the removal is left.
    const lock = Semaphore.makeUnsafe(1)
    const handling = new Set<string>()
    const failedAt = new Map<string, number>()

    const get = (key: string) =>
      Effect.mapError(
        Effect.flatMap(store.get(key), (text) =>
          text === undefined ? Effect.undefined : decodeDeadLetter(key.slice(prefix.length), parse(text))
        ),
        toUnavailable
      )

    /** Removes this dead letter, and not a later one of the same event. */
    const remove = (key: string, { requeueId }: StoredDeadLetter) =>
      lock.withPermit(
        Effect.flatMap(get(key), (current) =>
          current?.requeueId === requeueId ? Effect.mapError(store.remove(key), toUnavailable) : Effect.void
        )
      )

    const takeKey = <A, E, R>(
      key: string,
      handler: (letter: DeadLetter) => Effect.Effect<A, E, R>
    ): Effect.Effect<Option.Option<A>, E | InboxUnavailable, R> =>
      Effect.suspend(() => {
        if (handling.has(key)) return Effect.succeedNone
        handling.add(key)
        return get(key).pipe(
          Effect.flatMap((stored) =>
            stored === undefined
              ? Effect.succeedNone
              : handler(stored.letter).pipe(
                  Effect.tapCause(() => Effect.map(Clock.currentTimeMillis, (now) => failedAt.set(key, now))),
                  Effect.tap(() => remove(key, stored)),
                  Effect.asSome
                )
          ),
          Effect.ensuring(Effect.sync(() => handling.delete(key)))
        )
      })

    const take = <A, E, R>(
      handler: (letter: DeadLetter) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | InboxUnavailable, R> =>
      Effect.gen(function* () {
        for (;;) {
          added.closeUnsafe()
          const now = yield* Clock.currentTimeMillis
          // Includes keys that another process has removed.
          for (const [key, time] of failedAt) if (now - time >= retryMillis) failedAt.delete(key)
          const key = (yield* keys).find((key) => !handling.has(key) && !failedAt.has(key))
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
        Effect.flatMap(keyOf(dedupeKey), (key) => {
          const requeueId = `requeue:${crypto.randomUUID()}`
          return store.set(key, JSON.stringify({ attempts, dedupeKey, failure, requeueId, stored }))
        }).pipe(
          lock.withPermits(1),
          Effect.mapError(toUnavailable),
          Effect.tap(() => Effect.sync(() => added.openUnsafe()))
        ),
      take,
      index: {
        requeue: Effect.fnUntraced(function* (dedupeKey, offer) {
          const key = yield* keyOf(dedupeKey)
          const stored = yield* get(key)
          if (stored === undefined) return false
          yield* offer(stored.letter, stored.requeueId)
          yield* remove(key, stored)
          return true
        }),
        list: Effect.map(
          Effect.flatMap(keys, (keys) => Effect.forEach(keys, get)),
          (all) => all.flatMap((stored) => (stored === undefined ? [] : [stored.letter]))
        ),
        count: Effect.map(keys, ({ length }) => length)
      }
    }
  })

/**
 * The text, or its SHA-256 if it is not plain. MySQL stores keys of up to 191 characters, and file systems names of up to
 * 255 bytes, in which other characters are escaped.
 */
const shortKey = (text: string, plain: RegExp): Effect.Effect<string> =>
  plain.test(text)
    ? Effect.succeed(text)
    : Effect.map(
        Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
        (hash) => `sha256-${Hex.encode(new Uint8Array(hash))}`
      )

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
        Effect.flatMap(decodeDeadLetter(id, json), ({ letter }) =>
          Effect.mapError(handler(letter), (error) => ({ error }))
        )
      )
      .pipe(Effect.mapError((failure) => ("error" in failure ? failure.error : toUnavailable(failure)))),
  index: undefined
})
