import * as Schema from "effect/Schema"
import { TicketOutcome } from "../../domain/SupportTicket.ts"
import { TicketId } from "../../domain/TicketId.ts"

/** An element of the tracker's queue. Its row id is the id of the ticket. */
export const TrackerEntry = Schema.TaggedUnion({
  /** The ticket is polled. */
  Track: {
    /** The version of the format. A later version adds a member to the union, so that old rows always decode. */
    v: Schema.Literal(1),
    ticketId: TicketId,
    /** When the ticket was accepted or first tracked, in milliseconds since 1970. */
    since: Schema.Int,
    /** When it is overdue, in milliseconds since 1970. `null` if never. */
    deadline: Schema.NullOr(Schema.Int)
  },
  /** The outcome is known, maybe before the ticket was tracked. */
  Settled: { v: Schema.Literal(1), ticketId: TicketId, outcome: TicketOutcome }
})
export type TrackerEntry = typeof TrackerEntry.Type
export type TrackEntry = typeof TrackerEntry.cases.Track.Type

const codec = Schema.toCodecJson(TrackerEntry)
export const encodeTracking = Schema.encodeUnknownEffect(codec)
export const decodeTracking = Schema.decodeUnknownEffect(codec)
