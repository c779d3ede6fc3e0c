import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import { type ApiError, evidenceOf } from "../../domain/ApiError.ts"
import { contentHashOf } from "../../domain/ContentHash.ts"
import { CreateAmbiguous } from "../../domain/CreateAmbiguous.ts"
import { issueOf } from "../../domain/describeSchemaError.ts"
import { NewTicket } from "../../domain/NewTicket.ts"
import { notSent, type RipioHttpError, type RipioHttpErrorReason, ServerFailed } from "../../domain/RipioHttpError.ts"
import { type Pending, SupportTicketFromWire } from "../../domain/SupportTicket.ts"
import { type NotEnabled, notEnabledOf } from "../../domain/TicketError.ts"
import { TicketRejected } from "../../domain/TicketRejected.ts"
import type { RipioHttp } from "../../services/RipioHttp.ts"
import { multipart } from "../http/multipart.ts"
import { withSpan } from "../tracing.ts"

const operation = "create"
const decodeNewTicket = Schema.decodeUnknownResult(Schema.toType(NewTicket))
const decodeTicket = Schema.decodeUnknownResult(SupportTicketFromWire)

/** Create Support Ticket: `POST /api/v1/supportTickets/`. */
export const makeCreate = (http: RipioHttp["Service"]) => {
  const send = Effect.fnUntraced(function* (ticket: NewTicket) {
    const { customerId, description, files = [], summary } = ticket
    const sentAt = yield* DateTime.now
    const contentHash = yield* contentHashOf(ticket)
    const body = yield* multipart(
      [
        ["customerId", customerId],
        ["summary", summary],
        ["description", description]
      ],
      files.map((file) => ["files", file])
    ).pipe(Effect.mapError((cause) => notSent(operation, `files: cannot be read (${String(cause)})`)))
    const ambiguous = ({ attempts, requestId }: ApiError | RipioHttpError, reason: RipioHttpErrorReason) =>
      new CreateAmbiguous({
        customerId,
        contentHash,
        sentAt,
        reason,
        attempts,
        ...(requestId === undefined ? {} : { requestId })
      })
    return yield* http
      .execute(HttpClientRequest.post("/api/v1/supportTickets/", { body }), {
        operation,
        decode: decodeTicket,
        annotations: { customerId, contentHash, sentAt: DateTime.formatIso(sentAt) }
      })
      .pipe(
        // In whatever state it is by now: its id is what matters, and asking for it tells the rest.
        Effect.map(({ ticketId }): Pending => ({ _tag: "Pending", ticketId })),
        Effect.catchTags({
          ApiError: (error) =>
            Effect.fail(
              refusalOf(error) ??
                // Of a server that fails, nobody knows how far it came.
                ambiguous(error, new ServerFailed({ status: error.status, code: error.code }))
            ),
          RipioHttpError: (error) => Effect.fail(mayHaveCreated(error) ? ambiguous(error, error.reason) : error)
        })
      )
  })

  return (
    ticket: NewTicket
  ): Effect.Effect<Pending, NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError> => {
    const decoded = decodeNewTicket(ticket)
    return Result.isFailure(decoded)
      ? Effect.fail(notSent(operation, issueOf(decoded.failure)))
      : withSpan("SupportTickets.create")(send(decoded.success))
  }
}

const refusalOf = (error: ApiError): NotEnabled | TicketRejected | undefined =>
  notEnabledOf(error) ?? (error.status < 500 ? new TicketRejected(evidenceOf(error)) : undefined)

/** Whether the ticket may have been taken: it was sent, and the answer is missing or says nothing of it. */
const mayHaveCreated = (error: RipioHttpError): boolean => {
  // No token, no ticket.
  if (error.operation !== operation) return false
  const { reason } = error
  switch (reason._tag) {
    case "TransportFailed":
      return reason.mayHaveBeenSent
    case "TimedOut":
    case "ServerFailed":
      return true
    case "RateLimited":
      return reason.status !== 429
    case "UnexpectedResponse":
      // 303 is how a server answers what it has taken, with where to look next.
      return reason.status < 300 || reason.status === 303
    case "InvalidRequest":
      return false
  }
}
