import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { IssueKey, TicketId } from "../../src/index.ts"
import { Sandbox, type SandboxOptions } from "../../src/testing/index.ts"
import { onSandbox } from "../support/harness.ts"
import { newTicket } from "../support/newTicket.ts"

/** The ids and the issue keys of three tickets of a new sandbox: two that are added, and one that a request creates. */
const ticketsOf = (options?: SandboxOptions) =>
  onSandbox(
    ({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const ids = [yield* sandbox.seed({ after: 0 }), yield* sandbox.seed({ after: 0 })]
        yield* sandbox.onCreate({ after: 0 })
        ids.push((yield* tickets.create(newTicket({ customerId: sandbox.customer }))).ticketId)
        const states = yield* Effect.forEach(ids, (id) => tickets.retrieve(id))
        return states.map((ticket) => [ticket.ticketId, ticket._tag === "Created" ? ticket.issueKey : undefined])
      }),
    options
  )

describe("ids and issue keys of tickets", () => {
  it.effect("differ from those of every other sandbox, by default", () =>
    Effect.gen(function* () {
      const sandboxes = yield* Effect.replicateEffect(ticketsOf(), 5)
      const all = sandboxes.flat()
      assert.strictEqual(new Set(all.map(([id]) => id)).size, all.length)
      assert.strictEqual(new Set(all.map(([, key]) => key)).size, all.length)
      assert.notDeepEqual(yield* ticketsOf({ seed: undefined }), yield* ticketsOf({ seed: undefined }))
    })
  )

  it.effect("are the same for the same seed", () =>
    Effect.gen(function* () {
      for (const seed of [0, 1, 42, 2 ** 48 - 1])
        assert.deepStrictEqual(yield* ticketsOf({ seed }), yield* ticketsOf({ seed }))
      assert.deepStrictEqual(yield* ticketsOf({ seed: 0 }), [
        [TicketId.make("00000000-0000-4000-8000-000000000001"), IssueKey.make("SUP-1001")],
        [TicketId.make("00000000-0000-4000-8000-000000000002"), IssueKey.make("SUP-1002")],
        [TicketId.make("00000000-0000-4000-8000-000000000003"), IssueKey.make("SUP-1003")]
      ])
      assert.deepStrictEqual(
        (yield* ticketsOf({ seed: 2 ** 48 - 1 }))[0]?.[0],
        TicketId.make("ffffffff-ffff-4000-8000-000000000001")
      )
    })
  )

  it.effect("differ for different seeds", () =>
    Effect.gen(function* () {
      const all = (yield* Effect.forEach([0, 1, 2, 3], (seed) => ticketsOf({ seed }))).flat()
      assert.strictEqual(new Set(all.map(([id]) => id)).size, all.length)
      assert.strictEqual(new Set(all.map(([, key]) => key)).size, all.length)
    })
  )

  it.effect("a seed that is not an integer of 48 bits dies, and says so", () =>
    Effect.gen(function* () {
      for (const seed of [-1, 0.5, Number.NaN, Infinity, 2 ** 48, "7" as unknown as number]) {
        const exit = yield* Effect.exit(Effect.provide(Effect.void, Sandbox.layer({ seed })))
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit))
          assert.include(Cause.pretty(exit.cause), "Sandbox: seed must be an integer from 0 to 2 ** 48 - 1")
      }
    })
  )

  it.effect("leave the ids of customers and accounts alone, which a program may have in its configuration", () =>
    Effect.gen(function* () {
      const known = Effect.map(Sandbox, ({ account, customer }) => [account.clientId, customer]).pipe(
        Effect.provide(Sandbox.layer(), { local: true })
      )
      assert.deepStrictEqual(yield* known, yield* known)
    })
  )
})
