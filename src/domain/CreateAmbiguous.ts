import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { CustomerId } from "./CustomerId.ts"
import { RipioHttpErrorReason } from "./RipioHttpError.ts"

/**
 * The ticket may exist: it was sent, and no answer was seen that says whether it was taken. There is no idempotency key,
 * so it is not sent again: that could raise it twice. A person decides, with what is here to search for.
 *
 * The id of the ticket is not known, so the API cannot be asked. A webhook may still tell of it; or ask Ripio's support team
 * for tickets of `customerId` around `sentAt`, and quote `requestId` if there is one. Raise it again only if they have none.
 *
 * @category errors
 * @since 0.1.0
 */
export class CreateAmbiguous extends Schema.TaggedError<CreateAmbiguous>("effect-ripio-tickets/CreateAmbiguous")(
  "CreateAmbiguous",
  {
    customerId: CustomerId,
    /**
     * SHA-256 in hex over the fields, and over the names, types and sizes of the files: tells whether two attempts were the
     * same ticket, without showing what is in it. See `contentHashOf`.
     */
    contentHash: Schema.String,
    /** When the first sending began: a ticket that exists was raised between then and this error. */
    sentAt: Schema.DateTimeUtc,
    /** Why the answer was not seen. */
    reason: RipioHttpErrorReason,
    /** How often the request was sent; each time but the last it certainly did not arrive, or was refused. */
    attempts: Schema.Int,
    /** The request id of the answer, where there was one. */
    requestId: Schema.optionalKey(Schema.String)
  }
) {
  override get message() {
    const request = this.requestId === undefined ? "" : `, request ${this.requestId}`
    return `The ticket of customer ${this.customerId} may exist, do not raise it again before you have looked: ${this.reason.message} (sent at ${DateTime.formatIso(this.sentAt)}, content ${this.contentHash.slice(0, 12)}${request})`
  }
}
