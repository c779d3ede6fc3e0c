import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describeSchemaError } from "../../domain/describeSchemaError.ts"
import { DeadLetter } from "../../domain/DeadLetter.ts"
import { sanitize } from "../../domain/sanitize.ts"
import { TicketEvent } from "../../domain/TicketEvent.ts"

const eventCodec = Schema.toCodecJson(TicketEvent)

/** The JSON of an event, as inboxes store it. */
export const encodeEvent = Schema.encodeUnknownEffect(eventCodec)

const decode = Schema.decodeUnknownEffect(eventCodec)

/** Decodes the JSON of an event. Fails with a description of the problem, whatever is stored. */
export const decodeEvent = (stored: unknown): Effect.Effect<TicketEvent, string> =>
  Effect.catchCause(decode(stored), (cause) => {
    const error = Cause.squash(cause)
    return Effect.fail(Schema.isSchemaError(error) ? describeSchemaError(error) : sanitize.message(String(error)))
  })

// The event is decoded when it is read, because a later version may be able to.
const StoredDeadLetter = DeadLetter.mapFields(({ attempts, dedupeKey, failure, stored }) => ({
  attempts,
  dedupeKey,
  failure,
  stored
}))
const decodeStoredDeadLetter = Schema.decodeUnknownEffect(StoredDeadLetter)

/** Adds the event to a stored dead letter, if it can be decoded. */
export const decodeDeadLetter = (key: string, json: unknown): Effect.Effect<DeadLetter> =>
  decodeStoredDeadLetter(json).pipe(
    Effect.catch(() =>
      Effect.succeed({ attempts: 0, dedupeKey: key, failure: "the stored dead letter cannot be decoded", stored: json })
    ),
    Effect.flatMap((letter) =>
      decodeEvent(letter.stored).pipe(
        Effect.match({ onFailure: () => letter, onSuccess: (event) => ({ ...letter, event }) })
      )
    )
  )
