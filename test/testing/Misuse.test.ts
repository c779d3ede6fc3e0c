import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TicketId } from "../../src/index.ts"
import { Fault } from "../../src/testing/index.ts"
import { withSandbox } from "./sandbox.ts"
import { firstTicketId } from "./transports.ts"

const diesWith = (misuse: Effect.Effect<unknown>, message: string) =>
  Effect.map(Effect.flip(Effect.sandbox(misuse)), (cause) => {
    assert.isTrue(Cause.hasDies(cause))
    assert.include(Cause.pretty(cause), message)
  })

describe("misuse of the sandbox", () => {
  it.effect("dies with a message for unknown and duplicate tickets and accounts", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        yield* sandbox.seed()
        const unknownTicketId = TicketId.make(firstTicketId.replace("1", "2"))
        const unknownAccount = { clientId: "unknown", clientSecret: Redacted.make("s") }
        yield* diesWith(sandbox.seed({ ticketId: firstTicketId }), `there is a ticket ${firstTicketId} already`)
        yield* diesWith(sandbox.complete(unknownTicketId, "Failed"), "there is no ticket")
        yield* diesWith(sandbox.setEnabled(false, unknownAccount), "no account has the client id unknown")
        yield* diesWith(sandbox.addAccount({ clientId: sandbox.account.clientId }), "there is an account")
        yield* diesWith(sandbox.inject(Fault.tokenExpired, { on: "token" }), "waits for a request with a Bearer token")
      })
    )
  )

  it.effect("dies with a message for a duplicate customer and for a fault that cannot store", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const { customer } = sandbox
        yield* diesWith(sandbox.addCustomer({ customerId: customer }), `has a customer ${customer} already`)
        yield* diesWith(sandbox.inject(Fault.afterStoring(Fault.refused)), "carries nothing to store")
      })
    )
  )
})
