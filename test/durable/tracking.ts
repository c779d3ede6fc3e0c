import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { TicketTracker, TicketTrackerLive } from "../../src/durable.ts"
import {
  type InboxEvent,
  makePollingSchedule,
  SupportTickets,
  TicketInbox,
  TicketInboxLive,
  TicketOutcomes,
  TicketOutcomesLive
} from "../../src/index.ts"
import { Sandbox } from "../../src/testing/index.ts"

export const schedule = makePollingSchedule({ jitter: false })

/** Tracks tickets in virtual time, on a queue in memory and a sandbox. */
export const tracking = <A, E>(
  test: (services: {
    readonly sandbox: Sandbox["Service"]
    readonly tracker: TicketTracker["Service"]
    readonly inbox: TicketInbox["Service"]
    readonly outcomes: TicketOutcomes["Service"]
    readonly store: PersistedQueue.PersistedQueueStore["Service"]
    readonly texts: KeyValueStore.KeyValueStore
    readonly events: Array<InboxEvent>
    readonly logs: Array<string>
    /** The times at which the ticket was polled, in milliseconds. */
    readonly polls: Effect.Effect<ReadonlyArray<number>>
  }) => Effect.Effect<A, E>,
  {
    hasGate = false,
    options,
    worker
  }: {
    /** Whether the worker sees the account gate, and not a client that counts polls. */
    readonly hasGate?: boolean
    readonly options?: TicketTrackerLive.Options
    readonly worker?: TicketTrackerLive.WorkerOptions
  } = {}
) => {
  const logs: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    logs.push(`${logLevel}: ${String(message)} ${String(cause)}`)
  })
  const times: Array<number> = []
  // Counts the polls where the worker sends them.
  const counted = Layer.effect(
    SupportTickets,
    Effect.map(SupportTickets, (tickets) => {
      const retrieve: typeof tickets.retrieve = (id) =>
        Effect.andThen(
          Effect.map(Clock.currentTimeMillis, (now) => times.push(now)),
          tickets.retrieve(id)
        )
      return SupportTickets.of({ ...tickets, retrieve })
    })
  )
  return Effect.gen(function* () {
    const inbox = yield* TicketInbox
    const events: Array<InboxEvent> = []
    yield* Effect.forkChild(inbox.handle((event) => Effect.sync(() => events.push(event))))
    return yield* test({
      sandbox: yield* Sandbox,
      tracker: yield* TicketTracker,
      inbox,
      outcomes: yield* TicketOutcomes,
      store: yield* PersistedQueue.PersistedQueueStore,
      texts: yield* KeyValueStore.KeyValueStore,
      events,
      logs,
      polls: Effect.sync(() => times)
    })
  }).pipe(
    Effect.provide(
      TicketTrackerLive.worker(worker).pipe(
        Layer.provideMerge(TicketTrackerLive.layer({ schedule, ...options })),
        Layer.provideMerge(TicketInboxLive.layer()),
        Layer.provideMerge(Layer.merge(PersistedQueue.layerStoreMemory, KeyValueStore.layerMemory)),
        Layer.provideMerge(hasGate ? Layer.empty : counted),
        Layer.provideMerge(Sandbox.layerRipio({ seed: 0 })),
        Layer.provideMerge(TicketOutcomesLive.layer())
      )
    ),
    Effect.provide(Logger.layer([logger]))
  )
}

export const tagsOf = (events: ReadonlyArray<InboxEvent>) => events.map(({ _tag }) => _tag)
