import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import { unexpectedApiError } from "../../domain/classify.ts"
import { invalidRequest, type RipioHttpError, ripioHttpError } from "../../domain/RipioHttpError.ts"
import { decodeTicket, type SupportTicket } from "../../domain/SupportTicket.ts"
import { type TicketError, ticketErrorOf } from "../../domain/TicketError.ts"
import { isTicketId, type TicketId } from "../../domain/TicketId.ts"
import type { Execute } from "../http/execute.ts"
import { withPollSpan } from "../tracing.ts"

const operation = "retrieve"

/** Retrieve Support Ticket: `GET /api/v1/supportTickets/{ticketId}/`. */
export type Retrieve = (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>

export const makeRetrieve =
  (execute: Execute): Retrieve =>
  (id) => {
    // The id becomes part of a URL, so it is checked at run time too.
    if (!isTicketId(id)) return Effect.fail(invalidRequest(operation, "ticketId: expected a UUID in lower case"))
    return execute(HttpClientRequest.get(`/api/v1/supportTickets/${id}/`), {
      operation,
      annotations: () => Effect.succeed({ ticketId: id }),
      decode: (json) =>
        Result.filterOrFail(
          decodeTicket(json),
          (ticket) => ticket.ticketId === id,
          () => "ticketId: differs from the id of the request"
        )
    }).pipe(
      Effect.mapError((error) =>
        error._tag === "ApiError"
          ? (ticketErrorOf(error, id) ??
            ripioHttpError(operation, error.attempts, unexpectedApiError(error), error.requestId))
          : error
      ),
      withPollSpan("SupportTickets.retrieve", {
        attributes: { ticketId: id },
        urlTemplate: "/api/v1/supportTickets/{ticketId}/"
      })
    )
  }
