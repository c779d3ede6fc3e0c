import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { IssueKey } from "../../src/index.ts"
import { created, failed, pending, ticketId } from "../support/fixtures.ts"
import {
  html,
  maxBodyBytes,
  reasonOf,
  retrieveFrom,
  retrieveFromEach,
  retrieveScripted,
  unexpectedOf
} from "./responses.ts"

const createdTicket = { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1234") } as const

describe("a 2xx response to retrieve", () => {
  it.effect("with one of the three documented states is a ticket, whichever 2xx it is", () =>
    Effect.gen(function* () {
      for (const status of [200, 201, 202, 206, 299]) {
        assert.deepStrictEqual<unknown>(yield* retrieveFrom(status, pending), { _tag: "Pending", ticketId })
        assert.deepStrictEqual<unknown>(yield* retrieveFrom(status, failed), { _tag: "Failed", ticketId })
        assert.deepStrictEqual<unknown>(yield* retrieveFrom(status, created), createdTicket)
      }
    })
  )

  it.effect("may have unknown fields, even with the names of the library's own fields", () =>
    Effect.gen(function* () {
      const extra = { _tag: "Failed", __proto__: null, createdAt: "2026-01-01", nested: { status: "FAILED" } }
      assert.deepStrictEqual(yield* retrieveFrom(200, { ...extra, ...pending }), { _tag: "Pending", ticketId })
    })
  )

  it.effect("may have the ticket id in upper case", () =>
    Effect.gen(function* () {
      const upperCase = { ...created, ticketId: ticketId.toUpperCase() }
      assert.deepStrictEqual(yield* retrieveFrom(200, upperCase), createdTicket)
    })
  )

  it.effect("may have any non-empty text as its issue key", () =>
    Effect.gen(function* () {
      for (const issueKey of ["SUP-1", "sup 1", "\u{1F600}", " ", "null", "x".repeat(10_000)]) {
        assert.deepStrictEqual(yield* retrieveFrom(200, { ...created, issueKey }), {
          _tag: "Created",
          ticketId,
          issueKey: IssueKey.make(issueKey)
        })
      }
    })
  )

  interface Invalid {
    readonly json: unknown
    readonly issue: string
  }

  const otherTypes = [1, true, [], {}, ["x"]]

  const invalidStatus: ReadonlyArray<Invalid> = [
    ...["OPEN", "pending", "Created", "CREATED ", "", 1, true, null, [], {}, ["CREATED"]].flatMap((status) => [
      { ...created, status },
      { ...pending, status }
    ]),
    { ticketId, issueKey: "SUP-1234" },
    [],
    [created],
    "CREATED",
    1,
    1.5,
    null,
    true,
    false,
    {}
  ].map((json) => ({ json, issue: "Expected an object whose status is PENDING, CREATED or FAILED" }))

  // A ticket has an issue key exactly if its status is CREATED.
  const invalidIssueKey: ReadonlyArray<Invalid> = [
    { json: { ...created, issueKey: null }, issue: "issueKey: Expected IssueKey" },
    { json: { ...created, issueKey: "" }, issue: "issueKey: Expected a value with a length of at least 1" },
    { json: { ticketId, status: "CREATED" }, issue: "issueKey: Missing key" },
    ...otherTypes.map((issueKey) => ({ json: { ...created, issueKey }, issue: "issueKey: Expected IssueKey" })),
    ...[pending, failed].flatMap(({ status }) => [
      { json: { ticketId, status }, issue: "issueKey: Missing key" },
      ...["SUP-1234", "", "null", ...otherTypes].map((issueKey) => ({
        json: { ticketId, status, issueKey },
        issue: "issueKey: Expected null"
      }))
    ])
  ]

  const notUuids = ["", "x", ` ${ticketId}`, `${ticketId}\n`, ticketId.replaceAll("-", ""), `{${ticketId}}`]

  const invalidTicketId: ReadonlyArray<Invalid> = [pending, created, failed].flatMap((json) => [
    { json: { ...json, ticketId: undefined }, issue: "ticketId: Missing key" },
    ...[null, ...otherTypes].map((ticketId) => ({ json: { ...json, ticketId }, issue: "ticketId: Expected string" })),
    ...notUuids.map((ticketId) => ({ json: { ...json, ticketId }, issue: "ticketId: Expected a UUID" })),
    {
      json: { ...json, ticketId: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6e" },
      issue: "ticketId: differs from the id of the request"
    }
  ])

  it.effect(
    "that is not the requested ticket is an UnexpectedResponse, which names the field and shows the body",
    () => {
      const cases = [...invalidStatus, ...invalidIssueKey, ...invalidTicketId]
      return retrieveFromEach(
        cases.map(({ json }) => ({ status: 200, text: JSON.stringify(json), headers: { "x-request-id": "7f3a" } })),
        (result, index) => {
          const { issue, json } = cases[index]!
          assert.deepStrictEqual(result, {
            _tag: "RipioHttpError",
            operation: "retrieve",
            attempts: 1,
            requestId: "7f3a",
            reason: { _tag: "UnexpectedResponse", status: 200, issue, excerpt: JSON.stringify(json) }
          })
        }
      )
    }
  )

  it.effect("that is not JSON is an UnexpectedResponse, which shows the body", () =>
    Effect.gen(function* () {
      const json = JSON.stringify(created)
      const truncated = Array.from({ length: json.length - 1 }, (_, index) => json.slice(0, index + 1))
      const cases = [
        ...truncated.map((body) => ({ body, issue: "the body is not JSON", excerpt: body })),
        { body: "", issue: "the body is empty", excerpt: "" },
        { body: " ", issue: "the body is not JSON", excerpt: " " },
        { body: html, issue: "the body is not JSON", excerpt: `${html.slice(0, 511)}…` },
        { body: `${json}{}`, issue: "the body is not JSON", excerpt: `${json}{}` }
      ]
      for (const { body, ...expected } of cases) {
        const { excerpt, issue } = unexpectedOf(yield* Effect.flip(retrieveFrom(200, body)))
        assert.deepStrictEqual({ issue, excerpt }, expected)
      }
    })
  )

  it.effect("is read up to 64 KiB and not a byte more, counted in bytes, with and without a content length", () =>
    Effect.gen(function* () {
      const json = JSON.stringify(created)
      const withKey = (issueKey: string) => JSON.stringify({ ...created, issueKey })
      // A euro sign is one character and three bytes.
      const wide = withKey("€".repeat(Math.floor((maxBodyBytes - withKey("").length) / 3)))
      const replies = [(text: string) => ({ status: 200, text }), (text: string) => chunked(text)]
      for (const reply of replies) {
        const retrieve = (text: string) => retrieveScripted([reply(text)])
        assert.strictEqual((yield* retrieve(json.padEnd(maxBodyBytes)))._tag, "Created")
        assert.strictEqual((yield* retrieve(wide))._tag, "Created")
        for (const text of [json.padEnd(maxBodyBytes + 1), withKey("€".repeat(maxBodyBytes / 2))]) {
          assert.deepInclude(reasonOf(yield* Effect.flip(retrieve(text))), {
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

/** A response with status 200 in chunks of 1,000 bytes, without a content length. */
const chunked = (text: string) => {
  const bytes = new TextEncoder().encode(text)
  return new Response(
    new ReadableStream({
      start: (controller) => {
        for (let at = 0; at < bytes.length; at += 1000) controller.enqueue(bytes.subarray(at, at + 1000))
        controller.close()
      }
    })
  )
}
