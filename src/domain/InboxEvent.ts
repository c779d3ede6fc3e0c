/**
 * The events that an inbox passes to its handler.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Unauthenticated } from "./AccessToken.ts"
import { CustomerId } from "./CustomerId.ts"
import { IssueKey } from "./IssueKey.ts"
import { RipioHttpError } from "./RipioHttpError.ts"
import { NotEnabled, NotFound } from "./TicketError.ts"
import type { TicketEvent } from "./TicketEvent.ts"
import { TicketId } from "./TicketId.ts"
import { TicketRejected } from "./TicketRejected.ts"

const fact = {
  /** Identifies the fact that the event reports. Handle each key once. It has at most 255 characters. */
  dedupeKey: Schema.NonEmptyString,
  /** When it happened. For a webhook, when Ripio issued it. For a poll, when the poll saw the outcome. */
  issuedAt: Schema.DateTimeUtc
}

const ticketFact = {
  ...fact,
  ticketId: TicketId,
  /** What reported the fact first. Both have the same `dedupeKey`, so it is handled once. */
  source: Schema.Literals(["webhook", "poll"]).pipe(
    // Rows that an earlier version has stored are of webhooks.
    Schema.withDecodingDefaultKey(Effect.succeed("webhook" as const))
  ),
  /** The index of the secret that signed the webhook, as in `TicketEvent`. Absent after a poll. */
  secretIndex: Schema.optionalKey(Schema.Int)
}

const submissionFact = {
  ...fact,
  /** The id that `TicketOutbox.submit` received. */
  id: Schema.NonEmptyString
}

/**
 * What is known about a submission that may have created a ticket.
 *
 * @category models
 * @since 0.1.0
 */
export const SubmissionEvidence = Schema.Struct({
  customerId: CustomerId,
  /** Why it is unknown whether the ticket exists. */
  reason: Schema.String,
  /** When the ticket was submitted. */
  submittedAt: Schema.DateTimeUtc,
  /** When the request began. Absent if the process that sent it, or was about to send it, has ended. */
  sentAt: Schema.optionalKey(Schema.DateTimeUtc),
  /** The hash that `CreateAmbiguous` has and `contentHashOf` computes. Absent if `sentAt` is. */
  contentHash: Schema.optionalKey(Schema.String),
  /** The request id of the response, if there is one. Quote it to Ripio's support. */
  requestId: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "SubmissionEvidence" })

/**
 * @category models
 * @since 0.1.0
 */
export type SubmissionEvidence = typeof SubmissionEvidence.Type

/**
 * An event in an inbox: a webhook, or a fact that the outbox or the tracker has found out.
 *
 * - `TicketCreated`, `TicketFailed`: the outcome of a ticket, from a webhook or from a poll, whichever was first.
 * - `OtherEvent`: a webhook of another family.
 * - `SubmissionAccepted`: the ticket of a submission exists, and is tracked.
 * - `SubmissionRejected`: the API rejected the ticket of a submission. None exists.
 * - `SubmissionNotSent`: a submission ended before it was sent. No ticket exists.
 * - `SubmissionAmbiguous`: a submission may have created a ticket. Find out whether it exists, and call
 *   `TicketOperations.resolve`.
 * - `TrackingOverdue`: a ticket has no outcome at its deadline. It is no longer polled. A webhook is still handled.
 * - `TrackingFailed`: a ticket cannot be polled, because the account has none with its id.
 *
 * **Example** (A line for each event)
 *
 * ```ts
 * import { InboxEvent } from "effect-ripio-tickets"
 *
 * const line = (event: InboxEvent) =>
 *   InboxEvent.match(event, {
 *     TicketCreated: ({ issueKey, ticketId }) => `${ticketId} is registered as ${issueKey}`,
 *     TicketFailed: ({ ticketId }) => `${ticketId} could not be registered`,
 *     OtherEvent: ({ eventType }) => `not about a ticket: ${eventType}`,
 *     SubmissionAccepted: ({ id, ticketId }) => `${id} is ticket ${ticketId}`,
 *     SubmissionRejected: ({ error, id }) => `${id}: ${error.message}`,
 *     SubmissionNotSent: ({ id, reason }) => `${id} was not sent: ${reason}`,
 *     SubmissionAmbiguous: ({ evidence, id }) => `look for ${id}: ${evidence.reason}`,
 *     TrackingOverdue: ({ ticketId }) => `${ticketId} has no outcome yet`,
 *     TrackingFailed: ({ error }) => error.message
 *   })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const InboxEvent = Schema.TaggedUnion({
  TicketCreated: { ...ticketFact, issueKey: IssueKey },
  TicketFailed: ticketFact,
  OtherEvent: {
    ...fact,
    /** The type as the body has it, with control and format characters escaped and at most 512 characters. */
    eventType: Schema.NonEmptyString,
    payload: Schema.Record(Schema.String, Schema.Json),
    source: ticketFact.source,
    secretIndex: ticketFact.secretIndex
  },
  SubmissionAccepted: { ...submissionFact, ticketId: TicketId },
  SubmissionRejected: { ...submissionFact, error: TicketRejected },
  SubmissionNotSent: {
    ...submissionFact,
    /** Why it was not sent. */
    reason: Schema.String
  },
  SubmissionAmbiguous: { ...submissionFact, evidence: SubmissionEvidence },
  TrackingOverdue: {
    ...fact,
    ticketId: TicketId,
    /** How often a worker has polled the ticket, or was about to while the account was held back. */
    polls: Schema.Int,
    /** The error of the last failed poll, if the worker that reports the event has seen it. */
    lastError: Schema.optionalKey(Schema.Union([RipioHttpError, NotEnabled, Unauthenticated]))
  },
  TrackingFailed: { ...fact, ticketId: TicketId, error: NotFound }
}).annotate({ identifier: "InboxEvent" })

/**
 * @category models
 * @since 0.1.0
 */
export type InboxEvent = typeof InboxEvent.Type

/** The event of a webhook, as an inbox stores it. An event of an inbox is returned unchanged. */
export const toInboxEvent = (event: TicketEvent | InboxEvent): InboxEvent => {
  switch (event._tag) {
    case "TicketCreated":
    case "TicketFailed":
    case "OtherEvent":
      return { source: "webhook", ...event }
    default:
      return event
  }
}
