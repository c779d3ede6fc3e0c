import * as Schema from "effect/Schema"
import { CustomerId } from "../../domain/CustomerId.ts"
import { SubmissionEvidence } from "../../domain/InboxEvent.ts"
import { TicketId } from "../../domain/TicketId.ts"
import { TicketRejected } from "../../domain/TicketRejected.ts"

const common = {
  /** The version of the format. A later version adds a member to the union, so that old rows always decode. */
  v: Schema.Literal(1),
  /** The id of the submission. */
  id: Schema.String,
  /** The number of the entry in the log of the submission. */
  n: Schema.Int,
  hash: Schema.String,
  fieldChunks: Schema.Int,
  chunks: Schema.Int,
  customerId: CustomerId,
  /** Milliseconds since 1970. */
  submittedAt: Schema.Int
}

/** How the request of a submission ended. */
export const Verdict = Schema.TaggedUnion({
  Accepted: { ticketId: TicketId },
  Rejected: { error: TicketRejected },
  NotSent: { reason: Schema.String },
  Ambiguous: { evidence: SubmissionEvidence }
})
export type Verdict = typeof Verdict.Type

/**
 * An entry in the log of a submission. The entries have the row ids `id#1`, `id#2`, ..., and the first to write an entry
 * decides it. The last entry of a submission is a verdict.
 */
export const OutboxEntry = Schema.TaggedUnion({
  /** The ticket is to be sent. */
  Send: {
    ...common,
    /** Distinguishes two submits with the same content. */
    nonce: Schema.String,
    /** How often the ticket was not sent. */
    tries: Schema.Int,
    /** Set by the process that sends the ticket, right before it does. Each process has another value. */
    begun: Schema.optionalKey(Schema.String)
  },
  Verdict: {
    ...common,
    verdict: Verdict,
    /** Milliseconds since 1970. */
    at: Schema.Int
  },
  /** What a process found out that had lost its claim, maybe after another process gave the verdict `Ambiguous`. */
  Late: { ...common, verdict: Verdict, at: Schema.Int },
  /** A submission whose data was erased. Its id stays known. */
  Purged: { v: Schema.Literal(1), id: Schema.String, n: Schema.Int, hash: Schema.String }
})
export type OutboxEntry = typeof OutboxEntry.Type
export type SendEntry = typeof OutboxEntry.cases.Send.Type
export type VerdictEntry = typeof OutboxEntry.cases.Verdict.Type
export type LateEntry = typeof OutboxEntry.cases.Late.Type

const codec = Schema.toCodecJson(OutboxEntry)
export const encodeEntry = Schema.encodeUnknownEffect(codec)
export const decodeEntry = Schema.decodeUnknownEffect(codec)

/** A submission that is ambiguous until it is resolved. */
export const AmbiguousSubmission = Schema.Struct({
  ...common,
  evidence: SubmissionEvidence
})
export type AmbiguousSubmission = typeof AmbiguousSubmission.Type
const ambiguousCodec = Schema.toCodecJson(AmbiguousSubmission)
export const encodeAmbiguous = Schema.encodeUnknownEffect(ambiguousCodec)
export const decodeAmbiguous = Schema.decodeUnknownEffect(ambiguousCodec)

/** The row id of an entry. Only what follows the last `#` is ours, so an id may contain one. */
export const rowId = (id: string, entry: number | "late"): string => `${id}#${entry}`

// A row id has at most 255 characters, and so has the key of an event.
const maxIdLength = 200

/** What is wrong with the id of a submission, or `undefined`. */
export const idIssue = (id: unknown): string | undefined => {
  if (typeof id !== "string" || id.length === 0) return "id: expected some text"
  if (id.length > maxIdLength) return `id: expected at most ${maxIdLength} characters`
  if (!id.isWellFormed() || /\p{Cc}/u.test(id)) return "id: expected no control characters and no lone surrogates"
  return undefined
}
