import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import { ApiError, RateLimited, ServerFailed, Unauthenticated } from "../../src/index.ts"
import { errorExamples, httpError, reasons, responseFields } from "./errorExamples.ts"

describe("the message of", () => {
  for (const { error, texts } of errorExamples) {
    it(`${error._tag} says what happened and what to do, in every printed form: ${error.message.slice(0, 60)}`, () => {
      const printed = {
        message: error.message,
        string: String(error),
        pretty: Cause.pretty(Cause.fail(error)),
        die: Cause.pretty(Cause.die(error))
      }
      for (const [form, output] of Object.entries(printed)) {
        for (const text of texts) assert.include(output, text, form)
        assert.notInclude(output, "[object Object]", form)
        assert.notInclude(output, "undefined", form)
      }
      assert.notInclude(error.message, "\n")
      assert.strictEqual(error.name, `effect-ripio-tickets/${error._tag}`)
      assert.strictEqual(printed.string, `${error.name}: ${error.message}`)
    })
  }

  it("an error omits the fields that it does not have", () => {
    assert.include(new Unauthenticated({ refused: "token", status: 401 }).message, "(401)")
    assert.include(new RateLimited({ status: 429 }).message, "try again later (429)")
    const { message } = new ApiError({ ...responseFields, detail: {}, attempts: 1 })
    assert.include(message, "refused the request (403")
  })

  it("an error shows all details as JSON if they have no message", () => {
    const { message } = new ApiError({ ...responseFields, detail: { message: 7 }, attempts: 1 })
    assert.include(message, 'refused the request: {"message":7} (403')
  })
})

describe("isRetryable", () => {
  it("says for each reason, and for its RipioHttpError, whether the same request may succeed later", () => {
    const retryable = ["TransportFailed", "TimedOut", "RateLimited", "ServerFailed"]
    for (const [tag, reason] of Object.entries(reasons)) {
      assert.strictEqual(reason.isRetryable, retryable.includes(tag), tag)
      assert.strictEqual(httpError(reason).isRetryable, retryable.includes(tag), tag)
    }
    for (const status of [501, 505, 511, 599]) assert.isFalse(new ServerFailed({ status }).isRetryable)
  })
})
