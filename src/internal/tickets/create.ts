import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import { errorFieldsOf } from "../../domain/ApiError.ts"
import { contentHashOf } from "../../domain/ContentHash.ts"
import { CreateAmbiguous } from "../../domain/CreateAmbiguous.ts"
import { describeSchemaError } from "../../domain/describeSchemaError.ts"
import { NewTicket } from "../../domain/NewTicket.ts"
import { invalidRequest, mayHaveBeenCarriedOut, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { decodeTicket, type Pending } from "../../domain/SupportTicket.ts"
import { type NotEnabled, notEnabledOf } from "../../domain/TicketError.ts"
import { TicketRejected } from "../../domain/TicketRejected.ts"
import type { Execute } from "../http/execute.ts"
import { multipart } from "../http/multipart.ts"
import { withSpan } from "../tracing.ts"

const operation = "create"
const decodeNewTicket = Schema.decodeUnknownResult(Schema.toType(NewTicket))

/** Create Support Ticket: `POST /api/v1/supportTickets/`. */
export type Create = (
  ticket: NewTicket
) => Effect.Effect<Pending, NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError>

export const makeCreate = (execute: Execute): Create => {
  const send = Effect.fnUntraced(function* (ticket: NewTicket, accepted: (ticket: Pending) => void) {
    const { customerId, description, files = [], summary } = ticket
    const sentAt = yield* DateTime.now
    const body = yield* multipart(
      [
        ["customerId", customerId],
        ["summary", summary],
        ["description", description]
      ],
      files.map((file) => ["files", file])
    ).pipe(Effect.mapError((cause) => invalidRequest(operation, `files: cannot be read (${String(cause)})`)))

    const toAmbiguous = ({ attempts, reason, requestId }: RipioHttpError) =>
      Effect.flatMap(contentHashOf(ticket), (contentHash) => {
        const details = { customerId, contentHash, sentAt, reason, attempts }
        return Effect.fail(new CreateAmbiguous(requestId === undefined ? details : { ...details, requestId }))
      })

    return yield* execute(HttpClientRequest.post("/api/v1/supportTickets/", { body }), {
      operation,
      decode: decodeTicket,
      annotations: (ticketOfResponse) =>
        Effect.map(contentHashOf(ticket), (contentHash) => ({
          customerId,
          contentHash,
          sentAt: DateTime.formatIso(sentAt),
          ...(ticketOfResponse === undefined ? {} : { ticketId: ticketOfResponse.ticketId })
        }))
    }).pipe(
      // Always `Pending`: callers use `retrieve` for the current state.
      Effect.map(({ ticketId }): Pending => ({ _tag: "Pending", ticketId })),
      Effect.tap((ticket) => Effect.sync(() => accepted(ticket))),
      Effect.catchTags({
        ApiError: (error) => Effect.fail(notEnabledOf(error) ?? new TicketRejected(errorFieldsOf(error))),
        RipioHttpError: (error) =>
          // Without a token, nothing was sent.
          error.operation === operation && mayHaveBeenCarriedOut(error.reason) ? toAmbiguous(error) : Effect.fail(error)
      })
    )
  })

  return (input) => {
    const decoded = decodeNewTicket(input)
    if (Result.isFailure(decoded)) {
      return Effect.fail(invalidRequest(operation, describeSchemaError(decoded.failure)))
    }
    return Effect.suspend(() => {
      let created: Pending | undefined
      const sent = send(decoded.success, (ticket) => {
        created = ticket
      })
      return Effect.catchDefect(withSpan("SupportTickets.create")(sent), (defect) =>
        created === undefined
          ? Effect.die(defect)
          : // A tracer failed. The ticket exists, so its id must not be lost.
            Effect.as(Effect.logError(`create: created ticket ${created.ticketId}`, Cause.die(defect)), created)
      )
    })
  }
}
