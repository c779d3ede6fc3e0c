import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { type InboxEvent, TicketInbox, TicketInboxLive, type TicketInboxOptions } from "../../src/index.ts"
import { layer as sqlite } from "../support/sqlite.ts"

/** An inbox on SQLite in memory. */
export const layerSqlite = (options?: TicketInboxOptions) =>
  TicketInboxLive.layerStore(options).pipe(
    Layer.provide(PersistedQueue.layerStoreSql({ pollInterval: 10 })),
    Layer.provide(sqlite(":memory:"))
  )

/** Handles events in the background: fails on some, and keeps the dedupe keys of the others. */
export const handleInBackground = Effect.fnUntraced(function* (failsOn: (event: InboxEvent) => boolean) {
  const inbox = yield* TicketInbox
  const handled: Array<string> = []
  let failures = 0
  yield* Effect.forkChild(
    inbox.handle((event) =>
      Effect.suspend(() => {
        if (!failsOn(event)) return Effect.sync(() => handled.push(event.dedupeKey))
        failures++
        return Effect.fail("poison")
      })
    )
  )
  return { inbox, handled, failures: () => failures }
})
