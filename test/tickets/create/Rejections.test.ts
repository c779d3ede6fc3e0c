import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { CustomerId } from "../../../src/index.ts"
import { onSandbox } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { quick } from "./quick.ts"

describe("a ticket that the API rejects", () => {
  it.live("fails with the API's code, status and detail", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const cases = [
            {
              customerId: CustomerId.make("11111111-1111-4111-8111-111111111111"),
              message: "customerId: This account has no such customer."
            },
            {
              customerId: yield* sandbox.addCustomer({ email: false }),
              message: "customerId: This customer has no email address on file."
            }
          ]
          for (const { customerId, message } of cases) {
            const error = yield* Effect.flip(tickets.create(newTicket({ customerId })))
            assert.deepInclude(error, { _tag: "TicketRejected", code: 20000, status: 400, detail: { message } })
          }
          yield* sandbox.setEnabled(false)
          const error = yield* Effect.flip(tickets.create(newTicket({ customerId: sandbox.customer })))
          assert.propertyVal(error, "_tag", "NotEnabled")
          assert.strictEqual(yield* sandbox.count("create"), 3)
          assert.deepStrictEqual(yield* sandbox.tickets, [])
        }),
      quick
    )
  )
})

describe("an invalid ticket", () => {
  const fileNames = ["a\\b.txt", "trail\\", "nul\0.txt", "del\x7f.txt", "folder/", ".", "folder/.."]

  it.live("is not sent, and the error names the field", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const valid = newTicket({ customerId: sandbox.customer })
          const cases: ReadonlyArray<{ readonly field: string; readonly value: unknown }> = [
            { field: "customerId", value: "SUP-1" },
            { field: "customerId", value: "" },
            { field: "customerId", value: `${sandbox.customer}\r\n` },
            { field: "customerId", value: undefined },
            { field: "summary", value: "" },
            { field: "summary", value: " \t\r\n\u00a0" },
            { field: "summary", value: "half a smile \ud83d" },
            { field: "summary", value: 7 },
            { field: "description", value: "" },
            { field: "description", value: "\ude00" },
            { field: "files", value: [new File(["x"], "")] },
            { field: "files", value: [new File(["x"], "half a smile \ud83d.txt"), new File(["x"], "")] },
            ...fileNames.map((name) => ({ field: "files", value: [new File(["x"], name)] })),
            { field: "files", value: [new Blob(["x"])] },
            { field: "files", value: ["receipt.txt"] }
          ]
          for (const { field, value } of cases) {
            const error = yield* Effect.flip(tickets.create(Object.assign({ ...valid }, { [field]: value })))
            assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create", attempts: 0 })
            assert.include(error.message, field)
            assert.propertyVal("reason" in error ? error.reason : {}, "_tag", "InvalidRequest")
          }
          assert.strictEqual(yield* sandbox.count(), 0)
        }),
      quick
    )
  )
})
