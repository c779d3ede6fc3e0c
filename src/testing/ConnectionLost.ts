/**
 * The connection failure that the test doubles simulate.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * A simulated connection failure: refused before the request, or reset during the response. `code` is the code that the
 * network stack of the operating system would report.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionLost extends Data.TaggedError("ConnectionLost")<{
  readonly code: "ECONNREFUSED" | "ECONNRESET"
}> {
  override get message() {
    return `${this.code}: simulated connection failure`
  }
}
