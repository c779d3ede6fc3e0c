import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { maxWebhookBytes } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { createdJson, createdTicket, delivery, failedJson, issueTime, jsonDelivery, otherJson } from "./fixtures.ts"
import { verify } from "./verify.ts"

const issuedAt = DateTime.makeUnsafe(issueTime)

describe("a verified event", () => {
  it.effect("is TicketCreated for a created ticket", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* verify(jsonDelivery(createdJson)), {
        _tag: "TicketCreated",
        ticketId,
        issueKey: createdTicket.issueKey,
        issuedAt,
        dedupeKey: `SUPPORT_TICKET.CREATED:${ticketId}:SUP-1234`,
        secretIndex: 0
      })
    })
  )

  it.effect("is TicketFailed for a failed ticket", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* verify(jsonDelivery(failedJson)), {
        _tag: "TicketFailed",
        ticketId,
        issuedAt,
        dedupeKey: `SUPPORT_TICKET.FAILED:${ticketId}`,
        secretIndex: 0
      })
    })
  )

  it.effect("is OtherEvent for an event of another family", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* verify(jsonDelivery(otherJson)), {
        _tag: "OtherEvent",
        eventType: "ON-RAMP.COMPLETED",
        payload: otherJson,
        issuedAt,
        // printf '%s' '<the body>' | sha256sum
        dedupeKey: "sha256:48c157106dec2fd07203b5d8565207fb8b322c498fd8561570cfb5acc6d23d0f",
        secretIndex: 0
      })
      const resolved = yield* verify(jsonDelivery({ ...createdJson, eventType: "SUPPORT_TICKET.RESOLVED" }))
      assert.strictEqual(resolved._tag, "OtherEvent")
    })
  )

  it.effect("may have a status, unknown fields, an upper-case id, and no issue key if the ticket failed", () =>
    Effect.gen(function* () {
      const unknownFields = { summary: "x", nested: { a: [1] } }
      const supportTicket = {
        ...createdJson.supportTicket,
        ...unknownFields,
        status: "CREATED",
        ticketId: ticketId.toUpperCase()
      }
      const event = yield* verify(jsonDelivery({ ...createdJson, supportTicket, version: 2 }))
      assert.strictEqual(event._tag === "TicketCreated" && event.ticketId, ticketId)
      for (const supportTicket of [
        { ticketId },
        { ticketId, status: "FAILED" },
        { ticketId, status: null, issueKey: null }
      ]) {
        assert.strictEqual((yield* verify(jsonDelivery({ ...failedJson, supportTicket })))._tag, "TicketFailed")
      }
    })
  )

  for (const { expected, issueDatetime } of [
    { issueDatetime: "2026-06-26T14:30:00Z", expected: "2026-06-26T14:30:00.000Z" },
    { issueDatetime: "2026-06-26T14:30:00.123Z", expected: "2026-06-26T14:30:00.123Z" },
    { issueDatetime: "2026-06-26T14:30:00.123456Z", expected: "2026-06-26T14:30:00.123Z" },
    { issueDatetime: "2026-06-26T14:30:00.5", expected: "2026-06-26T14:30:00.500Z" },
    { issueDatetime: "2026-06-26T14:30:00", expected: "2026-06-26T14:30:00.000Z" },
    { issueDatetime: "2026-06-26T14:30:00.123456+00:00", expected: "2026-06-26T14:30:00.123Z" },
    { issueDatetime: "2026-06-26T11:30:00-03:00", expected: "2026-06-26T14:30:00.000Z" }
  ]) {
    it.effect(`is issued at ${expected} if issueDatetime is ${issueDatetime}`, () =>
      Effect.gen(function* () {
        const event = yield* verify(jsonDelivery({ ...createdJson, issueDatetime }))
        assert.strictEqual(DateTime.formatIso(event.issuedAt), expected)
      })
    )
  }

  it.effect("is decoded from a body with a byte order mark, line breaks or white space around the JSON", () =>
    Effect.gen(function* () {
      for (const body of [
        `\ufeff${JSON.stringify(createdJson)}`,
        JSON.stringify(createdJson, null, 2).replaceAll("\n", "\r\n"),
        ` ${JSON.stringify(createdJson)}\r\n`
      ]) {
        assert.strictEqual((yield* verify(delivery(body)))._tag, "TicketCreated")
      }
    })
  )
})

describe("the dedupe key", () => {
  it.effect("depends on the outcome, not on the issue time or on unknown fields", () =>
    Effect.gen(function* () {
      const redelivered = { ...createdJson, issueDatetime: "2026-06-26T14:31:00.123456Z", attempt: 2 }
      const event = yield* verify(jsonDelivery(createdJson))
      assert.strictEqual((yield* verify(jsonDelivery(redelivered))).dedupeKey, event.dedupeKey)
      const otherIssueKey = { ...createdJson, supportTicket: { ticketId, issueKey: "SUP-9" } }
      assert.notStrictEqual((yield* verify(jsonDelivery(otherIssueKey))).dedupeKey, event.dedupeKey)
    })
  )

  it.effect("has at most 255 characters, however long the issue key is", () =>
    Effect.gen(function* () {
      const dedupeKeyFor = (issueKey: string) =>
        Effect.map(
          verify(jsonDelivery({ ...createdJson, supportTicket: { ticketId, issueKey } })),
          ({ dedupeKey }) => dedupeKey
        )
      const maxVerbatimKey = "x".repeat(255 - `SUPPORT_TICKET.CREATED:${ticketId}:`.length)
      assert.strictEqual((yield* dedupeKeyFor(maxVerbatimKey)).length, 255)
      assert.match(yield* dedupeKeyFor(`${maxVerbatimKey}x`), /^sha256:[0-9a-f]{64}$/u)
    })
  )
})

interface MalformedBody {
  readonly title: string
  readonly body: string | Uint8Array
  readonly issue: RegExp
}

const createdWith = (change: object) => JSON.stringify({ ...createdJson, ...change })

const malformedBodies: ReadonlyArray<MalformedBody> = [
  { title: "an empty body", body: "", issue: /: it is not JSON$/u },
  { title: "a body that is not JSON", body: "hello", issue: /: it is not JSON$/u },
  { title: "a form", body: "payload=%7B%7D", issue: /: it is not JSON$/u },
  {
    title: "a body that is not UTF-8",
    body: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d),
    issue: /: it is not UTF-8$/u
  },
  { title: "JSON nested too deep for the parser", body: "[".repeat(200_000), issue: /: it is not JSON$/u },
  { title: "null", body: "null", issue: /: expected a JSON object$/u },
  { title: "an array", body: "[]", issue: /: expected a JSON object$/u },
  { title: "a missing eventType", body: "{}", issue: /: eventType: /u },
  { title: "an empty eventType", body: createdWith({ eventType: "" }), issue: /: eventType: /u },
  { title: "an eventType that is not a string", body: createdWith({ eventType: 7 }), issue: /: eventType: /u },
  {
    title: "a missing issueDatetime",
    body: JSON.stringify({ eventType: "ON-RAMP.X" }),
    issue: /: issueDatetime: /u
  },
  ...["2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "yesterday", "2026-06-26", "1782484200", ""].map(
    (issueDatetime) => ({
      title: `the issueDatetime ${JSON.stringify(issueDatetime)}`,
      body: createdWith({ issueDatetime }),
      issue: /: issueDatetime: /u
    })
  ),
  { title: "a missing supportTicket", body: createdWith({ supportTicket: undefined }), issue: /: supportTicket: /u },
  {
    title: "a missing ticketId",
    body: createdWith({ supportTicket: { issueKey: "SUP-1" } }),
    issue: /: supportTicket.ticketId: /u
  },
  {
    title: "a ticketId that is not a UUID",
    body: createdWith({ supportTicket: { ticketId: "1", issueKey: "SUP-1" } }),
    issue: /ticketId: /u
  },
  {
    title: "a created ticket without an issue key",
    body: createdWith({ supportTicket: { ticketId, issueKey: null } }),
    issue: /supportTicket.issueKey: /u
  },
  {
    title: "a created ticket with an empty issue key",
    body: createdWith({ supportTicket: { ticketId, issueKey: "" } }),
    issue: /issueKey: /u
  },
  {
    title: "a created ticket with the status FAILED",
    body: createdWith({ supportTicket: { ...createdJson.supportTicket, status: "FAILED" } }),
    issue: /supportTicket.status: /u
  },
  {
    title: "a created ticket with the status PENDING",
    body: createdWith({ supportTicket: { ...createdJson.supportTicket, status: "PENDING" } }),
    issue: /supportTicket.status: /u
  },
  {
    title: "a failed ticket with an issue key",
    body: JSON.stringify({ ...failedJson, supportTicket: { ticketId, issueKey: "SUP-1" } }),
    issue: /supportTicket.issueKey: /u
  }
]

describe("a body with the right signature", () => {
  for (const { body, issue, title } of malformedBodies) {
    it.effect(`is rejected as MalformedEvent: ${title}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(verify(delivery(body)))
        assert.strictEqual(error.reason._tag, "MalformedEvent")
        assert.match(error.message, /^Webhook rejected, check the body: the signature is valid, /u)
        assert.match(error.message, issue)
      })
    )
  }

  it.effect("is accepted up to 256 KiB", () =>
    Effect.gen(function* () {
      const text = JSON.stringify(createdJson)
      assert.strictEqual(maxWebhookBytes, 262_144)
      assert.strictEqual((yield* verify(delivery(text.padEnd(maxWebhookBytes))))._tag, "TicketCreated")
      const error = yield* Effect.flip(verify(delivery(text.padEnd(maxWebhookBytes + 1))))
      assert.strictEqual(error.reason._tag, "BodyTooLarge")
      assert.strictEqual(
        error.message,
        "Webhook rejected, check the body: the body is larger than 256 KiB, and no event of Ripio is that large"
      )
    })
  )
})
