import * as Schema from "effect/Schema"

/**
 * An option was given a value that cannot work: a base URL that is no URL, an empty credential, a negative duration.
 *
 * It comes up while a layer is built, before anything is sent. `option` names the option, `issue` says what is wrong
 * with its value; the value itself stays out of it, as it may be a secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("effect-ripio-tickets/InvalidOption")(
  "InvalidOption",
  {
    /** The option's name, as in `Ripio.layer({ baseUrl })`. */
    option: Schema.String,
    /** What is wrong with its value. */
    issue: Schema.String
  }
) {
  override get message() {
    return `${this.option}: ${this.issue}`
  }
}
