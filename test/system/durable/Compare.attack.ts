// The comparison finds each kind of failure in a record that has it, and none in a record without.
import { assert, describe, it } from "vitest"
import type { ApiReport, Create, Ticket } from "./api.ts"
import { compare, type Comparison } from "./compare.ts"
import type { HandledEvent } from "./events.ts"

const ticket = (ticketId: string, outcome: Ticket["outcome"] = "CREATED"): Ticket => ({
  ticketId,
  marker: "a",
  createdAt: 0,
  settledAt: 0,
  outcome,
  issueKey: null,
  polls: [],
  outcomeReportedAt: undefined,
  webhooksAcknowledged: 0,
  webhookAcknowledgedAt: undefined
})

const create = (fate: Create["fate"], ticketId?: string): Create => ({
  marker: "a",
  at: 0,
  fate,
  ...(ticketId === undefined ? {} : { ticketId })
})

const event = (tag: string, ticketId?: string): HandledEvent => ({
  tag,
  ...(tag.startsWith("Submission") ? { id: "a" } : {}),
  ticketId,
  dedupeKey: `${tag}:a`,
  attempt: 1,
  at: 0,
  pid: 1
})

const record = (creates: ReadonlyArray<Create>, events: ReadonlyArray<HandledEvent>, outcome?: Ticket["outcome"]) => {
  const api: ApiReport = {
    creates,
    tickets: creates.flatMap(({ ticketId }) => (ticketId === undefined ? [] : [ticket(ticketId, outcome)])),
    rejectedRequests: 0,
    retrievesInPause: 0
  }
  return compare({ submitted: ["a"], events, api })
}

const failuresOf = (comparison: Comparison) =>
  Object.entries(comparison).flatMap(([name, found]: [string, ReadonlyArray<string>]) =>
    found.length > 0 ? [name] : []
  )

const accepted = event("SubmissionAccepted", "1")
const ambiguous = event("SubmissionAmbiguous")
const done = event("TicketCreated", "1")

describe("the comparison", () => {
  it.for<readonly [string, Comparison, ReadonlyArray<string>]>([
    ["one ticket with its outcome", record([create("accepted", "1")], [accepted, done]), []],
    ["a refused create", record([create("429"), create("accepted", "1")], [accepted, done]), []],
    ["two tickets", record([create("accepted", "1"), create("accepted", "2")], [accepted, done]), ["doubled"]],
    ["no event", record([create("accepted", "1")], []), ["unaccounted"]],
    ["no outcome", record([create("accepted", "1")], [accepted]), ["lost"]],
    [
      "an outcome that the API does not have",
      record([create("accepted", "1")], [accepted, done], "FAILED"),
      ["contradictory"]
    ],
    ["the id of another ticket", record([create("accepted", "2")], [accepted, done]), ["contradictory"]],
    ["a ticket that was not sent", record([create("accepted", "1")], [event("SubmissionNotSent")]), ["contradictory"]],
    [
      "two verdicts",
      record([create("429")], [event("SubmissionNotSent"), event("SubmissionRejected")]),
      ["contradictory"]
    ],
    ["an event handled twice", record([create("accepted", "1")], [accepted, done, done]), ["handledTwice"]],
    ["ambiguous after a lost response", record([create("cut after", "1")], [ambiguous]), ["ambiguous"]],
    [
      "ambiguous although the API responded",
      record([create("accepted", "1")], [ambiguous]),
      ["ambiguous", "ambiguousByAttack"]
    ],
    ["ambiguous and never sent", record([], [ambiguous]), ["ambiguous", "ambiguousByAttack", "ambiguousNeverSent"]],
    [
      "the truth after an ambiguous verdict",
      record([create("accepted", "1")], [ambiguous, accepted, done]),
      ["ambiguous", "ambiguousByAttack"]
    ]
  ])("of %s", ([, comparison, expected]) => {
    assert.deepStrictEqual(failuresOf(comparison), expected)
  })
})
