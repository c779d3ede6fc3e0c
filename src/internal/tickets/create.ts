import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import { errorFieldsOf } from "../../domain/ApiError.ts"
import { hashContent } from "../../domain/ContentHash.ts"
import { CreateAmbiguous } from "../../domain/CreateAmbiguous.ts"
import type { NewTicket } from "../../domain/NewTicket.ts"
import { invalidRequest, mayHaveBeenCarriedOut, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { decodeTicket, type Pending, type SupportTicket } from "../../domain/SupportTicket.ts"
import { type NotEnabled, notEnabledOf } from "../../domain/TicketError.ts"
import { type TicketContent, ticketContentOf } from "../../domain/TicketContent.ts"
import { TicketRejected } from "../../domain/TicketRejected.ts"
import type { Execute } from "../http/execute.ts"
import { formOf } from "../http/formBody.ts"
import { multipart } from "../http/multipart.ts"
import { withSpan } from "../tracing.ts"

const operation = "create"

/** Create Support Ticket: `POST /api/v1/supportTickets/`. */
export type Create = (
  ticket: NewTicket
) => Effect.Effect<Pending, NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError>

export const makeCreate = (execute: Execute): Create => {
  const send = Effect.fnUntraced(function* (content: TicketContent) {
    const { customerId, description, files, summary } = content
    const startedAt = yield* DateTime.now
    const body = yield* multipart(
      [
        ["customerId", customerId],
        ["summary", summary],
        ["description", description]
      ],
      files.map((file) => ["files", file])
    ).pipe(Effect.mapError((issue) => invalidRequest(operation, issue)))

    // The hash identifies the ticket. A runtime that cannot compute it does not hide that the ticket may exist.
    const contentHash = Effect.catch(hashContent(content), () => Effect.succeed("unavailable"))

    // Waiting for the gate may take long. A custom `RipioHttp` may send the form without recording it.
    const sentAt = () => DateTime.makeUnsafe(formOf(body)?.sentAt ?? startedAt)

    const annotations = (ticketOfResponse: SupportTicket | undefined) =>
      Effect.map(contentHash, (contentHash) => ({
        customerId,
        contentHash,
        sentAt: DateTime.formatIso(sentAt()),
        ...(ticketOfResponse === undefined ? {} : { ticketId: ticketOfResponse.ticketId })
      }))

    // Logged too, because a program that loses the error would lose what may be a ticket.
    const logAmbiguous = (message: string, contentHash: string, requestId: string | undefined) =>
      Effect.ignoreCause(
        Effect.annotateLogs(Effect.logWarning(message), {
          customerId,
          contentHash,
          sentAt: DateTime.formatIso(sentAt()),
          ...(requestId === undefined ? {} : { requestId })
        })
      )

    const toAmbiguous = ({ attempts, reason, requestId }: RipioHttpError) =>
      Effect.uninterruptibleMask((restore) =>
        restore(contentHash).pipe(
          // The hash takes a moment, in which the caller may be interrupted.
          Effect.onInterrupt(() =>
            Effect.flatMap(contentHash, (contentHash) =>
              logAmbiguous(
                `create: interrupted, and the API may have carried it out: ${reason.message}`,
                contentHash,
                requestId
              )
            )
          ),
          Effect.flatMap((contentHash) => {
            const details = { customerId, contentHash, sentAt: sentAt(), reason, attempts }
            const error = new CreateAmbiguous(requestId === undefined ? details : { ...details, requestId })
            return Effect.andThen(logAmbiguous(error.message, contentHash, requestId), Effect.fail(error))
          })
        )
      )

    return yield* execute(HttpClientRequest.post("/api/v1/supportTickets/", { body }), {
      operation,
      decode: decodeTicket,
      annotations
    }).pipe(
      // Always `Pending`: callers use `retrieve` for the current state.
      Effect.map(({ ticketId }): Pending => ({ _tag: "Pending", ticketId })),
      Effect.catchTags({
        ApiError: (error) => Effect.fail(notEnabledOf(error) ?? new TicketRejected(errorFieldsOf(error))),
        RipioHttpError: (error) =>
          // Without a token, nothing was sent.
          error.operation === operation && mayHaveBeenCarriedOut(error.reason) ? toAmbiguous(error) : Effect.fail(error)
      })
    )
  })

  return (ticket) => {
    const content = ticketContentOf(ticket)
    return Result.isFailure(content)
      ? Effect.fail(invalidRequest(operation, content.failure))
      : withSpan("SupportTickets.create")(send(content.success))
  }
}
