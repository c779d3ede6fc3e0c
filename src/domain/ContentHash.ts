/**
 * The hash that identifies a ticket's content without showing it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import type { NewTicket } from "./NewTicket.ts"

const encoder = new TextEncoder()

/**
 * The hash of a ticket's content: SHA-256 in hex over the customer, the texts, and the name, type and size of each file.
 *
 * `CreateAmbiguous` and the log of an interrupted `create` contain it. To find out which of your tickets it was, hash the
 * candidates and compare.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const contentHashOf = ({ customerId, description, files = [], summary }: NewTicket): Effect.Effect<string> => {
  const parts = [customerId, summary, description, files.map(({ name, size, type }) => [name, type, size])]
  return Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", encoder.encode(JSON.stringify(parts)))),
    (digest) => Hex.encode(new Uint8Array(digest))
  )
}
