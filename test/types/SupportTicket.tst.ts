import type * as Schema from "effect/Schema"
import type { Created, Failed, IssueKey, Pending, SupportTicket, TicketId, TicketOutcome } from "effect-ripio-tickets"
import { isOutcome, SupportTicketFromWire } from "effect-ripio-tickets"
import { describe, expect, test } from "tstyche"

declare const ticket: SupportTicket

describe("SupportTicket", () => {
  test("is the union of its three states", () => {
    expect<SupportTicket>().type.toBe<Pending | Created | Failed>()
    expect<TicketOutcome>().type.toBe<Created | Failed>()
  })

  test("has an issue key only if it is Created", () => {
    expect<Created>().type.toBe<{
      readonly _tag: "Created"
      readonly ticketId: TicketId
      readonly issueKey: IssueKey
    }>()
    expect<Pending>().type.not.toHaveProperty("issueKey")
    expect<Failed>().type.not.toHaveProperty("issueKey")
  })

  test("has branded identifiers", () => {
    expect<string>().type.not.toBeAssignableTo<TicketId>()
    expect<string>().type.not.toBeAssignableTo<IssueKey>()
    expect<IssueKey>().type.not.toBeAssignableTo<TicketId>()
  })

  test("is narrowed by isOutcome", () => {
    if (isOutcome(ticket)) expect(ticket).type.toBe<Created | Failed>()
    else expect(ticket).type.toBe<Pending>()
  })

  test("is decoded without requirements", () => {
    expect<(typeof SupportTicketFromWire)["Type"]>().type.toBe<SupportTicket>()
    expect<(typeof SupportTicketFromWire)["DecodingServices"]>().type.toBe<never>()
    expect(SupportTicketFromWire).type.toBeAssignableTo<Schema.Codec<SupportTicket, unknown>>()
  })
})
