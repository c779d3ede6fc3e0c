import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { contentHashOf, CreateAmbiguous, type NewTicket } from "../../../src/index.ts"

/** Asserts that an error is a `CreateAmbiguous` that holds what is needed to search for the ticket. */
export const assertAmbiguous = Effect.fnUntraced(function* (error: unknown, ticket: NewTicket, attempts: number = 1) {
  if (!(error instanceof CreateAmbiguous)) return assert.fail(`expected CreateAmbiguous, not ${String(error)}`)
  const { customerId, contentHash } = error
  assert.deepStrictEqual(
    { customerId, contentHash, attempts: error.attempts },
    { customerId: ticket.customerId, contentHash: yield* contentHashOf(ticket), attempts }
  )
})
