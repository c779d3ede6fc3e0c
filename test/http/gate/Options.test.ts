import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Ripio, RipioHttpLive } from "../../../src/index.ts"
import { AuthStaticToken } from "../../../src/index.ts"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { assertInvalid, buildError, validOptions } from "../../support/invalidOptions.ts"
import { untyped } from "../../support/untyped.ts"

const wholeNumber = "expected a whole number above zero"
const window = "expected a duration above zero that ends"

const invalid: ReadonlyArray<{ readonly gate: unknown; readonly option: string; readonly issue: string }> = [
  ...[null, 7, "32", true].map((gate) => ({ gate, option: "gate", issue: "expected an object" })),
  ...[0, -1, 0.5, Number.NaN, Infinity, "2", null].map((concurrency) => ({
    gate: { concurrency },
    option: "gate.concurrency",
    issue: wholeNumber
  })),
  ...[null, 7].map((rateLimit) => ({
    gate: { rateLimit },
    option: "gate.rateLimit",
    issue: "expected an object with a limit and a window"
  })),
  ...[0, -1, 1.5, undefined].map((limit) => ({
    gate: { rateLimit: { limit, window: "1 second" } },
    option: "gate.rateLimit.limit",
    issue: wholeNumber
  })),
  ...[0, -1, "soon", undefined, Number.NaN, Duration.infinity].map((value) => ({
    gate: { rateLimit: { limit: 1, window: value } },
    option: "gate.rateLimit.window",
    issue: window
  })),
  ...["", " ", "a\nb", 7, "x".repeat(101)].map((account) => ({
    gate: { account },
    option: "gate.account",
    issue: "expected some text of at most 100 characters"
  }))
]

describe("the options of the gate", () => {
  it.effect("that cannot be read are a typed error", () =>
    Effect.gen(function* () {
      const gate = {
        get concurrency(): number {
          throw new Error("unreadable")
        }
      }
      const error = yield* buildError(Ripio.layer({ ...validOptions, gate }))
      assertInvalid(error, "gate", "expected a value that can be read")
    })
  )

  it.effect.each(invalid)("are checked before anything is sent: %o", ({ gate, issue, option }) =>
    Effect.gen(function* () {
      const options = { ...validOptions, gate: untyped(gate) }
      assertInvalid(yield* buildError(Ripio.layer(options)), option, issue)
      const auth = AuthStaticToken.layer({ token: Redacted.make("token") })
      assertInvalid(yield* buildError(RipioHttpLive.layer(options).pipe(Layer.provide(auth))), option, issue)
    })
  )
})
