import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { unexpectedApiError } from "../../domain/classify.ts"
import { notSent, type RipioHttpError, ripioHttpError } from "../../domain/RipioHttpError.ts"
import { type SupportTicket, SupportTicketFromWire } from "../../domain/SupportTicket.ts"
import { type TicketError, ticketErrorOf } from "../../domain/TicketError.ts"
import { isTicketId, type TicketId } from "../../domain/TicketId.ts"
import type { RipioHttp } from "../../services/RipioHttp.ts"
import { withSpan } from "../tracing.ts"

const operation = "retrieve"
const decodeTicket = Schema.decodeUnknownResult(SupportTicketFromWire)

/** Retrieve Support Ticket: `GET /api/v1/supportTickets/{ticketId}/`. */
export const makeRetrieve =
  (http: RipioHttp["Service"]) =>
  (id: TicketId): Effect.Effect<SupportTicket, TicketError | RipioHttpError> => {
    // The id becomes a part of a URL: what slipped past the types must not.
    if (!isTicketId(id)) return Effect.fail(notSent(operation, "ticketId: expected a UUID in lower case"))
    return http
      .execute(HttpClientRequest.get(`/api/v1/supportTickets/${id}/`), {
        operation,
        decode: (json) =>
          Result.filterOrFail(
            decodeTicket(json),
            (ticket) => ticket.ticketId === id,
            () => "ticketId: is not that of the ticket that was asked for"
          )
      })
      .pipe(
        Effect.mapError((error) =>
          error._tag === "ApiError"
            ? (ticketErrorOf(error, id) ??
              ripioHttpError(operation, error.attempts, unexpectedApiError(error), error.requestId))
            : error
        ),
        withSpan("SupportTickets.retrieve", { ticketId: id })
      )
  }
