import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { apiErrors, created, ticketId } from "../support/fixtures.ts"
import {
  html,
  maxBodyBytes,
  range,
  retrieveFrom,
  retrieveFromEach,
  toJson,
  unexpectedOf,
  unknownCode
} from "./responses.ts"

/** JSON bodies that do not have the shape of an API error. */
const otherShapes = [
  { error: "teapot" },
  { detail: "Request was throttled." },
  { ...unknownCode, code: "40001" },
  { ...unknownCode, code: 40001.5 },
  { ...apiErrors.notFound, type: null },
  { ...apiErrors.notFound, detail: "Support ticket not found." },
  { code: 40017, type: "SupportTicketNotFoundException", detail: {} },
  [apiErrors.notFound],
  "40017",
  40017,
  null
]

interface Body {
  readonly kind: string
  readonly text: string
  /** The code, if the body is an API error. */
  readonly code?: number
}

const bodies: ReadonlyArray<Body> = [
  ...Object.values(apiErrors).map((error) => ({ kind: "known code", text: JSON.stringify(error), code: error.code })),
  { kind: "unknown code", text: JSON.stringify(unknownCode), code: unknownCode.code },
  { kind: "HTML", text: html },
  { kind: "empty", text: "" },
  { kind: "truncated JSON", text: JSON.stringify(apiErrors.notFound).slice(0, -1) },
  { kind: "oversized", text: JSON.stringify(apiErrors.notFound).padEnd(maxBodyBytes + 1) },
  ...otherShapes.map((json) => ({ kind: "another shape", text: JSON.stringify(json) }))
]

const decodeRecord = Schema.decodeUnknownSync(Schema.Record(Schema.String, Schema.Unknown))

/** The expected error of `retrieve`, written from the API's documentation and independent of the code under test. */
const expected = (status: number, { code, kind, text }: Body): Record<string, unknown> => {
  const error = code === undefined ? undefined : { ...decodeRecord(JSON.parse(text)), status }
  const requestId = `request-${status}`
  if (code === 40001) return { _tag: "Unauthenticated", refused: "token", attempts: 1, ...error, requestId }
  if (code === 20061) return { _tag: "NotEnabled", attempts: 1, ...error, requestId }
  if (code === 40017) return { _tag: "NotFound", ticketId, attempts: 1, ...error, requestId }
  if (status === 401) return { _tag: "Unauthenticated", refused: "token", attempts: 1, status, ...error, requestId }
  const reason = () => {
    if (status === 429) return { _tag: "RateLimited", status }
    if (status === 408 || status >= 500) {
      return { _tag: "ServerFailed", status, ...(code === undefined ? {} : { code }) }
    }
    if (error !== undefined) {
      return {
        _tag: "UnexpectedResponse",
        status,
        issue: "code 99999 (TeapotException) is not documented for this operation",
        excerpt: JSON.stringify(error)
      }
    }
    return {
      _tag: "UnexpectedResponse",
      status,
      issue: "not an error of the API: check the base URL, and whether a proxy responds",
      excerpt: kind === "oversized" ? "" : kind === "HTML" ? `${text.slice(0, 511)}…` : text
    }
  }
  return { _tag: "RipioHttpError", operation: "retrieve", attempts: 1, reason: reason(), requestId }
}

describe("the error of retrieve", () => {
  it.effect("holds all that the response says, for every status from 400 to 599 and every kind of body", () => {
    const cases = range(400, 599).flatMap((status) => bodies.map((body) => ({ status, body })))
    assert.strictEqual(cases.length, 200 * (4 + 4 + otherShapes.length))
    return retrieveFromEach(
      cases.map(({ body, status }) => ({ status, text: body.text, headers: { "x-request-id": `request-${status}` } })),
      (result, index) => {
        const { body, status } = cases[index]!
        assert.deepStrictEqual(result, expected(status, body), `${status} ${body.kind} ${body.text.slice(0, 80)}`)
      }
    )
  })

  it.effect("is as documented for the responses on the API's page", () => {
    const unauthenticated = {
      _tag: "Unauthenticated",
      refused: "token",
      attempts: 1,
      code: 40001,
      type: "NotAuthenticated",
      detail: { message: "Authentication credentials were not provided.", code: "not_authenticated" }
    }
    const cases = [
      { status: 200, body: created, expected: { _tag: "Created", ticketId, issueKey: "SUP-1234" } },
      { status: 401, body: apiErrors.notAuthenticated, expected: { ...unauthenticated, status: 401 } },
      {
        status: 403,
        body: { ...apiErrors.notAuthenticated, status: 403 },
        expected: { ...unauthenticated, status: 403 }
      },
      {
        status: 403,
        body: apiErrors.notEnabled,
        expected: {
          _tag: "NotEnabled",
          attempts: 1,
          status: 403,
          code: 20061,
          type: "SupportTicketsNotEnabledException",
          detail: { message: "Support tickets are not enabled for this account." }
        }
      },
      {
        status: 404,
        body: apiErrors.notFound,
        expected: {
          _tag: "NotFound",
          attempts: 1,
          ticketId,
          status: 404,
          code: 40017,
          type: "SupportTicketNotFoundException",
          detail: { message: "Support ticket not found." }
        }
      }
    ]
    return retrieveFromEach(
      cases.map(({ body, status }) => ({ status, text: JSON.stringify(body) })),
      (result, index) => assert.deepStrictEqual(result, cases[index]!.expected)
    )
  })

  it.effect("has the HTTP status, even if the body says another", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(retrieveFrom(410, { ...apiErrors.notFound, status: 404 }))
      assert.deepInclude(error, { _tag: "NotFound", status: 410 })
    })
  )

  it.effect("has the request id from the first header of proxies that is not empty, at most 128 characters", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<{
        readonly headers: Record<string, string>
        readonly requestId: string | undefined
      }> = [
        { headers: { "X-Request-Id": "a" }, requestId: "a" },
        { headers: { "Request-Id": "b" }, requestId: "b" },
        { headers: { "X-Correlation-Id": "c" }, requestId: "c" },
        { headers: { "CF-Ray": "d" }, requestId: "d" },
        { headers: { "x-request-id": "", "cf-ray": "d" }, requestId: "d" },
        { headers: { "cf-ray": "d", "x-request-id": "a" }, requestId: "a" },
        { headers: { "x-request-id": "x".repeat(129) }, requestId: `${"x".repeat(127)}…` },
        { headers: {}, requestId: undefined }
      ]
      for (const { headers, requestId } of cases) {
        const error = yield* Effect.flip(retrieveFrom(404, apiErrors.notFound, headers))
        assert.strictEqual("requestId" in error ? error.requestId : undefined, requestId)
      }
    })
  )

  it.effect("has an excerpt of at most 512 characters, which ends with an ellipsis if it was truncated", () =>
    Effect.gen(function* () {
      for (const { length, excerpt } of [
        { length: 512, excerpt: "x".repeat(512) },
        { length: 513, excerpt: `${"x".repeat(511)}…` },
        { length: maxBodyBytes, excerpt: `${"x".repeat(511)}…` },
        { length: maxBodyBytes + 1, excerpt: "" }
      ]) {
        const error = yield* Effect.flip(retrieveFrom(404, "x".repeat(length)))
        assert.strictEqual(unexpectedOf(error).excerpt, excerpt)
      }
    })
  )

  it.effect("has no unbounded text: an error type as large as a body is truncated too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(retrieveFrom(400, { ...unknownCode, type: "x".repeat(60_000) }))
      const { excerpt, issue } = unexpectedOf(error)
      assert.isAtMost(excerpt.length, 512)
      assert.isAtMost(issue.length, 600)
      assert.isAtMost(error.message.length, 800)
    })
  )

  it.effect("redacts tokens that the body quotes, and keeps the rest of the API error", () =>
    Effect.gen(function* () {
      const detail = {
        message: `Header "Bearer abcdefghijkl" and form 'access_token=abcdefgh', {"access_token":"abcdefgh"} are refused`,
        access_token: 12_345_678,
        nested: [{ client_secret: "abcdefghijkl" }, null, true]
      }
      const error = yield* Effect.flip(retrieveFrom(404, { ...apiErrors.notFound, detail }))
      assert(error._tag === "NotFound")
      assert.strictEqual(error.type, "SupportTicketNotFoundException")
      assert.notInclude(JSON.stringify(error), "abcdefgh")
      assert.notInclude(JSON.stringify(error), "12345678")
      const { message, nested } = error.detail
      assert(typeof message === "string")
      assert.match(message, /^Header "Bearer <redacted>" and form .* are refused$/u)
      assert.deepStrictEqual(nested, [{ client_secret: "<redacted>" }, null, true])
    })
  )
})

describe("deeply nested JSON", () => {
  it.effect("is truncated at a depth of 10 levels, where an ellipsis marks the cut", () =>
    Effect.gen(function* () {
      const nested = (levels: number, value: string): unknown => (levels === 0 ? value : [nested(levels - 1, value)])
      // `detail` is one more level.
      for (const { expected, levels } of [
        { levels: 8, expected: nested(8, "Bearer <redacted>") },
        { levels: 9, expected: nested(9, "Bearer <redacted>") },
        { levels: 10, expected: nested(9, "…") }
      ]) {
        const detail = { nested: nested(levels, "Bearer abcdefghijkl") }
        const error = yield* Effect.flip(retrieveFrom(404, { ...apiErrors.notFound, detail }))
        assert(error._tag === "NotFound")
        assert.deepStrictEqual(error.detail["nested"], expected)
      }
    })
  )

  it.effect("is not a defect, and an error that carries it can be printed", () =>
    Effect.gen(function* () {
      const nesting = (open: string, close: string) => {
        const levels = 60_000 / (open.length + close.length)
        return `{"deep":${open.repeat(levels)}0${close.repeat(levels)}`
      }
      for (const nested of [nesting("[", "]"), nesting('{"a":', "}")]) {
        const ticket = yield* retrieveFrom(200, `${nested},${JSON.stringify(created).slice(1)}`)
        assert.strictEqual(ticket._tag, "Created")
        for (const { apiError, expected } of [
          { apiError: apiErrors.notFound, expected: "NotFound" },
          { apiError: unknownCode, expected: "RipioHttpError" }
        ]) {
          const body = JSON.stringify({ ...apiError, detail: "DETAIL" }).replace('"DETAIL"', `${nested}}`)
          const error = yield* Effect.flip(retrieveFrom(400, body))
          assert.strictEqual(error._tag, expected)
          assert.isString(JSON.stringify(error))
          assert.deepInclude(toJson(error), { _tag: expected })
        }
      }
    })
  )
})

describe("a redirect", () => {
  it.effect("is not followed, and is an UnexpectedResponse", () =>
    Effect.gen(function* () {
      for (const status of [300, 301, 302, 303, 304, 307, 308, 399]) {
        const error = yield* Effect.flip(retrieveFrom(status, "moved", { location: "https://elsewhere.test/" }))
        assert.deepEqual(toJson(error), {
          _tag: "RipioHttpError",
          operation: "retrieve",
          attempts: 1,
          reason: {
            _tag: "UnexpectedResponse",
            status,
            issue: "redirects are not followed: check the base URL",
            excerpt: "moved"
          }
        })
      }
    })
  )
})
