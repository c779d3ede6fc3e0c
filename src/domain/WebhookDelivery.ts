/**
 * A webhook request before it is verified.
 *
 * @since 0.1.0
 */

/**
 * The body and the headers of a webhook request.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebhookDelivery {
  /**
   * The body exactly as received. Read it before a parser such as `express.json()` does: JSON that was parsed and
   * serialised again is not the JSON that was signed.
   */
  readonly body: Uint8Array
  /** The headers: web `Headers`, those of `node:http`, or a plain record. Names may be in any case. */
  readonly headers: Headers | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}
