import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { IssueKey, TicketId } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"

const manyRuns = { arbitrary: { runs: 1_000 } }

describe("TicketId", () => {
  const decode = Schema.decodeUnknownResult(TicketId)

  it.prop(
    "decodes a UUID of any version and variant to lower case, and is made of lower case only",
    { hex: Schema.String.check(Schema.isPattern(/^[0-9a-fA-F]{32}$/u)) },
    ({ hex }) => {
      const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5")
      assert.strictEqual(Result.getOrThrow(decode(id)), id.toLowerCase())
      assert.strictEqual(TicketId.make(id.toLowerCase()), id.toLowerCase())
      if (/[A-F]/u.test(id)) assert.throws(() => TicketId.make(id))
    },
    manyRuns
  )

  it.prop(
    "accepts no other text",
    { text: Schema.String },
    ({ text }) => {
      assert.isTrue(Result.isFailure(decode(text)))
      assert.throws(() => TicketId.make(text))
    },
    manyRuns
  )

  it("accepts neither look-alikes of a UUID nor a UUID with anything around it", () => {
    const invalid = [
      "",
      ticketId.slice(1),
      `${ticketId}0`,
      ` ${ticketId}`,
      `${ticketId}\n`,
      `${ticketId}/`,
      `${ticketId}?a=b`,
      `../${ticketId}`,
      `urn:uuid:${ticketId}`,
      `{${ticketId}}`,
      ticketId.replaceAll("-", ""),
      ticketId.replace("9", "g"),
      ticketId.replace("9", "\uff19"),
      null,
      undefined,
      7,
      [ticketId],
      { ticketId }
    ]
    for (const value of invalid) assert.isTrue(Result.isFailure(decode(value)), JSON.stringify(value))
  })
})

describe("IssueKey", () => {
  const decode = Schema.decodeUnknownResult(IssueKey)

  it.prop("decodes any text except the empty one", { text: Schema.String }, ({ text }) => {
    assert.strictEqual(Result.isSuccess(decode(text)), text !== "")
  })

  it("is not made of the empty text, and does not decode values that are not texts", () => {
    assert.throws(() => IssueKey.make(""))
    for (const value of [null, undefined, 1, ["SUP-1"]]) {
      assert.isTrue(Result.isFailure(decode(value)))
    }
  })
})
