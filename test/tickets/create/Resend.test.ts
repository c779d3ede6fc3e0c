import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { RipioHttpError } from "../../../src/index.ts"
import { Fault } from "../../../src/testing/index.ts"
import { onSandbox } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { assertAmbiguous } from "./assertAmbiguous.ts"
import { quick } from "./quick.ts"

describe("create", () => {
  it.live("retries a refused connection as often as the policy allows", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.refused, { on: "create", times: "forever" })
          const error = yield* Effect.flip(tickets.create(newTicket({ customerId: sandbox.customer })))
          assert.instanceOf(error, RipioHttpError)
          assert.strictEqual(yield* sandbox.count("create"), 4)
        }),
      quick
    )
  )

  it.live("sends nothing again once a byte may have been sent, even after refused connections or tokens", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const ticket = newTicket({ customerId: sandbox.customer })
          yield* sandbox.inject(Fault.refused, { on: "create", times: 2 })
          yield* sandbox.inject(Fault.dropped, { on: "create" })
          yield* assertAmbiguous(yield* Effect.flip(tickets.create(ticket)), ticket, 3)
          yield* sandbox.inject(Fault.unauthenticated(), { on: "create" })
          yield* sandbox.inject(Fault.status(502), { on: "create" })
          yield* assertAmbiguous(yield* Effect.flip(tickets.create(ticket)), ticket, 2)
          assert.strictEqual(yield* sandbox.count("create"), 5)
          assert.strictEqual((yield* sandbox.tickets).length, 1)
        }),
      quick
    )
  )

  it.live("sends no third request after two refused tokens", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          yield* sandbox.inject(Fault.unauthenticated(), { on: "create", times: "forever" })
          const error = yield* Effect.flip(tickets.create(newTicket({ customerId: sandbox.customer })))
          assert.propertyVal(error, "_tag", "Unauthenticated")
          assert.strictEqual(yield* sandbox.count("create"), 2)
          assert.deepStrictEqual(yield* sandbox.tickets, [])
        }),
      quick
    )
  )

  it.live("sends nothing without a token, whatever fails at the token endpoint", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const create = Effect.flip(tickets.create(newTicket({ customerId: sandbox.customer })))
          for (const fault of [Fault.refused, Fault.dropped, Fault.status(503), Fault.cutJson, Fault.hang]) {
            yield* sandbox.inject(fault, { on: "token", times: "forever" })
            assert.deepInclude(yield* create, { _tag: "RipioHttpError", operation: "accessToken" })
            yield* sandbox.clearFaults
          }
          yield* sandbox.inject(Fault.unauthenticated(), { on: "token", times: "forever" })
          assert.propertyVal(yield* create, "_tag", "Unauthenticated")
          assert.strictEqual(yield* sandbox.count("create"), 0)
        }),
      quick
    )
  )
})
