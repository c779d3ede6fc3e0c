import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  NotEnabled,
  NotFound,
  OutcomePending,
  RipioHttpError,
  SupportTickets,
  Unauthenticated
} from "../../src/index.ts"
import { classify, classifyTokenResponse } from "../../src/domain/classify.ts"
import { maxBodyBytes, type RawResponse } from "../../src/domain/RawResponse.ts"
import { ticketId } from "../support/fixtures.ts"
import { type Script, scriptedTickets } from "../support/harness.ts"

// The tests of classification import the functions under test from here.
export { classify, classifyTokenResponse, maxBodyBytes }

/** All integers from `from` to `to`, both included. */
export const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** An HTML error page of about 1,000 characters. */
export const html = `<html><head><title>Bad Gateway</title></head><body>${"<hr>nginx".repeat(100)}</body></html>`

/** An API error with a code that the library does not know. */
export const unknownCode = {
  code: 99999,
  type: "TeapotException",
  detail: { message: "Short and stout.", tip: [1] },
  status: 418
}

/** The argument of `classify`. A body that is neither a string nor `undefined` is written as JSON. */
export const rawResponse = (status: number, body: unknown, fields: Partial<RawResponse> = {}): RawResponse => ({
  status,
  body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  secrets: [],
  ...fields
})

const encode = Schema.encodeUnknownSync(
  Schema.toCodecJson(Schema.Union([NotEnabled, NotFound, Unauthenticated, RipioHttpError, OutcomePending]))
)

/** Every field of an error, as JSON. */
export const toJson = (error: unknown): unknown => encode(error)

/** The reason of a `RipioHttpError`. */
export const reasonOf = (error: unknown) => {
  assert.instanceOf(error, RipioHttpError)
  return error.reason
}

/** The reason of a `RipioHttpError`, which must be `UnexpectedResponse`. */
export const unexpectedOf = (error: unknown) => {
  const reason = reasonOf(error)
  assert(reason._tag === "UnexpectedResponse")
  return reason
}

/** Retrieves a ticket once, without retries, on a client with this script. */
export const retrieveScripted = (script: Script) =>
  Effect.gen(function* () {
    const { layer } = yield* scriptedTickets(script, { retry: { times: 0 } })
    return yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(Effect.provide(layer))
  })

/** Retrieves a ticket from this response. A body that is not a string is written as JSON. */
export const retrieveFrom = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  retrieveScripted([{ status, text: typeof body === "string" ? body : JSON.stringify(body), headers }])

interface TextResponse {
  readonly status: number
  readonly text: string
  readonly headers?: Record<string, string>
}

/** Retrieves a ticket from each response, and checks each result: a ticket, or the JSON of an error. */
export const retrieveFromEach = (
  responses: ReadonlyArray<TextResponse>,
  check: (result: unknown, index: number) => void
) =>
  Effect.gen(function* () {
    const scripted = yield* scriptedTickets(responses, { retry: { times: 0 } })
    yield* Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      for (const index of responses.keys()) {
        const result = yield* Effect.match(retrieve(ticketId), { onFailure: toJson, onSuccess: (ticket) => ticket })
        check(result, index)
      }
    }).pipe(Effect.provide(scripted.layer))
    assert.strictEqual((yield* scripted.requests).length, responses.length)
  })
