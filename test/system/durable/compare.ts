import type { ApiReport, Create } from "./api.ts"
import type { HandledEvent } from "./events.ts"

export interface Observed {
  /** The ids whose `submit` returned. */
  readonly submitted: ReadonlyArray<string>
  readonly events: ReadonlyArray<HandledEvent>
  readonly api: ApiReport
}

export interface Comparison {
  /** Submissions with more than one ticket at the API. */
  readonly doubled: ReadonlyArray<string>
  /** Submissions without a final event. */
  readonly unaccounted: ReadonlyArray<string>
  /** Accepted tickets without an outcome. */
  readonly lost: ReadonlyArray<string>
  /** Submissions whose events contradict each other, or the API. */
  readonly contradictory: ReadonlyArray<string>
  readonly ambiguous: ReadonlyArray<string>
  /** Ambiguous submissions to which the API did respond, or that it did not receive. */
  readonly ambiguousByAttack: ReadonlyArray<string>
  /** Ambiguous submissions of which the API received nothing. */
  readonly ambiguousNeverSent: ReadonlyArray<string>
  /** The events that a handler received more than once. */
  readonly handledTwice: ReadonlyArray<string>
}

const finalTags = new Set(["SubmissionAccepted", "SubmissionRejected", "SubmissionNotSent", "SubmissionAmbiguous"])
const outcomeTags = new Set(["TicketCreated", "TicketFailed", "TrackingOverdue", "TrackingFailed"])

const groupBy = <A>(values: ReadonlyArray<A>, keyOf: (value: A) => string | undefined) => {
  const groups = new Map<string, Array<A>>()
  for (const value of values) {
    const key = keyOf(value)
    if (key === undefined) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

const isTicket = ({ ticketId }: Create) => ticketId !== undefined
// The client cannot know what became of these.
const leavesDoubt = ({ fate }: Create) => fate === "cut before" || fate === "cut after" || fate === "503"

/** Compares what the API received with what the handler received. */
export const compare = ({ api, events, submitted }: Observed): Comparison => {
  const creates = groupBy(api.creates, ({ marker }) => marker)
  const tickets = new Map(api.tickets.map((ticket) => [ticket.ticketId, ticket]))
  const submissions = groupBy(events, ({ id, tag }) => (finalTags.has(tag) ? id : undefined))
  const outcomes = groupBy(events, ({ tag, ticketId }) => (outcomeTags.has(tag) ? ticketId : undefined))
  const createsOf = (id: string) => creates.get(id) ?? []
  const tagsOf = (group: ReadonlyArray<HandledEvent> = []) => new Set(group.map(({ tag }) => tag))

  const contradictsApi = (event: HandledEvent) => {
    const ticket = createsOf(event.id ?? "").find(isTicket)
    return event.tag === "SubmissionAccepted"
      ? ticket?.ticketId !== event.ticketId
      : event.tag !== "SubmissionAmbiguous" && ticket !== undefined
  }
  const contradictsItself = (group: ReadonlyArray<HandledEvent>) => {
    const tags = tagsOf(group)
    // The truth may follow an ambiguous verdict.
    if (tags.has("SubmissionAccepted")) tags.delete("SubmissionAmbiguous")
    return tags.size > 1
  }
  const contradictsTicket = ([ticketId, group]: readonly [string, ReadonlyArray<HandledEvent>]) => {
    const tags = tagsOf(group)
    const expected = tickets.get(ticketId)?.outcome === "FAILED" ? "TicketFailed" : "TicketCreated"
    return tags.size > 1 || (!tags.has(expected) && !tags.has("TrackingOverdue") && !tags.has("TrackingFailed"))
  }

  const ambiguous = [...submissions].flatMap(([id, group]) => (tagsOf(group).has("SubmissionAmbiguous") ? [id] : []))
  return {
    doubled: [...creates].flatMap(([id, group]) => (group.filter(isTicket).length > 1 ? [id] : [])),
    unaccounted: submitted.filter((id) => !submissions.has(id)),
    lost: [...submissions.values()].flatMap((group) =>
      group.flatMap(({ tag, ticketId }) =>
        tag === "SubmissionAccepted" && ticketId !== undefined && !outcomes.has(ticketId) ? [ticketId] : []
      )
    ),
    contradictory: [
      ...[...submissions].flatMap(([id, group]) =>
        contradictsItself(group) || group.some(contradictsApi) ? [id] : []
      ),
      ...[...outcomes].flatMap((entry) => (contradictsTicket(entry) ? [entry[0]] : []))
    ],
    ambiguous,
    ambiguousByAttack: ambiguous.filter((id) => !createsOf(id).some(leavesDoubt)),
    ambiguousNeverSent: ambiguous.filter((id) => createsOf(id).length === 0),
    handledTwice: [...groupBy(events, ({ dedupeKey }) => dedupeKey)].flatMap(([key, group]) =>
      group.length > 1 ? [key] : []
    )
  }
}
