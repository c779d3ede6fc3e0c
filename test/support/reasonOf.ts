import { assert } from "@effect/vitest"
import { RipioHttpError } from "../../src/index.ts"

/** The reason of an error, which must be a `RipioHttpError`. */
export const reasonOf = (error: object) => {
  assert.instanceOf(error, RipioHttpError)
  return error.reason
}
