import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { IssueKey, OutcomeContradiction, SupportTicket } from "../../src/index.ts"
import { decodeEventPayload, dedupeKeyOf } from "../../src/domain/TicketEvent.ts"
import { ticketId } from "../support/fixtures.ts"
import { unsafe } from "../support/hostile.ts"
import { classify, classifyTokenResponse, maxBodyBytes, rawResponse } from "./responses.ts"

const fill = (piece: string, length = maxBodyBytes) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length)
const apiError = (detail: string) => `{"code":40017,"type":"T","detail":${detail},"status":404}`
const many = (count: number, item: (index: number) => string) => Array.from({ length: count }, (_, i) => item(i)).join()

const texts = [
  "a",
  "[",
  "]",
  "\\",
  "&",
  "%",
  "+",
  ";",
  "%25",
  "%3",
  "&amp;",
  "amp;",
  "&#x26;",
  "\\u005c",
  "\\\\u005c",
  "Bearer ",
  "Bearer \n",
  "access_token=",
  "access_token \\",
  `access_token=${" ".repeat(500)}`,
  "\u001b[2J\n"
].map((piece) => fill(piece))

const bodies = [
  ...texts,
  ...texts.map((text) => apiError(JSON.stringify({ message: text.slice(0, 10_000) }))),
  fill('{"a":'),
  apiError(`{"a":${"[".repeat(32_000)}${"]".repeat(32_000)}}`),
  apiError(`${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`),
  apiError(`{"a":[${many(16_000, () => '""')}]}`),
  apiError(`{${many(5000, (index) => `"k${index}":1`)}}`),
  apiError(`{${many(9000, () => '"a":1')}}`),
  apiError(`{${many(3000, () => '"__proto__":{"message":"\\n"}')}}`),
  apiError(`{"__proto__":1,"constructor":2,"toString":3,"toJSON":4,"then":5,"length":6,"message":null}`),
  apiError(`{"message":"${fill("\\ud800", 60_000)}"}`),
  apiError(`{"a":[${many(10_000, () => "1e400")}],"b":-1e400,"c":${"9".repeat(400)}}`)
]
const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("")
const secrets = [fill(visible, 8192), `b${fill("a", 8191)}`, fill("%25", 8192), `${fill("\\", 8191)}b`].map((secret) =>
  Redacted.make(secret)
)

describe("a hostile body of 64 KiB", () => {
  it("is classified under every status, and what the error shows of it is harmless and bounded", () => {
    for (const body of bodies) {
      for (const status of [200, 302, 400, 401, 404, 429, 500]) {
        const response = rawResponse(status, body, { secrets })
        for (const meaning of [classify(response), classifyTokenResponse(response)]) {
          if (meaning._tag === "Success") continue
          const json = JSON.stringify(meaning)
          assert.notMatch(json, unsafe)
          assert.isAtMost(json.length, 10_000)
        }
      }
    }
  })

  it("is an error of the API whatever is beside the four fields and in the detail", () => {
    for (const body of bodies.filter((body) => body.startsWith('{"code":40017'))) {
      const beside = `{${many(300, (index) => `"k${index}":[]`)},${body.slice(1)}`
      for (const text of [body, beside]) {
        assert.deepInclude(classify(rawResponse(400, text)), { _tag: "ApiError", code: 40017, status: 400 })
      }
    }
  })
})

describe("a hostile text of a ticket or an event", () => {
  const issueKey = IssueKey.make("SUP\n1\u001b[2J\u202e")

  it("is escaped in the message of a contradiction", () => {
    const { message } = new OutcomeContradiction({
      known: SupportTicket.cases.Created.make({ ticketId, issueKey }),
      received: SupportTicket.cases.Failed.make({ ticketId })
    })
    assert.include(message, "SUP\\n1\\x1b[2J\\u202e")
    assert.notMatch(message, unsafe)
  })

  it("is escaped in the key that identifies an event, and stays in the event", () => {
    const issuedAt = DateTime.makeUnsafe("2026-06-26T14:30:00Z")
    const key = dedupeKeyOf({ _tag: "TicketCreated", ticketId, issueKey, issuedAt })
    assert.strictEqual(key, `SUPPORT_TICKET.CREATED:${ticketId}:SUP\\n1\\x1b[2J\\u202e`)
  })

  it("is escaped and cut in the type of another event, whose payload keeps it", () => {
    const eventType = `X\n${"y".repeat(600)}`
    const decoded = decodeEventPayload({ eventType, issueDatetime: "2026-06-26T14:30:00Z" })
    assert(Result.isSuccess(decoded) && decoded.success._tag === "OtherEvent")
    assert.strictEqual(decoded.success.eventType, `X\\n${"y".repeat(508)}…`)
    assert.strictEqual(decoded.success.payload["eventType"], eventType)
  })
})
