import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describeSchemaError } from "../../domain/describeSchemaError.ts"
import { DeadLetter } from "../../domain/DeadLetter.ts"
import { sanitize } from "../../domain/sanitize.ts"
import { InboxEvent } from "../../domain/InboxEvent.ts"

const eventCodec = Schema.toCodecJson(InboxEvent)

/** The JSON of an event, as inboxes store it. */
export const encodeEvent = Schema.encodeUnknownEffect(eventCodec)

const decode = Schema.decodeUnknownEffect(eventCodec)

/** Decodes the JSON of an event. Fails with a description of the problem, whatever is stored. */
export const decodeEvent = (stored: unknown): Effect.Effect<InboxEvent, string> =>
  Effect.catchCause(decode(stored), (cause) => {
    const error = Cause.squash(cause)
    return Effect.fail(Schema.isSchemaError(error) ? describeSchemaError(error) : sanitize.message(String(error)))
  })

/** A dead letter, and the id under which the queue stores its event when it is requeued. */
export interface StoredDeadLetter {
  readonly letter: DeadLetter
  readonly requeueId: string
}

// The event is decoded when it is read, because a later version may be able to.
const decodeStoredDeadLetter = Schema.decodeUnknownEffect(
  DeadLetter.mapFields(({ attempts, dedupeKey, failure, stored }) => ({
    attempts,
    dedupeKey,
    failure,
    stored,
    requeueId: Schema.optionalKey(Schema.String)
  }))
)

/** Adds the event to a stored dead letter, if it can be decoded. */
export const decodeDeadLetter = (key: string, json: unknown): Effect.Effect<StoredDeadLetter> =>
  decodeStoredDeadLetter(json).pipe(
    Effect.catch(() =>
      Effect.succeed({
        attempts: 0,
        dedupeKey: key,
        failure: "the stored dead letter cannot be decoded",
        requeueId: undefined,
        stored: json
      })
    ),
    Effect.flatMap(({ requeueId = `requeue:${key}`, ...letter }) =>
      decodeEvent(letter.stored).pipe(
        Effect.match({
          onFailure: () => ({ letter, requeueId }),
          onSuccess: (event) => ({ letter: { ...letter, event }, requeueId })
        })
      )
    )
  )
