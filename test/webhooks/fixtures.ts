import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { createHmac } from "node:crypto"
import { IssueKey, SupportTicket, TicketEvent, TicketId, type TicketOutcome } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"

export const secretText = "the-newest-secret-of-the-tests"
export const secret = Redacted.make(secretText)
export const olderSecret = Redacted.make("an-older-secret-of-the-tests")

export const createdTicket = SupportTicket.cases.Created.make({ ticketId, issueKey: IssueKey.make("SUP-1234") })
export const failedTicket = SupportTicket.cases.Failed.make({ ticketId })

/** The issue time of the events below. */
export const issueTime = "2026-06-26T14:30:00.000Z"

export const setClockToIssueTime = TestClock.setTime(Date.parse(issueTime))

/** The bodies of webhooks: a created ticket, a failed ticket, and an event of another family. */
export const createdJson = {
  eventType: "SUPPORT_TICKET.CREATED",
  issueDatetime: issueTime,
  supportTicket: { ticketId, issueKey: "SUP-1234" }
}
export const failedJson = {
  eventType: "SUPPORT_TICKET.FAILED",
  issueDatetime: issueTime,
  supportTicket: { ticketId, issueKey: null }
}
export const otherJson = {
  eventType: "ON-RAMP.COMPLETED",
  issueDatetime: issueTime,
  order: { amount: "10.50", to: "ñandú" }
}

export const bytesOf = (text: string) => new TextEncoder().encode(text)

/** The value of the signature header, computed by `node:crypto`. */
export const nodeSignature = (body: string | Uint8Array, key: Redacted.Redacted = secret) =>
  `sha256=${createHmac("sha256", Redacted.value(key)).update(body).digest("hex")}`

/** A delivery of these bytes, signed by `node:crypto`. */
export const delivery = (body: string | Uint8Array, key: Redacted.Redacted = secret) => ({
  body: typeof body === "string" ? bytesOf(body) : body,
  headers: { "Http-X-Wh-Signature-256": nodeSignature(body, key) }
})

export const jsonDelivery = (json: unknown) => delivery(JSON.stringify(json))

/** The id of one of many tickets. */
export const numberedTicketId = (number: number) =>
  TicketId.make(`00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`)

/** The verified event of one of many failed tickets, as an inbox passes it on. */
export const numberedEvent = (number: number) => ({
  ...TicketEvent.cases.TicketFailed.make({
    ticketId: numberedTicketId(number),
    issuedAt: DateTime.makeUnsafe(0),
    dedupeKey: `SUPPORT_TICKET.FAILED:${numberedTicketId(number)}`,
    secretIndex: 0
  }),
  source: "webhook" as const
})

/** The verified event of another family, as an inbox passes it on. */
export const otherEvent = {
  ...TicketEvent.cases.OtherEvent.make({
    eventType: "ON-RAMP.X",
    payload: otherJson,
    issuedAt: DateTime.makeUnsafe("2026-06-26T14:30:00.123Z"),
    dedupeKey: "sha256:00",
    secretIndex: 1
  }),
  source: "webhook" as const
}

/** The verified event that reports an outcome. */
export const eventOf = (outcome: TicketOutcome): TicketEvent => {
  const { ticketId } = outcome
  const verified = { issuedAt: DateTime.makeUnsafe(0), dedupeKey: "a key", secretIndex: 0 }
  return outcome._tag === "Created"
    ? TicketEvent.cases.TicketCreated.make({ ticketId, issueKey: outcome.issueKey, ...verified })
    : TicketEvent.cases.TicketFailed.make({ ticketId, ...verified })
}
