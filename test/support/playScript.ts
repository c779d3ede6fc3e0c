import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { type AuthService, makePollingSchedule, type Ripio, type RipioHttp, SupportTickets } from "../../src/index.ts"
import { ScriptedHttpClient, type ScriptedStep } from "../../src/testing/index.ts"
import { ticketId } from "./fixtures.ts"
import { account } from "./harness.ts"

/** Runs a program with the whole client on a script, for a day of virtual time. It must use the script up. */
export const playScript = <A, E>(
  program: Effect.Effect<A, E, SupportTickets | AuthService | RipioHttp>,
  script: ReadonlyArray<ScriptedStep>,
  options: Partial<Ripio.Options> = {}
) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedHttpClient.make(script)
    const fiber = yield* Effect.forkChild(
      Effect.exit(Effect.provide(program, account(options).pipe(Layer.provide(scripted.layer)))),
      { startImmediately: true }
    )
    yield* TestClock.adjust("1 day")
    const exit = yield* Fiber.join(fiber)
    const requests = yield* scripted.requests
    assert.strictEqual(requests.length, script.length, "the number of requests")
    return { exit, requests }
  })

/** Options of a wait that polls without jitter. */
export const withoutJitter = { schedule: makePollingSchedule({ jitter: false }) }

export const retrieve = SupportTickets.use((tickets) => tickets.retrieve(ticketId))
const awaitOutcome = SupportTickets.use((tickets) => tickets.awaitOutcome(ticketId, withoutJitter))
const changes = SupportTickets.use((tickets) => Stream.runCollect(tickets.changes(ticketId, withoutJitter)))

type Call = Effect.Effect<unknown, unknown, SupportTickets>

/** The calls of `SupportTickets` that read one ticket, by name. */
export const calls: Readonly<Record<"retrieve" | "awaitOutcome" | "changes", Call>> = {
  retrieve,
  awaitOutcome,
  changes
}

/** The calls that poll. */
export const waits: ReadonlyArray<Call> = [awaitOutcome, changes]
