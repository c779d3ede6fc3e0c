import * as Data from "effect/Data"

/**
 * How a sandbox loses a connection: refused before the request, or reset within the answer. `code` is what the network
 * of the operating system would say.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionLost extends Data.TaggedError("ConnectionLost")<{
  readonly code: "ECONNREFUSED" | "ECONNRESET"
}> {
  override get message() {
    return `${this.code}: a fault of the sandbox`
  }
}
