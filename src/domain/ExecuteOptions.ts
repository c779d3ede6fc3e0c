/**
 * Options of `RipioHttp.execute`.
 *
 * @since 0.1.0
 */
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
  /** Annotations of the log that an interrupted write leaves, to find out later whether it was carried out. */
  readonly annotations?: Record<string, unknown> | undefined
}
