import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { createHmac } from "node:crypto"
import { IssueKey, SupportTicket, TicketId } from "../../src/index.ts"

export const secretText = "the-newest-secret-of-the-tests"
export const secret = Redacted.make(secretText)
export const older = Redacted.make("an-older-secret-of-the-tests")

export const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
export const created = SupportTicket.cases.Created.make({ ticketId, issueKey: IssueKey.make("SUP-1234") })
export const failed = SupportTicket.cases.Failed.make({ ticketId })

export const moment = "2026-06-26T14:30:00.000Z"

/** The moment at which the events of these tests are issued. */
export const atMoment = TestClock.setTime(Date.parse(moment))

export const createdJson = {
  eventType: "SUPPORT_TICKET.CREATED",
  issueDatetime: moment,
  supportTicket: { ticketId, issueKey: "SUP-1234" }
}
export const failedJson = {
  eventType: "SUPPORT_TICKET.FAILED",
  issueDatetime: moment,
  supportTicket: { ticketId, issueKey: null }
}
export const otherJson = {
  eventType: "ON-RAMP.COMPLETED",
  issueDatetime: moment,
  order: { amount: "10.50", to: "ñandú" }
}

export const bytesOf = (text: string) => new TextEncoder().encode(text)

/** Signed by node's crypto. */
export const nodeSignature = (body: string | Uint8Array, key: Redacted.Redacted = secret) =>
  `sha256=${createHmac("sha256", Redacted.value(key)).update(body).digest("hex")}`

/** A delivery of some bytes or some text, with the signature of node's crypto. */
export const delivery = (body: string | Uint8Array, key: Redacted.Redacted = secret) => ({
  body: typeof body === "string" ? bytesOf(body) : body,
  headers: { "Http-X-Wh-Signature-256": nodeSignature(body, key) }
})

export const jsonDelivery = (json: unknown) => delivery(JSON.stringify(json))

/** Lets fibers and promises that are ready run on, without the time going on. */
export const settle = Effect.promise(() => new Promise<void>((resolve) => void setImmediate(resolve)))

/** The id of one of many tickets. */
export const ticketNumber = (number: number) =>
  TicketId.make(`00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`)
