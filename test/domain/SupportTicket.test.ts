import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isOutcome, IssueKey, SupportTicket, SupportTicketFromWire, TicketOutcome } from "../../src/index.ts"
import { created, failed, pending, ticketId } from "../support/fixtures.ts"

const decode = Schema.decodeUnknownResult(SupportTicketFromWire)
const encode = Schema.encodeSync(SupportTicketFromWire)
const manyRuns = { arbitrary: { runs: 3_000 } }

const states = {
  Pending: SupportTicket.cases.Pending.make({ ticketId }),
  Created: SupportTicket.cases.Created.make({ ticketId, issueKey: IssueKey.make("SUP-1234") }),
  Failed: SupportTicket.cases.Failed.make({ ticketId })
}
const wires = { Pending: pending, Created: created, Failed: failed }
const tags = ["Pending", "Created", "Failed"] as const

describe("SupportTicketFromWire", () => {
  it.prop(
    "decodes what it encodes to an equal ticket",
    { ticket: SupportTicket },
    ({ ticket }) => {
      const text = JSON.stringify(encode(ticket))
      assert.deepStrictEqual(Result.getOrThrow(decode(JSON.parse(text))), ticket)
    },
    manyRuns
  )

  it.prop(
    "encodes what it decodes to the same JSON, with the id in lower case",
    { wire: Schema.toEncoded(SupportTicketFromWire) },
    ({ wire }) => {
      // The encoded schema generates any string as the id, so the test replaces it by a UUID.
      const json = { ...wire, ticketId: ticketId.toUpperCase() }
      const decoded = decode(json)
      assert.strictEqual(Result.isSuccess(decoded), wire.issueKey !== "", JSON.stringify(json))
      if (Result.isFailure(decoded)) return
      const { issueKey, status } = wire
      assert.deepStrictEqual<unknown>(encode(decoded.success), { ticketId, status, issueKey })
    },
    manyRuns
  )

  /** The same rule without the schema: a regular expression, a list, and the invariant. */
  const isTicket = (json: unknown): boolean => {
    if (typeof json !== "object" || json === null || Array.isArray(json)) return false
    if (!("ticketId" in json && "status" in json && "issueKey" in json)) return false
    const { issueKey, status, ticketId: id } = json
    return (
      typeof id === "string" &&
      /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu.test(id) &&
      (status === "CREATED"
        ? typeof issueKey === "string" && issueKey !== ""
        : (status === "PENDING" || status === "FAILED") && issueKey === null)
    )
  }

  it.prop(
    "decodes any JSON if and only if it is a ticket, and never throws",
    { json: Schema.Json },
    ({ json }) => {
      assert.strictEqual(Result.isSuccess(decode(json)), isTicket(json))
    },
    manyRuns
  )

  const Mutation = Schema.Struct({
    ticket: SupportTicket,
    field: Schema.Literals(["ticketId", "status", "issueKey"]),
    change: Schema.Literals(["drop", "replace", "swap", "add"]),
    json: Schema.Json
  })

  it.effect("decodes a ticket with one changed field if and only if it is still a ticket, and never throws", () =>
    Effect.gen(function* () {
      const counts = { valid: 0, invalid: 0 }
      const mutations = yield* Arbitrary.sampleEffect(Arbitrary.schema(Mutation), { count: 5_000, seed: 1 })
      const values = ["PENDING", "CREATED", "FAILED", null, "", "SUP-1", ticketId]
      for (const [index, { change, field, json, ticket }] of mutations.entries()) {
        const rest = Object.fromEntries(Object.entries(encode(ticket)).filter(([key]) => key !== field))
        const mutants = {
          drop: rest,
          replace: { ...rest, [field]: json },
          swap: { ...rest, [field]: values[index % values.length] },
          add: { ...encode(ticket), _tag: json, extra: json }
        }
        const mutant = mutants[change]
        const isValid = isTicket(mutant)
        assert.strictEqual(Result.isSuccess(decode(mutant)), isValid, JSON.stringify(mutant))
        counts[isValid ? "valid" : "invalid"]++
      }
      assert.isAbove(counts.valid, 500)
      assert.isAbove(counts.invalid, 500)
    })
  )

  it("does not decode values that are not JSON", () => {
    for (const value of [undefined, Number.NaN, 1n, Symbol("x"), () => created, new Date(0), new Map(), /x/u]) {
      assert.isTrue(Result.isFailure(decode(value)))
      for (const key of ["ticketId", "status", "issueKey"]) {
        assert.isTrue(Result.isFailure(decode({ ...created, [key]: value })))
      }
    }
  })

  it("has one JSON form for each state", () => {
    for (const tag of tags) {
      assert.deepStrictEqual<unknown>(encode(states[tag]), wires[tag])
      assert.deepStrictEqual(Result.getOrThrow(decode(wires[tag])), states[tag])
    }
  })
})

describe("SupportTicket", () => {
  it("matches each state to its branch", () => {
    const line = SupportTicket.match({
      Pending: (ticket) => `pending ${ticket.ticketId}`,
      Created: ({ issueKey }) => `created ${issueKey}`,
      Failed: (ticket) => `failed ${ticket.ticketId}`
    })
    assert.deepStrictEqual(
      tags.map((tag) => line(states[tag])),
      [`pending ${ticketId}`, "created SUP-1234", `failed ${ticketId}`]
    )
  })

  it("is distinguished by guards, isAnyOf and isOutcome", () => {
    for (const tag of tags) {
      for (const other of tags) assert.strictEqual(SupportTicket.guards[other](states[tag]), tag === other)
      assert.strictEqual(SupportTicket.isAnyOf(["Pending", "Failed"])(states[tag]), tag !== "Created")
      assert.strictEqual(isOutcome(states[tag]), tag !== "Pending")
      assert.strictEqual(Schema.is(TicketOutcome)(states[tag]), tag !== "Pending")
      assert.strictEqual(Schema.is(SupportTicket)(states[tag]), true)
    }
  })

  it("is made by its cases from valid fields only", () => {
    assert.deepStrictEqual(states.Created, { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1234") })
    for (const input of [{ ticketId }, { ticketId: "x", issueKey: "SUP-1" }, { ticketId, issueKey: "" }]) {
      assert.throws(() => SupportTicket.cases.Created.make(input as never))
    }
  })

  it("equals a ticket with the same content, and no other", () => {
    const decoded = Result.getOrThrow(decode(created))
    assert.isTrue(Equal.equals(decoded, states.Created))
    assert.isFalse(Equal.equals(decoded, { ...states.Created, issueKey: IssueKey.make("SUP-2") }))
    assert.isFalse(Equal.equals(states.Pending, states.Failed))
  })
})
