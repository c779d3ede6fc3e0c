import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import {
  IssueKey,
  NotEnabled,
  NotFound,
  OutcomePending,
  RipioHttpError,
  type SupportTicket,
  SupportTickets,
  Unauthenticated
} from "../../src/index.ts"
import { classify, classifyTokenResponse as classifyGrant } from "../../src/domain/classify.ts"
import { maxBodyBytes, type RawResponse as Answer } from "../../src/domain/RawResponse.ts"
import { apiErrors, created, failed, pending, ticketId } from "../support/fixtures.ts"
import { scriptedTickets } from "../support/harness.ts"

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

const encode = Schema.encodeUnknownSync(
  Schema.toCodecJson(Schema.Union([NotEnabled, NotFound, Unauthenticated, RipioHttpError, OutcomePending]))
)

/** Every field of an error, as plain JSON. */
const plain = (error: unknown): unknown => encode(error)

const answer = (status: number, body: unknown, more: Partial<Answer> = {}): Answer => ({
  status,
  body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  secrets: [],
  ...more
})

const html = `<html><head><title>Bad Gateway</title></head><body>${"<hr>nginx".repeat(100)}</body></html>`
const unknownCode = {
  code: 99999,
  type: "TeapotException",
  detail: { message: "Short and stout.", tip: [1] },
  status: 418
}
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

/** The kinds of body that an error may have. `undefined` is a body that is too large to be read. */
const bodies: ReadonlyArray<{ readonly kind: string; readonly text: string; readonly code?: number }> = [
  ...Object.values(apiErrors).map((error) => ({ kind: "known code", text: JSON.stringify(error), code: error.code })),
  { kind: "unknown code", text: JSON.stringify(unknownCode), code: unknownCode.code },
  { kind: "HTML", text: html },
  { kind: "empty", text: "" },
  { kind: "cut JSON", text: JSON.stringify(apiErrors.notFound).slice(0, -1) },
  { kind: "oversized", text: JSON.stringify(apiErrors.notFound).padEnd(maxBodyBytes + 1) },
  ...otherShapes.map((json) => ({ kind: "another shape", text: JSON.stringify(json) }))
]

const unexpectedError = "not an error of the API: is a proxy in the way, or the base URL wrong?"

/** What `retrieve` makes of an answer, told again from the API's notes and not from the code. */
const expected = (status: number, { code, kind, text }: (typeof bodies)[number]): Record<string, unknown> => {
  const error =
    code === undefined
      ? undefined
      : { ...Schema.decodeUnknownSync(Schema.Record(Schema.String, Schema.Unknown))(JSON.parse(text)), status }
  const requestId = `request-${status}`
  if (code === 40001) return { _tag: "Unauthenticated", refused: "token", attempts: 1, ...error, requestId }
  if (code === 20061) return { _tag: "NotEnabled", attempts: 1, ...error, requestId }
  if (code === 40017) return { _tag: "NotFound", ticketId, attempts: 1, ...error, requestId }
  if (status === 401) return { _tag: "Unauthenticated", refused: "token", attempts: 1, status, ...error, requestId }
  const reason = () => {
    if (status === 429) return { _tag: "RateLimited", status }
    if (status === 408 || status >= 500)
      return { _tag: "ServerFailed", status, ...(code === undefined ? {} : { code }) }
    if (error !== undefined) {
      return {
        _tag: "UnexpectedResponse",
        status,
        issue: "code 99999 (TeapotException) is not documented for this operation",
        excerpt: JSON.stringify(error)
      }
    }
    const excerpt = kind === "oversized" ? "" : kind === "HTML" ? `${text.slice(0, 511)}…` : text
    return { _tag: "UnexpectedResponse", status, issue: unexpectedError, excerpt }
  }
  return { _tag: "RipioHttpError", operation: "retrieve", attempts: 1, reason: reason(), requestId }
}

const withOneAnswerEach = (
  answers: ReadonlyArray<{ readonly status: number; readonly text: string; readonly headers?: Record<string, string> }>,
  check: (result: unknown, index: number) => void
) =>
  Effect.gen(function* () {
    const scripted = yield* scriptedTickets(answers, { retry: { times: 0 } })
    yield* Effect.gen(function* () {
      const tickets = yield* SupportTickets
      for (const index of answers.keys()) {
        check(
          yield* Effect.match(tickets.retrieve(ticketId), { onFailure: plain, onSuccess: (ticket) => ticket }),
          index
        )
      }
    }).pipe(Effect.provide(scripted.layer))
    assert.strictEqual((yield* scripted.requests).length, answers.length)
  })

const retrieveOnce = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const scripted = yield* scriptedTickets([{ status, text, headers }], { retry: { times: 0 } })
    return yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(Effect.provide(scripted.layer))
  })

const reasonOf = (error: unknown) => {
  assert.instanceOf(error, RipioHttpError)
  return error.reason
}

describe("an error answer, through retrieve", () => {
  it.effect("every status of 400 to 599 with every kind of body fails with all that the answer said", () => {
    const cases = range(400, 599).flatMap((status) => bodies.map((body) => ({ status, body })))
    assert.strictEqual(cases.length, 200 * (4 + 4 + otherShapes.length))
    return withOneAnswerEach(
      cases.map(({ body, status }) => ({ status, text: body.text, headers: { "x-request-id": `request-${status}` } })),
      (result, index) => {
        const { body, status } = cases[index]!
        assert.deepStrictEqual(result, expected(status, body), `${status} ${body.kind} ${body.text.slice(0, 80)}`)
      }
    )
  })

  it.effect("the answers of the API's page are what the page says", () =>
    withOneAnswerEach(
      [
        { status: 200, text: JSON.stringify(created) },
        { status: 401, text: JSON.stringify(apiErrors.notAuthenticated) },
        { status: 403, text: JSON.stringify({ ...apiErrors.notAuthenticated, status: 403 }) },
        { status: 403, text: JSON.stringify(apiErrors.notEnabled) },
        { status: 404, text: JSON.stringify(apiErrors.notFound) }
      ],
      (result, index) => {
        const unauthenticated = {
          _tag: "Unauthenticated",
          refused: "token",
          attempts: 1,
          code: 40001,
          type: "NotAuthenticated",
          detail: { message: "Authentication credentials were not provided.", code: "not_authenticated" }
        }
        const documented = [
          { _tag: "Created", ticketId, issueKey: "SUP-1234" },
          { ...unauthenticated, status: 401 },
          { ...unauthenticated, status: 403 },
          {
            _tag: "NotEnabled",
            attempts: 1,
            status: 403,
            code: 20061,
            type: "SupportTicketsNotEnabledException",
            detail: { message: "Support tickets are not enabled for this account." }
          },
          {
            _tag: "NotFound",
            attempts: 1,
            ticketId,
            status: 404,
            code: 40017,
            type: "SupportTicketNotFoundException",
            detail: { message: "Support ticket not found." }
          }
        ]
        assert.deepStrictEqual(result, documented[index])
      }
    )
  )

  it.effect("the status is that of HTTP, whatever the body says of it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(retrieveOnce(410, { ...apiErrors.notFound, status: 404 }))
      assert.deepInclude(error, { _tag: "NotFound", status: 410 })
    })
  )

  it.effect(
    "a request id is read from the headers that proxies use, the first of them that is not empty, and bounded",
    () =>
      Effect.gen(function* () {
        const id = (headers: Record<string, string>) =>
          Effect.map(Effect.flip(retrieveOnce(404, apiErrors.notFound, headers)), (error) =>
            "requestId" in error ? error.requestId : undefined
          )
        assert.strictEqual(yield* id({ "X-Request-Id": "a" }), "a")
        assert.strictEqual(yield* id({ "Request-Id": "b" }), "b")
        assert.strictEqual(yield* id({ "X-Correlation-Id": "c" }), "c")
        assert.strictEqual(yield* id({ "CF-Ray": "d" }), "d")
        assert.strictEqual(yield* id({ "x-request-id": "", "cf-ray": "d" }), "d")
        assert.strictEqual(yield* id({ "cf-ray": "d", "x-request-id": "a" }), "a")
        assert.strictEqual(yield* id({ "x-request-id": "x".repeat(129) }), "x".repeat(128))
        assert.strictEqual(yield* id({}), undefined)
      })
  )

  it.effect("an excerpt has at most 512 characters, and ends with an ellipsis if it was cut", () =>
    Effect.gen(function* () {
      const excerpt = (text: string) =>
        Effect.map(Effect.flip(retrieveOnce(404, text)), (error) => {
          const reason = reasonOf(error)
          assert(reason._tag === "UnexpectedResponse")
          return reason.excerpt
        })
      assert.strictEqual(yield* excerpt("x".repeat(512)), "x".repeat(512))
      assert.strictEqual(yield* excerpt("x".repeat(513)), `${"x".repeat(511)}…`)
      assert.strictEqual(yield* excerpt("x".repeat(maxBodyBytes)), `${"x".repeat(511)}…`)
      assert.strictEqual(yield* excerpt("x".repeat(maxBodyBytes + 1)), "")
    })
  )

  it.effect("no text of an error is unbounded: an error type as large as a body is cut too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(retrieveOnce(400, { ...unknownCode, type: "x".repeat(60_000) }))
      const reason = reasonOf(error)
      assert(reason._tag === "UnexpectedResponse")
      assert.isAtMost(reason.excerpt.length, 512)
      assert.isAtMost(reason.issue.length, 600)
      assert.isAtMost(error.message.length, 800)
    })
  )

  it.effect("an error of the API is read although its text speaks of tokens and quotes them", () =>
    Effect.gen(function* () {
      const detail = {
        message: `Header "Bearer abcdefghijkl" and form 'access_token=abcdefgh', {"access_token":"abcdefgh"} are refused`,
        access_token: 12_345_678,
        nested: [{ client_secret: "abcdefghijkl" }, null, true]
      }
      const error = yield* Effect.flip(retrieveOnce(404, { ...apiErrors.notFound, detail }))
      assert(error._tag === "NotFound")
      assert.strictEqual(error.type, "SupportTicketNotFoundException")
      assert.notInclude(JSON.stringify(error), "abcdefgh")
      assert.notInclude(JSON.stringify(error), "12345678")
      const { message } = error.detail
      assert(typeof message === "string")
      assert.match(message, /^Header "Bearer <redacted>" and form .* are refused$/u)
      assert.deepStrictEqual(error.detail["nested"], [{ client_secret: "<redacted>" }, null, true])
    })
  )
})

describe("JSON that is nested beyond the stack", () => {
  it.effect("is kept a hundred levels deep, and its end is marked", () =>
    Effect.gen(function* () {
      const nest = (levels: number): unknown => (levels === 0 ? "Bearer abcdefghijkl" : [nest(levels - 1)])
      const kept = (levels: number, end: string): unknown => (levels === 0 ? end : [kept(levels - 1, end)])
      // The body and its `detail` are two levels themselves.
      for (const [levels, expected] of [
        [98, kept(98, "Bearer <redacted>")],
        [99, kept(99, "Bearer <redacted>")],
        [100, kept(99, "…")]
      ] as const) {
        const error = yield* Effect.flip(retrieveOnce(404, { ...apiErrors.notFound, detail: { nested: nest(levels) } }))
        assert(error._tag === "NotFound")
        assert.deepStrictEqual(error.detail["nested"], expected)
      }
    })
  )

  const times = (before: string, after: string) => 60_000 / (before.length + after.length)
  const deep = (before: string, after: string) =>
    `{"deep":${before.repeat(times(before, after))}0${after.repeat(times(before, after))}`

  it.effect("is no defect, and an error that carries it can be printed", () =>
    Effect.gen(function* () {
      for (const nested of [deep("[", "]"), deep('{"a":', "}")]) {
        assert.strictEqual((yield* retrieveOnce(200, `${nested},${JSON.stringify(created).slice(1)}`))._tag, "Created")
        for (const error of [apiErrors.notFound, unknownCode]) {
          const text = JSON.stringify({ ...error, detail: "DETAIL" }).replace('"DETAIL"', `${nested}}`)
          const failure = yield* Effect.flip(retrieveOnce(400, text))
          assert.strictEqual(failure._tag, error === unknownCode ? "RipioHttpError" : "NotFound")
          assert.isString(JSON.stringify(failure))
          assert.deepInclude(plain(failure), { _tag: failure._tag })
        }
      }
    })
  )
})

describe("an answer of 2xx, through retrieve", () => {
  const ticket = (json: unknown) => retrieveOnce(200, json)

  it.effect("the three documented states are tickets, with any status of 2xx", () =>
    Effect.gen(function* () {
      for (const status of [200, 201, 202, 206, 299]) {
        assert.deepStrictEqual(yield* retrieveOnce(status, pending), { _tag: "Pending", ticketId })
        assert.deepStrictEqual(yield* retrieveOnce(status, failed), { _tag: "Failed", ticketId })
        const other: SupportTicket = yield* retrieveOnce(status, created)
        assert.deepStrictEqual(other, { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1234") })
      }
    })
  )

  it.effect("fields that the API may add are ignored, also those that are called like ours", () =>
    Effect.gen(function* () {
      const extra = { _tag: "Failed", __proto__: null, createdAt: "2026-01-01", nested: { status: "FAILED" } }
      assert.deepStrictEqual(yield* ticket({ ...extra, ...pending }), { _tag: "Pending", ticketId })
    })
  )

  it.effect("an id in upper case is the same id", () =>
    Effect.gen(function* () {
      const upper = { ...created, ticketId: ticketId.toUpperCase() }
      assert.deepStrictEqual(yield* ticket(upper), { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1234") })
    })
  )

  it.effect("an issue key may be any text that is not empty", () =>
    Effect.gen(function* () {
      for (const issueKey of ["SUP-1", "sup 1", "\u{1F600}", " ", "null", "x".repeat(10_000)]) {
        assert.deepStrictEqual(yield* ticket({ ...created, issueKey }), {
          _tag: "Created",
          ticketId,
          issueKey: IssueKey.make(issueKey)
        })
      }
    })
  )

  const noTicket = "Expected an object whose status is PENDING, CREATED or FAILED"
  const wrongStatus = ["OPEN", "pending", "Created", "CREATED ", "", 1, true, null, [], {}, ["CREATED"]]
  const wrongText = [1, true, [], {}, ["x"]]
  const cases: ReadonlyArray<readonly [json: unknown, issue: string]> = [
    ...wrongStatus.map((status) => [{ ...created, status }, noTicket] as const),
    ...wrongStatus.map((status) => [{ ...pending, status }, noTicket] as const),
    [{ ticketId, issueKey: "SUP-1234" }, noTicket],
    ...[[], [created], "CREATED", 1, 1.5, null, true, false, {}].map((json) => [json, noTicket] as const),
    // issueKey !== null exactly when the status is CREATED
    [{ ...created, issueKey: null }, "issueKey: Expected IssueKey"],
    [{ ...created, issueKey: "" }, "issueKey: Expected a value with a length of at least 1"],
    [{ ticketId, status: "CREATED" }, "issueKey: Missing key"],
    ...wrongText.map((issueKey) => [{ ...created, issueKey }, "issueKey: Expected IssueKey"] as const),
    ...[pending, failed].flatMap(({ status }) => [
      [{ ticketId, status }, "issueKey: Missing key"] as const,
      ...["SUP-1234", "", "null", ...wrongText].map(
        (issueKey) => [{ ticketId, status, issueKey }, "issueKey: Expected null"] as const
      )
    ]),
    ...[pending, created, failed].flatMap((json) => [
      [{ ...json, ticketId: undefined }, "ticketId: Missing key"] as const,
      ...[null, ...wrongText].map((id) => [{ ...json, ticketId: id }, "ticketId: Expected string"] as const),
      ...["", "x", ` ${ticketId}`, `${ticketId}\n`, ticketId.replaceAll("-", ""), `{${ticketId}}`].map(
        (id) => [{ ...json, ticketId: id }, "ticketId: Expected a UUID"] as const
      ),
      [
        { ...json, ticketId: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6e" },
        "ticketId: is not that of the ticket that was asked for"
      ] as const
    ])
  ]

  it.effect("whatever is no ticket is an UnexpectedResponse that names the field and shows the body", () =>
    withOneAnswerEach(
      cases.map(([json]) => ({ status: 200, text: JSON.stringify(json), headers: { "x-request-id": "7f3a" } })),
      (result, index) => {
        const [json, issue] = cases[index]!
        assert.deepStrictEqual(result, {
          _tag: "RipioHttpError",
          operation: "retrieve",
          attempts: 1,
          requestId: "7f3a",
          reason: { _tag: "UnexpectedResponse", status: 200, issue, excerpt: JSON.stringify(json) }
        })
      }
    )
  )

  it.effect("a body that is no JSON says how it is not", () =>
    Effect.gen(function* () {
      const issue = (text: string) =>
        Effect.map(Effect.flip(retrieveOnce(200, text)), (error) => {
          const reason = reasonOf(error)
          assert(reason._tag === "UnexpectedResponse")
          return [reason.issue, reason.excerpt]
        })
      const json = JSON.stringify(created)
      for (let length = 1; length < json.length; length++) {
        const cut = json.slice(0, length)
        assert.deepStrictEqual(yield* issue(cut), ["the body is not JSON", cut])
      }
      assert.deepStrictEqual(yield* issue(""), ["the body is empty", ""])
      assert.deepStrictEqual(yield* issue(" "), ["the body is not JSON", " "])
      assert.deepStrictEqual(yield* issue(html), ["the body is not JSON", `${html.slice(0, 511)}…`])
      assert.deepStrictEqual(yield* issue(`${json}{}`), ["the body is not JSON", `${json}{}`])
    })
  )

  it.effect("64 KiB are read and not one byte more, counted in bytes, with and without a content length", () =>
    Effect.gen(function* () {
      const json = JSON.stringify(created)
      const withKey = (issueKey: string) => JSON.stringify({ ...created, issueKey })
      // Each of these characters takes three bytes.
      const wide = withKey("€".repeat(Math.floor((maxBodyBytes - withKey("").length) / 3)))
      const chunked = (text: string) => {
        const bytes = new TextEncoder().encode(text)
        return new Response(
          new ReadableStream({
            start: (controller) => {
              for (let at = 0; at < bytes.length; at += 1000) controller.enqueue(bytes.subarray(at, at + 1000))
              controller.close()
            }
          }),
          { status: 200 }
        )
      }
      const reply = (text: string, streamed: boolean) => (streamed ? chunked(text) : { status: 200, text })
      for (const streamed of [false, true]) {
        const attempt = (text: string) =>
          Effect.gen(function* () {
            const scripted = yield* scriptedTickets([reply(text, streamed)], { retry: { times: 0 } })
            return yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(
              Effect.provide(scripted.layer)
            )
          })
        assert.strictEqual((yield* attempt(json.padEnd(maxBodyBytes)))._tag, "Created")
        assert.strictEqual((yield* attempt(wide))._tag, "Created")
        for (const text of [json.padEnd(maxBodyBytes + 1), withKey("€".repeat(maxBodyBytes / 2))]) {
          assert.deepInclude(reasonOf(yield* Effect.flip(attempt(text))), {
            _tag: "UnexpectedResponse",
            status: 200,
            issue: "the body is larger than 64 KiB",
            excerpt: ""
          })
        }
      }
    })
  )
})

describe("an answer that is neither", () => {
  it.effect("a redirect is not followed, and is an UnexpectedResponse", () =>
    Effect.gen(function* () {
      for (const status of [300, 301, 302, 303, 304, 307, 308, 399]) {
        const error = yield* Effect.flip(retrieveOnce(status, "moved", { location: "https://elsewhere.test/" }))
        assert.deepEqual(plain(error), {
          _tag: "RipioHttpError",
          operation: "retrieve",
          attempts: 1,
          reason: {
            _tag: "UnexpectedResponse",
            status,
            issue: "a redirect, which is not followed: is the base URL the right one?",
            excerpt: "moved"
          }
        })
      }
    })
  )

  it("a status below 200, or none, is an UnexpectedResponse, whatever the body", () => {
    for (const status of [0, 1, 100, 101, 103, 199]) {
      for (const body of [JSON.stringify(created), JSON.stringify(apiErrors.notFound), "", undefined]) {
        for (const read of [classify, classifyGrant]) {
          assert.deepInclude(read(answer(status, body)), { _tag: "UnexpectedResponse", status })
        }
      }
    }
  })
})

describe("classify", () => {
  it("keeps the JSON of every 2xx as it is", () => {
    for (const status of range(200, 299)) {
      assert.deepStrictEqual(classify(answer(status, created)), { _tag: "Success", json: created })
    }
    assert.deepStrictEqual(classify(answer(200, "null")), { _tag: "Success", json: null })
  })

  it("gives the evidence of an error of the API, and leaves out a request id that is not there", () => {
    assert.deepStrictEqual(classify(answer(404, unknownCode, { requestId: "7f3a" })), {
      _tag: "ApiError",
      ...unknownCode,
      status: 404,
      requestId: "7f3a"
    })
    assert.deepStrictEqual(classify(answer(404, unknownCode)), { _tag: "ApiError", ...unknownCode, status: 404 })
    assert.deepStrictEqual(classify(answer(401, "")), { _tag: "Unauthenticated", status: 401 })
  })

  it("repeats what may pass and nothing else", () => {
    const passing = range(200, 599).filter((status) => {
      const classification = classify(answer(status, ""))
      return "isRetryable" in classification && classification.isRetryable
    })
    assert.deepStrictEqual(passing, [408, 429, 500, 502, 503, 504])
  })

  it("a Retry-After of more than 60 s makes a 408, a 429 and every 5xx a RateLimited, and no other", () => {
    for (const seconds of [60, 60.001, 3600]) {
      const retryAfter = Duration.seconds(seconds)
      const limited = range(400, 599).filter((status) => {
        const classification = classify(answer(status, "", { retryAfter }))
        if (classification._tag === "RateLimited") assert.deepEqual(classification.retryAfter, retryAfter)
        return classification._tag === "RateLimited"
      })
      assert.deepStrictEqual(limited, seconds > 60 ? [408, 429, ...range(500, 599)] : [429])
    }
  })
})

describe("classifyGrant", () => {
  const refusals = ["invalid_client", "unauthorized_client", "invalid_grant", "access_denied"]
  const requestErrors = ["invalid_request", "unsupported_grant_type", "invalid_scope", "server_error", "anything"]
  const clientErrors = range(400, 499).filter((status) => status !== 408 && status !== 429)

  it("a refusal of RFC 6749 is Unauthenticated with any 4xx", () => {
    for (const type of refusals) {
      for (const status of clientErrors) {
        const body = { error: type, error_description: "Client authentication failed" }
        assert.deepStrictEqual(classifyGrant(answer(status, body, { requestId: "7f3a" })), {
          _tag: "Unauthenticated",
          status,
          requestId: "7f3a",
          type
        })
      }
    }
  })

  it("another error of RFC 6749 speaks of the request, and not of the credentials", () => {
    for (const type of requestErrors) {
      for (const status of clientErrors) {
        const classification = classifyGrant(answer(status, { error: type }))
        assert.deepInclude(
          classification,
          status === 401
            ? { _tag: "Unauthenticated", status, type }
            : {
                _tag: "UnexpectedResponse",
                status,
                issue: `the token endpoint refused the request: ${type}`,
                excerpt: JSON.stringify({ error: type })
              }
        )
      }
    }
  })

  it("40001 of the API's own error body is a refusal under every error status", () => {
    for (const status of range(400, 599)) {
      assert.deepStrictEqual(classifyGrant(answer(status, apiErrors.notAuthenticated)), {
        _tag: "Unauthenticated",
        ...apiErrors.notAuthenticated,
        status
      })
    }
  })

  it("any other code is not documented for a token", () => {
    for (const body of [unknownCode, apiErrors.notEnabled, apiErrors.notFound]) {
      assert.deepInclude(classifyGrant(answer(400, body)), {
        _tag: "UnexpectedResponse",
        status: 400,
        issue: `code ${body.code} (${body.type}) is not documented for this operation`
      })
    }
  })

  it("a server error stays one, whatever it says of the client", () => {
    for (const status of [408, ...range(500, 599)]) {
      assert.deepInclude(classifyGrant(answer(status, { error: "invalid_client" })), { _tag: "ServerFailed", status })
    }
    assert.deepInclude(classifyGrant(answer(429, { error: "invalid_client" })), { _tag: "RateLimited", status: 429 })
  })

  it("a 401 is a refusal with any body", () => {
    for (const body of [html, "", undefined, "{", { other: 1 }]) {
      assert.deepStrictEqual(classifyGrant(answer(401, body)), { _tag: "Unauthenticated", status: 401 })
    }
  })

  it("shows nothing of a 2xx body, as it may hold the token", () => {
    for (const body of ['{"accessToken":"t0ken', "", undefined, html]) {
      assert.deepInclude(classifyGrant(answer(200, body)), { _tag: "UnexpectedResponse", status: 200, excerpt: "" })
    }
    assert.deepStrictEqual(classifyGrant(answer(200, { a: 1 })), { _tag: "Success", json: { a: 1 } })
  })
})

describe("Retry-After", () => {
  const now = Date.UTC(2026, 5, 26, 14, 30, 0)
  const at = (offset: number) => new Date(now + offset).toUTCString()

  /** The `retryAfter` of a 429 and of a 503 with this header, in seconds. */
  const read = (header: string) =>
    Effect.gen(function* () {
      const seconds: Array<number | undefined> = []
      for (const status of [429, 503]) {
        const reason = reasonOf(yield* Effect.flip(retrieveOnce(status, "", { "retry-after": header })))
        assert(reason._tag === "RateLimited" || reason._tag === "ServerFailed")
        seconds.push(reason.retryAfter === undefined ? undefined : Duration.toSeconds(reason.retryAfter))
      }
      assert.strictEqual(seconds[0], seconds[1], header)
      return seconds[0]
    })

  it.effect("is read in whole seconds and as a date, which counts from the Clock's now", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now)
      const cases: ReadonlyArray<readonly [header: string, seconds: number | undefined]> = [
        ["0", 0],
        ["1", 1],
        ["60", 60],
        [" 7 ", 7],
        ["007", 7],
        ["61", 61],
        ["86400", 86_400],
        ["3000000", 3_000_000],
        [at(0), 0],
        [at(1_000), 1],
        [at(45_000), 45],
        [at(90_000), 90],
        [at(-1_000), 0],
        ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
        // Not what RFC 9110 allows: as if it were not there.
        ["-5", undefined],
        ["-0", undefined],
        ["+5", undefined],
        ["1.5", undefined],
        ["3e6", undefined],
        ["0x10", undefined],
        ["Infinity", undefined],
        ["NaN", undefined],
        ["", undefined],
        ["soon", undefined],
        ["5 seconds", undefined],
        ["5, 10", undefined],
        ["2026-06-26T14:30:45.000Z", undefined],
        ["Fri, 99 Jun 2026 14:30:45 GMT", undefined]
      ]
      for (const [header, seconds] of cases) assert.strictEqual(yield* read(header), seconds, `"${header}"`)
    })
  )

  it.effect("a figure beyond all measure is an end of the call, and still has a message and a JSON form", () =>
    Effect.gen(function* () {
      for (const header of ["9".repeat(15), "9".repeat(16), "9".repeat(40), "9".repeat(400)]) {
        const error = yield* Effect.flip(retrieveOnce(503, "", { "retry-after": header }))
        const reason = reasonOf(error)
        assert(reason._tag === "RateLimited")
        assert.isTrue(Duration.isGreaterThan(reason.retryAfter ?? Duration.zero, Duration.days(365)))
        assert.include(error.message, "try again in ")
        assert.deepInclude(plain(error), { _tag: "RipioHttpError" })
      }
    })
  )

  for (const status of [408, 429, 503]) {
    it.effect(
      `a ${status} is repeated after 60 s if it asks for that, and not repeated if it asks for a second more`,
      () =>
        Effect.gen(function* () {
          const reply = (seconds: number) => ({ status, text: "", headers: { "retry-after": `${seconds}` } })
          const patient = yield* scriptedTickets([reply(60), reply(60), { status: 200, json: created }])
          const fiber = yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(
            Effect.provide(patient.layer),
            Effect.forkChild({ startImmediately: true })
          )
          yield* TestClock.adjust(59_999)
          assert.deepStrictEqual(yield* patient.times, [0])
          yield* TestClock.adjust(60_001)
          assert.strictEqual((yield* Fiber.join(fiber))._tag, "Created")
          assert.deepStrictEqual(yield* patient.times, [0, 60_000, 120_000])

          const impatient = yield* scriptedTickets([reply(61)])
          const error = yield* SupportTickets.use((tickets) => tickets.retrieve(ticketId)).pipe(
            Effect.provide(impatient.layer),
            Effect.flip
          )
          assert.deepStrictEqual(plain(error), {
            _tag: "RipioHttpError",
            operation: "retrieve",
            attempts: 1,
            reason: { _tag: "RateLimited", status, retryAfter: { _tag: "Millis", value: 61_000 } }
          })
          assert.deepStrictEqual(yield* impatient.times, [120_000])
        })
    )
  }

  it("secrets are redacted before an excerpt is cut, so that none shows in part", () => {
    const secret = "s".repeat(100)
    const body = `${"x".repeat(500)}${secret}`
    const classification = classify(answer(404, body, { secrets: [Redacted.make(secret)] }))
    assert.deepInclude(classification, { _tag: "UnexpectedResponse", excerpt: `${"x".repeat(500)}<redacted>` })
  })
})
