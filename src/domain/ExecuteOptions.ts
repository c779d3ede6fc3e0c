/**
 * Options of `RipioHttp.execute`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"

/**
 * How to name a request and decode its response.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExecuteOptions<A> {
  /** A short name for the operation. It appears in errors, logs and metric labels, so use few different ones. */
  readonly operation: string
  /**
   * Decodes the JSON of a 2xx response: `Schema.decodeUnknownResult(schema)`, created once. A failure may also be a string
   * that describes the problem.
   */
  readonly decode: (json: unknown) => Result.Result<A, Schema.SchemaError | string>
  /**
   * Annotations of the logs about this request: a retry of a read, and a write whose caller was interrupted after the
   * request was handed to the transport. They are computed when they are needed, with the decoded response if there is one.
   */
  readonly annotations?: ((value: A | undefined) => Effect.Effect<Record<string, unknown>>) | undefined
}
