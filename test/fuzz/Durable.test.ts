import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { onDesk, type Desk } from "../durable/desk.ts"
import { ticketId } from "../support/fixtures.ts"
import { fuzz, fuzzedCalls } from "../support/fuzz.ts"
import type { Hostile } from "../support/hostileValues.ts"
import { newTicket } from "../support/newTicket.ts"
import { untyped } from "../support/untyped.ts"

// Each call is a transaction.
const calls = Math.min(fuzzedCalls, 1000)

const entries: ReadonlyArray<{
  readonly name: string
  readonly ends: ReadonlyArray<string>
  readonly call: (desk: Desk, hostile: Hostile, index: number) => Effect.Effect<unknown, unknown>
}> = [
  {
    name: "submit",
    ends: ["Success", "InvalidSubmission"],
    call: ({ outbox }, hostile, index) =>
      outbox.submit(
        untyped(
          hostile.chance(0.3) ? newTicket() : hostile.object({ ...newTicket(), files: [new File(["a"], "a.txt")] })
        ),
        untyped(hostile.chance(0.5) ? { id: `${index}` } : hostile.object({ id: `${index}` }))
      )
  },
  {
    name: "track",
    ends: ["Success", "TrackerUnavailable"],
    call: ({ tracker }, hostile) =>
      tracker.track(
        untyped(hostile.chance(0.5) ? ticketId : hostile.value()),
        untyped(hostile.chance(0.3) ? undefined : hostile.object({ deadline: "1 minute" }))
      )
  },
  {
    name: "resolve",
    ends: ["Success", "OperationsUnavailable"],
    call: ({ operations }, hostile) =>
      operations.resolve(
        untyped(hostile.chance(0.5) ? "1" : hostile.value()),
        untyped(hostile.chance(0.5) ? "resend" : hostile.object({ ticketId }))
      )
  },
  {
    name: "list",
    ends: ["Success", "OperationsUnavailable"],
    call: ({ operations }, hostile) =>
      operations.list(untyped(hostile.object({ queue: "outbox", state: "waiting", after: 1 })))
  },
  {
    name: "untrack",
    ends: ["Success"],
    call: ({ operations }, hostile) => operations.untrack(untyped(hostile.value()))
  },
  {
    name: "purge",
    ends: ["Success", "OperationsUnavailable"],
    call: ({ operations }, hostile) => operations.purge(untyped(hostile.value()))
  },
  {
    name: "requeue",
    ends: ["Success", "OperationsUnavailable"],
    call: ({ operations }, hostile) => operations.requeue(untyped(hostile.value()))
  }
]

describe(`${calls} calls of durable tickets with hostile arguments`, () => {
  for (const [seed, { call, ends, name }] of entries.entries()) {
    it.effect(`of ${name} fail with a typed error or succeed`, () =>
      onDesk((desk) => {
        return Effect.map(
          fuzz(100 + seed, (hostile, index) => call(desk, hostile, index), { calls, eachEnds: true }),
          (counts) => {
            assert.includeMembers([...ends], Object.keys(counts))
          }
        )
      })
    )
  }
})
