import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DurableTickets, TicketOperations, TicketOutbox, TicketTracker } from "../../src/durable.ts"
import {
  type InboxEvent,
  makePollingSchedule,
  type RequestOptions,
  SupportTickets,
  TicketInbox
} from "../../src/index.ts"
import { StoreTiming } from "../../src/internal/durable/storeTiming.ts"
import { NodeSqlite } from "../../src/node/index.ts"
import { Fault, Sandbox, type SandboxOptions } from "../../src/testing/index.ts"

/** A database file in a new folder, which is removed with the scope. */
export const databaseFile = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ripio-durable-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
).pipe(Effect.map((folder) => join(folder, "tickets.db")))

/** The services of durable work, the sandbox, the events handled so far and the lines of the log. */
export interface Desk {
  readonly outbox: TicketOutbox["Service"]
  readonly tracker: TicketTracker["Service"]
  readonly inbox: TicketInbox["Service"]
  readonly operations: TicketOperations["Service"]
  readonly tickets: SupportTickets["Service"]
  readonly sandbox: Sandbox["Service"]
  readonly sql: SqlClient.SqlClient
  readonly events: Array<InboxEvent>
  readonly logs: Array<string>
  /** Runs a worker and a handler while an effect runs. */
  readonly working: <A, E>(effect: Effect.Effect<A, E>, options?: DurableTickets.WorkerOptions) => Effect.Effect<A, E>
}

/** Shorter delays than the defaults. SQL stores round them up to whole seconds. */
export const fastSchedule = makePollingSchedule({ first: "100 millis", max: "1 second", jitter: false })

const shortTiming = {
  lockExpiration: Duration.seconds(1),
  lockRefreshInterval: Duration.millis(300),
  pollInterval: Duration.millis(50)
}

/** Starts a poll that has the only permit of a gate for a time. The worker has polled once before, to see that the API responds. */
export const holdPermit = Effect.fnUntraced(function* ({ sandbox, tracker }: Desk, latency: Duration.Input) {
  yield* sandbox.awaitRequests("retrieve", 1)
  yield* sandbox.inject(Fault.latency(latency), { on: "retrieve" })
  yield* tracker.track(yield* sandbox.seed({ outcome: "Pending" }))
  yield* sandbox.awaitRequests("retrieve", 2)
})

/** Waits until a condition holds, in real time. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.andThen(Effect.sleep(20), until(condition))))

/** Runs a test with durable work on SQLite and a sandbox. */
export const onDesk = <A, E>(
  test: (desk: Desk) => Effect.Effect<A, E, Scope.Scope>,
  {
    durable,
    filename = ":memory:",
    sandbox,
    tickets = (tickets) => tickets,
    timing = "default"
  }: {
    readonly durable?: DurableTickets.Options
    readonly filename?: string
    readonly sandbox?: SandboxOptions & RequestOptions
    /** Replaces the client of the account. */
    readonly tickets?: (tickets: SupportTickets["Service"]) => SupportTickets["Service"]
    /** With short times, the claims of a worker that ended expire after a second. */
    readonly timing?: "default" | "short"
  } = {}
) => {
  const logs: Array<string> = []
  const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
    const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
    const annotations = JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))
    logs.push(`${logLevel}: ${text} ${annotations} ${String(cause)}`)
  })
  return Effect.gen(function* () {
    const events: Array<InboxEvent> = []
    const context = yield* Effect.context<TicketOutbox | TicketTracker | TicketInbox | SupportTickets>()
    const inbox = yield* TicketInbox
    return yield* test({
      outbox: yield* TicketOutbox,
      tracker: yield* TicketTracker,
      inbox,
      operations: yield* TicketOperations,
      tickets: yield* SupportTickets,
      sandbox: yield* Sandbox,
      sql: yield* SqlClient.SqlClient,
      events,
      logs,
      working: (effect, options) =>
        Effect.gen(function* () {
          yield* Effect.forkScoped(inbox.handle((event) => Effect.sync(() => events.push(event))))
          yield* Effect.orDie(Layer.build(Layer.fresh(DurableTickets.worker(options))))
          return yield* effect
        }).pipe(Effect.scoped, Effect.provide(context))
    })
  }).pipe(
    Effect.scoped,
    Effect.provide(
      DurableTickets.layer({ schedule: fastSchedule, ...durable }).pipe(
        Layer.provide(timing === "short" ? Layer.succeed(StoreTiming, shortTiming) : Layer.empty),
        Layer.provideMerge(NodeSqlite.layer({ filename })),
        Layer.provideMerge(Layer.effect(SupportTickets, Effect.map(SupportTickets, tickets))),
        Layer.provideMerge(Sandbox.layerRipio({ seed: 0, ...sandbox }))
      )
    ),
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "All")
  )
}
