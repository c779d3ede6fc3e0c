import * as Result from "effect/Result"
import { type Classification, classify, unexpectedResponse } from "../../domain/classify.ts"
import { describe } from "../../domain/describe.ts"
import { describeSchemaError } from "../../domain/describeSchemaError.ts"
import type { ExecuteOptions } from "../../domain/ExecuteOptions.ts"
import type { RawResponse } from "../../domain/RawResponse.ts"

/** The meaning of a response: its decoded value, or what `classify` says. */
export const interpret = <A>(
  response: RawResponse,
  decode: ExecuteOptions<A>["decode"],
  options: { readonly isWrite: boolean }
): { readonly _tag: "Success"; readonly value: A } | Exclude<Classification, { readonly _tag: "Success" }> => {
  const classification = classify(response, options)
  if (classification._tag !== "Success") return classification
  try {
    const decoded = decode(classification.json)
    if (Result.isSuccess(decoded)) return { _tag: "Success", value: decoded.success }
    const { failure } = decoded
    return unexpectedResponse(response, typeof failure === "string" ? failure : describeSchemaError(failure))
  } catch (defect) {
    // The response has arrived, whatever the decoder does with it.
    return unexpectedResponse(response, `it could not be decoded: ${describe(defect)}`)
  }
}
