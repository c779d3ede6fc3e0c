import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { PersistedQueueError, PersistedQueueStore } from "effect/persistence/PersistedQueue"
import { InboxUnavailable } from "../../domain/InboxUnavailable.ts"
import type { TextStore } from "./deadLetters.ts"

/** How much an inbox in memory holds. */
export interface MemoryLimits {
  /** How many keys are remembered. */
  readonly capacity: number
  /** How long a key is remembered at least. */
  readonly rememberFor: Duration.Duration
}

/** How many unhandled events, and how many dead letters, are stored. They have payloads, keys have not. */
export const maxPayloads = 10_000

const full = (issue: string) => new InboxUnavailable({ issue: `${issue}. Use a store, such as a database` })

interface Entry {
  readonly id: string
  readonly element: unknown
  attempts: number
  visibleAt: number
}

/**
 * A queue in memory that forgets the payload of each handled event and remembers its key. An offer fails if there is no
 * room, so that no key is forgotten too early.
 */
export const makeMemoryStore = Effect.fnUntraced(function* (
  { capacity, rememberFor }: MemoryLimits,
  toError: (cause: InboxUnavailable) => PersistedQueueError
) {
  const clock = yield* Clock.Clock
  const rememberMillis = Duration.toMillis(rememberFor)
  const changed = Latch.makeUnsafe(false)
  // The time of the first offer by key, oldest first: a map iterates in the order of insertion.
  const keys = new Map<string, number>()
  const unhandled = new Map<string, Entry>()
  const pending = new Set<Entry>()

  const hasRoom = (now: number): boolean => {
    if (keys.size < capacity) return true
    for (const [key, offeredAt] of keys) {
      if (now - offeredAt <= rememberMillis) return false
      if (!unhandled.has(key) && keys.delete(key)) return true
    }
    return false
  }

  const makePending = (entry: Entry) => {
    pending.add(entry)
    changed.openUnsafe()
  }

  yield* Effect.addFinalizer(() =>
    unhandled.size === 0
      ? Effect.void
      : Effect.logWarning(`The inbox in memory is closed with ${unhandled.size} unhandled events, which are lost`)
  )

  const store: PersistedQueueStore["Service"] = {
    offer: ({ element, id, isCustomId }) =>
      Effect.suspend(() => {
        if (keys.has(id)) return Effect.void
        const now = clock.currentTimeMillisUnsafe()
        if (unhandled.size >= maxPayloads)
          return Effect.fail(toError(full(`${maxPayloads} events are not handled yet`)))
        if (isCustomId && !hasRoom(now)) {
          const age = Duration.format(rememberFor)
          return Effect.fail(toError(full(`it has to remember ${capacity} keys of the last ${age}`)))
        }
        if (isCustomId) keys.set(id, now)
        const entry = { id, element, attempts: 0, visibleAt: now }
        unhandled.set(id, entry)
        makePending(entry)
        return Effect.void
      }),
    take: ({ retryDelay }) =>
      Effect.gen(function* () {
        for (;;) {
          changed.closeUnsafe()
          const now = clock.currentTimeMillisUnsafe()
          let next: Entry | undefined
          for (const entry of pending) {
            if (next === undefined || entry.visibleAt < next.visibleAt) next = entry
            if (next.visibleAt <= now) break
          }
          if (next === undefined) {
            yield* changed.await
          } else if (next.visibleAt > now) {
            yield* Effect.race(changed.await, Effect.sleep(next.visibleAt - now))
          } else {
            const entry = next
            pending.delete(entry)
            entry.attempts++
            yield* Effect.addFinalizer((exit) => settle(entry, exit, retryDelay))
            return { id: entry.id, attempts: entry.attempts, element: entry.element }
          }
        }
      }),
    cleanup: () => Effect.void
  }

  const settle = (
    entry: Entry,
    exit: Exit.Exit<unknown, unknown>,
    retryDelay: (attempts: number) => Effect.Effect<Duration.Duration>
  ): Effect.Effect<void> => {
    if (Exit.isSuccess(exit)) return Effect.sync(() => unhandled.delete(entry.id))
    if (Cause.hasInterruptsOnly(exit.cause)) {
      return Effect.sync(() => {
        entry.attempts--
        makePending(entry)
      })
    }
    return Effect.map(retryDelay(entry.attempts), (delay) => {
      entry.visibleAt = clock.currentTimeMillisUnsafe() + Duration.toMillis(delay)
      makePending(entry)
    })
  }

  return store
})

/** Dead letters in memory. An event that finds no room is tried again later. */
export const makeMemoryDeadLetters = (): TextStore => {
  const texts = new Map<string, string>()
  return {
    get: (key) => Effect.sync(() => texts.get(key)),
    set: (key, value) =>
      Effect.suspend(() => {
        if (texts.size >= maxPayloads && !texts.has(key)) return Effect.fail(full(`it has ${maxPayloads} dead letters`))
        texts.set(key, value)
        return Effect.void
      }),
    remove: (key) => Effect.sync(() => void texts.delete(key)),
    keys: Effect.sync(() => [...texts.keys()])
  }
}
