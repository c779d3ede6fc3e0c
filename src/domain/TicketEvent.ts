import * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { issueOf } from "./describeSchemaError.ts"
import { IssueKey } from "./IssueKey.ts"
import type { TicketOutcome } from "./SupportTicket.ts"
import { TicketId } from "./TicketId.ts"

const signed = {
  /** When Ripio issued the event, from the signed body. A redelivery may carry a later moment. */
  issuedAt: Schema.DateTimeUtc,
  /**
   * The same for each delivery of the same fact, and made of nothing but signed content: handle each key once. At most
   * 255 characters.
   */
  dedupeKey: Schema.NonEmptyString,
  /**
   * Which of the secrets the delivery was signed with: 0 is the newest. While it is not 0, the sender has not switched
   * to the newest secret yet.
   */
  secretIndex: Schema.Int
}

/**
 * What a webhook of Ripio says, once its signature is verified.
 *
 * - `TicketCreated`: the ticket is registered with the support team, under `issueKey`.
 * - `TicketFailed`: the ticket could not be registered.
 * - `OtherEvent`: anything else that the same endpoint receives, such as the events of the on-ramp and the off-ramp. Its
 *   `payload` is the whole body as JSON.
 *
 * Events may be delivered more than once and in any order.
 *
 * **Example** (One line for each event)
 *
 * ```ts
 * import { TicketEvent } from "effect-ripio-tickets"
 *
 * const line = (event: TicketEvent) =>
 *   TicketEvent.match(event, {
 *     TicketCreated: ({ issueKey, ticketId }) => `${ticketId} is registered as ${issueKey}`,
 *     TicketFailed: ({ ticketId }) => `${ticketId} could not be registered`,
 *     OtherEvent: ({ eventType }) => `not about a ticket: ${eventType}`
 *   })
 * ```
 *
 * @see Webhooks, Support Ticket events
 * @category models
 * @since 0.1.0
 */
export const TicketEvent = Schema.TaggedUnion({
  TicketCreated: { ticketId: TicketId, issueKey: IssueKey, ...signed },
  TicketFailed: { ticketId: TicketId, ...signed },
  OtherEvent: { eventType: Schema.NonEmptyString, payload: Schema.Record(Schema.String, Schema.Json), ...signed }
}).annotate({ identifier: "TicketEvent" })

/**
 * @category models
 * @since 0.1.0
 */
export type TicketEvent = TicketCreated | TicketFailed | OtherEvent

/**
 * A ticket has been registered with Ripio's support team.
 *
 * @see Webhooks, `SUPPORT_TICKET.CREATED`
 * @category models
 * @since 0.1.0
 */
export interface TicketCreated extends Schema.Schema.Type<typeof TicketEvent.cases.TicketCreated> {}

/**
 * A ticket could not be registered.
 *
 * @see Webhooks, `SUPPORT_TICKET.FAILED`
 * @category models
 * @since 0.1.0
 */
export interface TicketFailed extends Schema.Schema.Type<typeof TicketEvent.cases.TicketFailed> {}

/**
 * An event that is not the outcome of a ticket.
 *
 * @category models
 * @since 0.1.0
 */
export interface OtherEvent extends Schema.Schema.Type<typeof TicketEvent.cases.OtherEvent> {}

/**
 * The outcome that an event tells of, or `undefined` if it is not about a ticket.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const outcomeOfEvent = (event: TicketEvent): TicketOutcome | undefined => {
  switch (event._tag) {
    case "TicketCreated":
      return { _tag: "Created", ticketId: event.ticketId, issueKey: event.issueKey }
    case "TicketFailed":
      return { _tag: "Failed", ticketId: event.ticketId }
    case "OtherEvent":
      return undefined
  }
}

type Unsigned<Event> = Event extends TicketEvent ? Omit<Event, "dedupeKey" | "secretIndex"> : never

/** An event as its body tells it, before it is known who signed it. */
export type EventBody = Unsigned<TicketEvent>

const created = "SUPPORT_TICKET.CREATED"
const failed = "SUPPORT_TICKET.FAILED"

// The event's type decides. Whether the ticket repeats its status is not known; if it does, it must not say otherwise.
const statusIf = <Status extends string>(status: Status) => Schema.optionalKey(Schema.NullOr(Schema.Literal(status)))

const eventType = Schema.NonEmptyString
const issueDatetime = Schema.String

// Three decoders rather than one of a union: the type is looked up first, and a union costs twice as much.
const decodeCreated = Schema.decodeUnknownResult(
  Schema.Struct({
    issueDatetime,
    supportTicket: Schema.Struct({ ticketId: TicketId, issueKey: IssueKey, status: statusIf("CREATED") })
  })
)
const decodeFailed = Schema.decodeUnknownResult(
  Schema.Struct({
    issueDatetime,
    supportTicket: Schema.Struct({
      ticketId: TicketId,
      issueKey: Schema.optionalKey(Schema.Null),
      status: statusIf("FAILED")
    })
  })
)
const decodeOther = Schema.decodeUnknownResult(Schema.Struct({ eventType, issueDatetime }))

// What is parsed from JSON is JSON.
const isJsonObject = (json: unknown): json is { readonly [key: string]: Schema.Json } =>
  typeof json === "object" && json !== null && !Array.isArray(json)

/** Reads the JSON of a webhook's body, or says what is wrong with it, beginning with the field. */
export const eventOfJson = (json: unknown): Result.Result<EventBody, string> => {
  if (!isJsonObject(json)) return Result.fail("expected a JSON object")
  switch (json["eventType"]) {
    case created:
      return eventOf(decodeCreated(json), ({ supportTicket: { issueKey, ticketId } }, issuedAt) => ({
        _tag: "TicketCreated",
        ticketId,
        issueKey,
        issuedAt
      }))
    case failed:
      return eventOf(decodeFailed(json), ({ supportTicket: { ticketId } }, issuedAt) => ({
        _tag: "TicketFailed",
        ticketId,
        issuedAt
      }))
    default:
      return eventOf(decodeOther(json), ({ eventType }, issuedAt) => ({
        _tag: "OtherEvent",
        eventType,
        payload: json,
        issuedAt
      }))
  }
}

const eventOf = <Wire extends { readonly issueDatetime: string }>(
  decoded: Result.Result<Wire, Schema.SchemaError>,
  make: (wire: Wire, issuedAt: DateTime.Utc) => EventBody
): Result.Result<EventBody, string> => {
  if (Result.isFailure(decoded)) return Result.fail(issueOf(decoded.failure))
  const issuedAt = instantOf(decoded.success.issueDatetime)
  return issuedAt === undefined ? Result.fail(notInstant) : Result.succeed(make(decoded.success, issuedAt))
}

const notInstant = "issueDatetime: expected a date and time such as 2026-06-26T14:30:00.000Z"

// Seen with no, three and six digits of a fraction. A time without a zone is UTC, as the API's page says of all of them.
const instant = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?$/u

const instantOf = (text: string): DateTime.Utc | undefined => {
  const match = instant.exec(text)
  if (match === null) return undefined
  const [, year = "", month = "", day = "", time = "", fraction = "", zone = "Z"] = match
  const millis = Date.parse(`${year}-${month}-${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${zone}`)
  // Some engines take the 30th of February for the 2nd of March.
  const isDay = Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  return Number.isNaN(millis) || !isDay ? undefined : DateTime.makeUnsafe(millis)
}

// What every store of the inbox takes for a key.
const longestKey = 255

/**
 * The key of the fact that an event tells of, or `undefined` if only the bytes of the body tell it apart.
 *
 * Not the moment of issue: whether a redelivery repeats it is not known, and the fact is the same.
 */
export const dedupeKeyOf = (event: EventBody): string | undefined => {
  switch (event._tag) {
    case "TicketCreated": {
      const key = `${created}:${event.ticketId}:${event.issueKey}`
      return key.length <= longestKey ? key : undefined
    }
    case "TicketFailed":
      return `${failed}:${event.ticketId}`
    case "OtherEvent":
      return undefined
  }
}
