import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { interpret } from "../../src/internal/http/interpret.ts"

const decode = Schema.decodeUnknownResult(Schema.Struct({ ok: Schema.Boolean }))
const response = (status: number, body: unknown) => ({ status, body: JSON.stringify(body), secrets: [] })
const read = { isWrite: false }

describe("interpret", () => {
  it("returns the decoded value of a 2xx", () => {
    assert.deepStrictEqual(interpret(response(200, { ok: true }), decode, read), {
      _tag: "Success",
      value: { ok: true }
    })
  })

  it("returns an UnexpectedResponse that names the field of a 2xx that cannot be decoded", () => {
    const meaning = interpret(response(200, { ok: "yes" }), decode, read)
    assert(meaning._tag === "UnexpectedResponse")
    assert.match(meaning.issue, /^ok: /u)
  })

  it("returns the issue that the decoder describes", () => {
    const meaning = interpret(response(200, {}), () => Result.fail("ticketId: differs"), read)
    assert(meaning._tag === "UnexpectedResponse")
    assert.strictEqual(meaning.issue, "ticketId: differs")
  })

  it("does not decode the body of an error", () => {
    const notFound = { code: 40017, type: "T", detail: {}, status: 404 }
    const meaning = interpret(response(404, notFound), () => assert.fail("decoded"), read)
    assert.deepStrictEqual(meaning, { _tag: "ApiError", ...notFound })
  })

  it("returns ServerFailed for a 5xx of a write, whatever its code", () => {
    for (const code of [40001, 20061, 40017, 50000]) {
      const meaning = interpret(response(500, { code, type: "T", detail: {}, status: 500 }), decode, { isWrite: true })
      assert(meaning._tag === "ServerFailed")
      assert.deepInclude(meaning, { status: 500, code })
    }
  })
})
