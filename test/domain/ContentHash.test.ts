import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { contentHashOf, CustomerId, type NewTicket } from "../../src/index.ts"

const customerId = CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d")
const ticket: NewTicket = { customerId, summary: "A deposit", description: "Since Monday ñ." }
const file = (name: string, type: string, text: string) => new File([text], name, { type })

/** By another implementation, from what the documentation says. */
const expected = (...files: ReadonlyArray<readonly [name: string, type: string, size: number]>) =>
  createHash("sha256")
    .update(JSON.stringify([customerId, ticket.summary, ticket.description, files]))
    .digest("hex")

describe("the hash of a ticket's content", () => {
  it.effect("is SHA-256 over the customer, the texts, and the name, type and size of each file", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* contentHashOf(ticket), expected())
      assert.strictEqual(yield* contentHashOf({ ...ticket, files: [] }), expected())
      const files = [file("a.txt", "text/plain", "ñ"), file("b", "", "")]
      assert.strictEqual(yield* contentHashOf({ ...ticket, files }), expected(["a.txt", "text/plain", 2], ["b", "", 0]))
    })
  )

  it.effect("stays what it is: it may stand in a log of last year", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* contentHashOf({ ...ticket, files: [file("a.txt", "text/plain", "x")] }),
        "f74bb4f8cf044918f7e64095fe4d44197b996b9e739b29b693f1bda87207eb1d"
      )
    })
  )
})
