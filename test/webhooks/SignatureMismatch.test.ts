import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { ticketId } from "../support/fixtures.ts"
import { bytesOf, createdJson, nodeSignature, secretText } from "./fixtures.ts"
import { verify } from "./verify.ts"

const signedBody = JSON.stringify(createdJson)

/** A delivery whose body was changed after it was signed. */
const changedTo = (changed: string | Uint8Array) => ({
  body: typeof changed === "string" ? bytesOf(changed) : changed,
  headers: { "http-x-wh-signature-256": nodeSignature(signedBody) }
})

const reserialized = "the body does not begin like one of Ripio's. It was parsed and serialised again, or wrapped"
const unescaped =
  "the body contains characters that Ripio escapes. It was parsed and serialised again, or its encoding was changed"

describe("a signature mismatch", () => {
  for (const { body, issue, title } of [
    { title: "an empty body", body: "", issue: "the body is empty. Something may have read it before" },
    { title: "pretty-printed JSON", body: JSON.stringify(createdJson, null, 2), issue: reserialized },
    { title: "an array", body: `[${signedBody}]`, issue: reserialized },
    { title: "a quoted body", body: `"${signedBody}"`, issue: reserialized },
    { title: "unescaped characters", body: signedBody.replace("SUP", "ñ"), issue: unescaped },
    { title: "one byte that is not ASCII", body: Uint8Array.of(...bytesOf(signedBody), 0x80), issue: unescaped },
    { title: "a byte order mark", body: `\ufeff${signedBody}`, issue: unescaped }
  ]) {
    it.effect(`points to the body and says what is wrong with it: ${title}`, () =>
      Effect.gen(function* () {
        const delivery = changedTo(body)
        const error = yield* Effect.flip(verify(delivery))
        assert.strictEqual(error.reason._tag, "SignatureMismatch")
        assert.strictEqual(error.suspect, "body")
        assert.strictEqual(
          error.message,
          `Webhook rejected, check the body: the signature does not match: ${issue} (${delivery.body.length} bytes, 1 secret tried)`
        )
      })
    )
  }

  for (const { body, title, type } of [
    { title: "an object", body: createdJson, type: "of type object" },
    { title: "a string", body: signedBody, type: "of type string" },
    { title: "undefined", body: undefined, type: "of type undefined" },
    { title: "null", body: null, type: "null" }
  ]) {
    it.effect(`points to the body if it is not bytes but ${title}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(verify({ ...changedTo(signedBody), body: body as unknown as Uint8Array }))
        assert.strictEqual(error.reason._tag, "SignatureMismatch")
        assert.include(error.message, `the body is ${type} instead of bytes. Pass the bytes as received`)
        assert.include(error.message, "(0 bytes, 0 secrets tried)")
      })
    )
  }

  it.effect("points to the secret if the body looks like one of Ripio's", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify(changedTo(signedBody.replace("SUP-1234", "SUP-1235"))))
      assert.strictEqual(error.suspect, "secret")
      assert.include(error.message, "so the secret belongs to another account or environment or was replaced; or ")
      assert.include(error.message, `(${signedBody.length} bytes, 1 secret tried)`)
    })
  )

  it.effect("shows neither the body, nor the signature, nor the secret", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify(changedTo(signedBody.replace("SUP-1234", "SUP-7777"))))
      for (const printed of [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
        for (const hidden of [secretText, "SUP-7777", ticketId, nodeSignature(signedBody).slice("sha256=".length)]) {
          assert.notInclude(printed, hidden)
        }
      }
    })
  )
})
