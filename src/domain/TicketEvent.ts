/**
 * The events that webhooks bring, and how to decode them.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describeSchemaError } from "./describeSchemaError.ts"
import type { InboxEvent } from "./InboxEvent.ts"
import { IssueKey } from "./IssueKey.ts"
import { escapeUnsafe, isJsonObject, sanitize } from "./sanitize.ts"
import type { TicketOutcome } from "./SupportTicket.ts"
import { TicketId } from "./TicketId.ts"

const deliveryFields = {
  /** When Ripio issued the event, from the signed body. */
  issuedAt: Schema.DateTimeUtc,
  /**
   * Identifies the fact that the event reports, and is the same for every delivery of it. Handle each key once. It is
   * derived from signed content and has at most 255 characters.
   */
  dedupeKey: Schema.NonEmptyString,
  /**
   * The index of the secret that signed the delivery: 0 is the newest. A higher index means that the sender does not use
   * the newest secret yet.
   */
  secretIndex: Schema.Int
}

/**
 * The event of a verified webhook.
 *
 * - `TicketCreated`: Ripio registered the ticket with its support team under `issueKey`.
 * - `TicketFailed`: Ripio could not register the ticket.
 * - `OtherEvent`: an event of another family, such as those of the on-ramp and the off-ramp, which Ripio sends to the same
 *   endpoint. `payload` is the whole body as JSON.
 *
 * Ripio may deliver an event more than once, and events in any order.
 *
 * **Example** (A message for each event)
 *
 * ```ts
 * import { TicketEvent } from "effect-ripio-tickets"
 *
 * const message = (event: TicketEvent) =>
 *   TicketEvent.match(event, {
 *     TicketCreated: ({ issueKey, ticketId }) => `${ticketId} is registered as ${issueKey}`,
 *     TicketFailed: ({ ticketId }) => `${ticketId} could not be registered`,
 *     OtherEvent: ({ eventType }) => `not about a ticket: ${eventType}`
 *   })
 * ```
 *
 * @see https://docs.ripio.com/ramps-api/webhooks/support-ticket-events
 * @category models
 * @since 0.1.0
 */
export const TicketEvent = Schema.TaggedUnion({
  TicketCreated: { ticketId: TicketId, issueKey: IssueKey, ...deliveryFields },
  TicketFailed: { ticketId: TicketId, ...deliveryFields },
  OtherEvent: {
    /** The type as the body has it, with control and format characters escaped and at most 512 characters. */
    eventType: Schema.NonEmptyString,
    payload: Schema.Record(Schema.String, Schema.Json),
    ...deliveryFields
  }
}).annotate({ identifier: "TicketEvent" })

/**
 * @category models
 * @since 0.1.0
 */
export type TicketEvent = TicketCreated | TicketFailed | OtherEvent

/**
 * Ripio registered a ticket with its support team.
 *
 * @see https://docs.ripio.com/ramps-api/webhooks/support-ticket-events (`SUPPORT_TICKET.CREATED`)
 * @category models
 * @since 0.1.0
 */
export interface TicketCreated extends Schema.Schema.Type<typeof TicketEvent.cases.TicketCreated> {}

/**
 * Ripio could not register a ticket.
 *
 * @see https://docs.ripio.com/ramps-api/webhooks/support-ticket-events (`SUPPORT_TICKET.FAILED`)
 * @category models
 * @since 0.1.0
 */
export interface TicketFailed extends Schema.Schema.Type<typeof TicketEvent.cases.TicketFailed> {}

/**
 * An event of another family.
 *
 * @category models
 * @since 0.1.0
 */
export interface OtherEvent extends Schema.Schema.Type<typeof TicketEvent.cases.OtherEvent> {}

/**
 * The outcome that an event of a webhook or an inbox reports, or `undefined` if it reports none.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const outcomeOfEvent = (event: TicketEvent | InboxEvent): TicketOutcome | undefined => {
  switch (event._tag) {
    case "TicketCreated":
      return { _tag: "Created", ticketId: event.ticketId, issueKey: event.issueKey }
    case "TicketFailed":
      return { _tag: "Failed", ticketId: event.ticketId }
    default:
      return undefined
  }
}

type Unsigned<Event> = Event extends TicketEvent ? Omit<Event, "dedupeKey" | "secretIndex"> : never

/** The content of an event's body, without what the verification adds. */
export type EventPayload = Unsigned<TicketEvent>

const created = "SUPPORT_TICKET.CREATED"
const failed = "SUPPORT_TICKET.FAILED"

// The event type decides the outcome. A status is optional but must not contradict it.
const optionalStatus = <Status extends string>(status: Status) =>
  Schema.optionalKey(Schema.NullOr(Schema.Literal(status)))

const eventType = Schema.NonEmptyString
const issueDatetime = Schema.String

// One decoder per event type: decoding a union takes twice as long.
const decodeCreated = Schema.decodeUnknownResult(
  Schema.Struct({
    issueDatetime,
    supportTicket: Schema.Struct({ ticketId: TicketId, issueKey: IssueKey, status: optionalStatus("CREATED") })
  })
)
const decodeFailed = Schema.decodeUnknownResult(
  Schema.Struct({
    issueDatetime,
    supportTicket: Schema.Struct({
      ticketId: TicketId,
      issueKey: Schema.optionalKey(Schema.Null),
      status: optionalStatus("FAILED")
    })
  })
)
const decodeOther = Schema.decodeUnknownResult(Schema.Struct({ eventType, issueDatetime }))

// The value comes from `JSON.parse`, so its fields are JSON.
const hasJsonFields = (json: unknown): json is { readonly [key: string]: Schema.Json } => isJsonObject(json)

/** Decodes the JSON of a webhook's body. The failure describes the problem and begins with the field. */
export const decodeEventPayload = (json: unknown): Result.Result<EventPayload, string> => {
  if (!hasJsonFields(json)) return Result.fail("expected a JSON object")
  switch (json["eventType"]) {
    case created:
      return toEvent(decodeCreated(json), ({ supportTicket: { issueKey, ticketId } }, issuedAt) => ({
        _tag: "TicketCreated",
        ticketId,
        issueKey,
        issuedAt
      }))
    case failed:
      return toEvent(decodeFailed(json), ({ supportTicket: { ticketId } }, issuedAt) => ({
        _tag: "TicketFailed",
        ticketId,
        issuedAt
      }))
    default:
      return toEvent(decodeOther(json), ({ eventType }, issuedAt) => ({
        _tag: "OtherEvent",
        eventType: sanitize.text(eventType),
        payload: json,
        issuedAt
      }))
  }
}

const toEvent = <Wire extends { readonly issueDatetime: string }>(
  decoded: Result.Result<Wire, Schema.SchemaError>,
  make: (wire: Wire, issuedAt: DateTime.Utc) => EventPayload
): Result.Result<EventPayload, string> => {
  if (Result.isFailure(decoded)) return Result.fail(describeSchemaError(decoded.failure))
  const issuedAt = parseTimestamp(decoded.success.issueDatetime)
  return issuedAt === undefined ? Result.fail(timestampMessage) : Result.succeed(make(decoded.success, issuedAt))
}

const timestampMessage = "issueDatetime: expected a date and time such as 2026-06-26T14:30:00.000Z"

// Timestamps have zero, three or six fraction digits. All are UTC, with or without a zone.
const timestamp = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?$/u

const parseTimestamp = (text: string): DateTime.Utc | undefined => {
  const match = timestamp.exec(text)
  if (match === null) return undefined
  const [, year = "", month = "", day = "", time = "", fraction = "", zone = "Z"] = match
  // A leap second is the first second of the next minute. `Date` does not parse it.
  const isLeapSecond = time.endsWith(":60")
  const clock = isLeapSecond ? time.replace(/60$/u, "59") : time
  const millis =
    Date.parse(`${year}-${month}-${day}T${clock}.${fraction.slice(0, 3).padEnd(3, "0")}${zone}`) +
    (isLeapSecond ? 1000 : 0)
  // Some engines parse the 30th of February as the 2nd of March.
  const isDayOfMonth = Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  return Number.isNaN(millis) || !isDayOfMonth ? undefined : DateTime.makeUnsafe(millis)
}

// The longest key that every store of `effect/persistence` accepts.
const maxKeyLength = 255

/**
 * The key of the fact that an event reports, or `undefined` if only the bytes of the body identify it. The time of issue
 * is not part of the key, because the fact stays the same.
 */
export const dedupeKeyOf = (event: EventPayload): string | undefined => {
  switch (event._tag) {
    case "TicketCreated": {
      // The key is logged and stored, so it contains no control characters.
      const key = `${created}:${event.ticketId}:${escapeUnsafe(event.issueKey)}`
      return key.length <= maxKeyLength ? key : undefined
    }
    case "TicketFailed":
      return `${failed}:${event.ticketId}`
    case "OtherEvent":
      return undefined
  }
}
