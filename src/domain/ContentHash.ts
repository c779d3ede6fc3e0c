/**
 * The hash that identifies a ticket's content without showing it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"
import type { NewTicket } from "./NewTicket.ts"
import { InvalidRequest } from "./RipioHttpError.ts"
import { type TicketContent, ticketContentOf } from "./TicketContent.ts"

const encoder = new TextEncoder()

/** The hash of a ticket's content. Fails if the runtime cannot compute it. */
export const hashContent = ({
  customerId,
  description,
  files,
  summary
}: TicketContent): Effect.Effect<string, unknown> =>
  Effect.map(
    Effect.tryPromise({
      try: () => {
        const parts = [customerId, summary, description, files.map(({ name, size, type }) => [name, type, size])]
        return crypto.subtle.digest("SHA-256", encoder.encode(JSON.stringify(parts)))
      },
      catch: (cause) => cause
    }),
    (digest) => Hex.encode(new Uint8Array(digest))
  )

/**
 * The hash of a ticket's content: SHA-256 in hex over the customer, the texts, and the name, type and size of each file.
 *
 * `CreateAmbiguous` and the log of an interrupted `create` contain it. To find out which of your tickets it was, hash the
 * candidates and compare.
 *
 * Fails with `InvalidRequest` if `create` would not send the ticket, because a value in it is invalid at run time or the
 * runtime has no WebCrypto.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const contentHashOf = (ticket: NewTicket): Effect.Effect<string, InvalidRequest> =>
  Effect.suspend(() => {
    const content = ticketContentOf(ticket)
    return Result.isFailure(content)
      ? Effect.fail(new InvalidRequest({ issue: content.failure }))
      : Effect.mapError(
          hashContent(content.success),
          () => new InvalidRequest({ issue: "crypto: expected a runtime with WebCrypto" })
        )
  })
