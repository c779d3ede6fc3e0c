import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { contentHashOf } from "../../src/index.ts"
import { customerId, newTicket } from "../support/newTicket.ts"

const ticket = newTicket({ summary: "A deposit", description: "Since Monday ñ." })

const fileOf = (name: string, type: string, text: string) => new File([text], name, { type })

/** The documented hash, by `node:crypto`. A file is its name, type and size. */
const expected = (...files: ReadonlyArray<readonly [name: string, type: string, size: number]>) =>
  createHash("sha256")
    .update(JSON.stringify([customerId, ticket.summary, ticket.description, files]))
    .digest("hex")

describe("contentHashOf", () => {
  it.effect("is SHA-256 over the customer, the texts, and the name, type and size of each file", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* contentHashOf(ticket), expected())
      assert.strictEqual(yield* contentHashOf({ ...ticket, files: [] }), expected())
      const files = [fileOf("a.txt", "text/plain", "ñ"), fileOf("b", "", "")]
      assert.strictEqual(yield* contentHashOf({ ...ticket, files }), expected(["a.txt", "text/plain", 2], ["b", "", 0]))
    })
  )

  it.effect("does not change between versions, because old logs hold it", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* contentHashOf({ ...ticket, files: [fileOf("a.txt", "text/plain", "x")] }),
        "f74bb4f8cf044918f7e64095fe4d44197b996b9e739b29b693f1bda87207eb1d"
      )
    })
  )
})
