/**
 * The error of a create whose outcome is unknown.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { docsOf } from "./errorDocs.ts"
import { CustomerId } from "./CustomerId.ts"
import { RipioHttpErrorReason } from "./RipioHttpError.ts"

/**
 * The ticket may have been created: it was sent, and no response says whether Ripio accepted it. The API has no
 * idempotency key, so the library does not send it again.
 *
 * The id of the ticket is unknown, so the API cannot be asked about it. Wait for a webhook, or ask Ripio's support team
 * for tickets of `customerId` around `sentAt` and quote `requestId`. Create the ticket again only if they have none. The
 * page `docs/ambiguous-create.md` describes the steps.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/create-support-ticket
 * @category errors
 * @since 0.1.0
 */
export class CreateAmbiguous extends Schema.TaggedError<CreateAmbiguous>("effect-ripio-tickets/CreateAmbiguous")(
  "CreateAmbiguous",
  {
    customerId: CustomerId,
    /**
     * SHA-256 in hex over the fields, and over the names, types and sizes of the files. It shows whether two attempts
     * were the same ticket, without showing the content. See `contentHashOf`. It is `unavailable` in a
     * runtime without WebCrypto.
     */
    contentHash: Schema.String,
    /** When the last request began. If the ticket exists, it was created between then and this error. */
    sentAt: Schema.DateTimeUtc,
    /** Why there is no usable response. */
    reason: RipioHttpErrorReason,
    /** How many times the request was sent. Every request but the last one was rejected, or did not reach the server. */
    attempts: Schema.Int,
    /** The request id of the response, if there is one. */
    requestId: Schema.optionalKey(Schema.String)
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("CreateAmbiguous")
  }
  override get message() {
    const request = this.requestId === undefined ? "" : `, request ${this.requestId}`
    return `The ticket of customer ${this.customerId} may have been created. Check before retrying: ${this.reason.message} (sent at ${DateTime.formatIso(this.sentAt)}, content ${this.contentHash.slice(0, 12)}${request})`
  }
}
