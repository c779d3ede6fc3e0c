import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import {
  maxWebhookBytes,
  TicketWebhooks,
  TicketWebhooksLive,
  type TicketWebhooksOptions,
  type WebhookDelivery
} from "../../src/index.ts"
import {
  atMoment,
  bytesOf,
  created,
  createdJson,
  delivery,
  failedJson,
  jsonDelivery,
  moment,
  nodeSignature,
  older,
  otherJson,
  secret,
  secretText,
  ticketId
} from "./support.ts"

const verifyWith = (options: Partial<TicketWebhooksOptions>) => (delivery: WebhookDelivery) =>
  Effect.andThen(
    atMoment,
    TicketWebhooks.use((webhooks) => webhooks.verify(delivery))
  ).pipe(Effect.provide(Layer.orDie(TicketWebhooksLive.layer({ secrets: [secret], ...options }))))
const verify = verifyWith({})
const reasonOf = (delivery: WebhookDelivery, options: Partial<TicketWebhooksOptions> = {}) =>
  Effect.map(Effect.flip(verifyWith(options)(delivery)), ({ reason }) => reason)

const issuedAt = DateTime.makeUnsafe(moment)

describe("an event that is signed", () => {
  it.effect("of a ticket that is registered", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* verify(jsonDelivery(createdJson)), {
        _tag: "TicketCreated",
        ticketId,
        issueKey: created.issueKey,
        issuedAt,
        dedupeKey: `SUPPORT_TICKET.CREATED:${ticketId}:SUP-1234`,
        secretIndex: 0
      })
    })
  )

  it.effect("of a ticket that failed", () =>
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

  it.effect("of another family is an event, not an error", () =>
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
      const later = yield* verify(jsonDelivery({ ...createdJson, eventType: "SUPPORT_TICKET.RESOLVED" }))
      assert.strictEqual(later._tag, "OtherEvent")
    })
  )

  it.effect(
    "may repeat its status, hold more fields, write its id in capitals, or leave out the key of a failure",
    () =>
      Effect.gen(function* () {
        const more = { status: "CREATED", summary: "x", nested: { a: [1] } }
        const ticket = { ...createdJson.supportTicket, ...more, ticketId: ticketId.toUpperCase() }
        const event = yield* verify(jsonDelivery({ ...createdJson, supportTicket: ticket, version: 2 }))
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

  for (const [text, millis] of [
    ["2026-06-26T14:30:00Z", "000"],
    ["2026-06-26T14:30:00.123Z", "123"],
    ["2026-06-26T14:30:00.123456Z", "123"],
    ["2026-06-26T14:30:00.5", "500"],
    ["2026-06-26T14:30:00", "000"],
    ["2026-06-26T14:30:00.123456+00:00", "123"],
    ["2026-06-26T11:30:00-03:00", "000"]
  ] as const) {
    it.effect(`reads its moment from ${text}`, () =>
      Effect.gen(function* () {
        const event = yield* verify(jsonDelivery({ ...createdJson, issueDatetime: text }))
        assert.strictEqual(DateTime.formatIso(event.issuedAt), `2026-06-26T14:30:00.${millis}Z`)
      })
    )
  }

  it.effect("has the key of its fact, whenever it is issued and whatever else it holds", () =>
    Effect.gen(function* () {
      const again = { ...createdJson, issueDatetime: "2026-06-26T14:31:00.123456Z", attempt: 2 }
      const [one, two] = yield* Effect.all([verify(jsonDelivery(createdJson)), verify(jsonDelivery(again))])
      assert.strictEqual(one.dedupeKey, two.dedupeKey)
      const other = { ...createdJson, supportTicket: { ticketId, issueKey: "SUP-9" } }
      assert.notStrictEqual((yield* verify(jsonDelivery(other))).dedupeKey, one.dedupeKey)
    })
  )

  it.effect("has a key that every store takes, however long the issue's is", () =>
    Effect.gen(function* () {
      const keyed = (issueKey: string) =>
        Effect.map(verify(jsonDelivery({ ...createdJson, supportTicket: { ticketId, issueKey } })), (e) => e.dedupeKey)
      const longest = "x".repeat(255 - `SUPPORT_TICKET.CREATED:${ticketId}:`.length)
      assert.strictEqual((yield* keyed(longest)).length, 255)
      assert.match(yield* keyed(`${longest}x`), /^sha256:[0-9a-f]{64}$/u)
    })
  )
})

describe("the signature", () => {
  const body = JSON.stringify(createdJson)
  const digits = nodeSignature(body).slice("sha256=".length)
  const signed = (value: string | Array<string>, name = "Http-X-Wh-Signature-256") => ({
    body: bytesOf(body),
    headers: { [name]: value }
  })

  for (const name of [
    "Http-X-Wh-Signature-256",
    "HTTP-X-WH-SIGNATURE-256",
    "X-Wh-Signature-256",
    "x-wh-signature-256"
  ]) {
    it.effect(`is found under ${name}, in a record, in web headers and in those of node`, () =>
      Effect.gen(function* () {
        const value = nodeSignature(body)
        const web = { body: bytesOf(body), headers: new Headers({ [name]: value }) }
        for (const each of [signed(value, name), web, signed([value], name), signed(` ${value}\t`, name)]) {
          assert.strictEqual((yield* verify(each))._tag, "TicketCreated")
        }
      })
    )
  }

  it.effect("may have its digits in capitals", () => verify(signed(`sha256=${digits.toUpperCase()}`)))

  it.effect("is first looked for under the documented name", () =>
    Effect.gen(function* () {
      const headers = { "X-Wh-Signature-256": nodeSignature(body), "Http-X-Wh-Signature-256": nodeSignature("other") }
      assert.strictEqual((yield* reasonOf({ body: bytesOf(body), headers }))._tag, "SignatureMismatch")
    })
  )

  it.effect("that is missing is the header's fault", () =>
    Effect.gen(function* () {
      const prototype = Object.create({ "http-x-wh-signature-256": nodeSignature(body) }) as Record<string, string>
      for (const headers of [{}, new Headers(), { "X-Hub-Signature-256": nodeSignature(body) }, prototype]) {
        const error = yield* Effect.flip(verify({ body: bytesOf(body), headers }))
        assert.strictEqual(error.reason._tag, "MissingSignature")
        assert.strictEqual(error.suspect, "header")
        assert.match(error.message, /look at the header: .*Http-X-Wh-Signature-256/u)
      }
    })
  )

  const prefix = "expected sha256= and 64 hexadecimal digits"
  const got = (characters: number) => `expected 64 hexadecimal digits after sha256=, got ${characters} characters`
  for (const [value, issue] of [
    ["", prefix],
    ["sha256=", got(0)],
    [digits, "expected sha256= before the digits; acceptBareHex lets it pass"],
    [`sha1=${digits}`, prefix],
    [`SHA256=${digits}`, prefix],
    [`sha256=${digits.slice(2)}`, got(62)],
    [`sha256=${digits}00`, got(66)],
    [`sha256=${digits.slice(1)}g`, got(64)],
    [`sha256= ${digits}`, got(65)],
    [`sha256=${digits}, sha256=${digits}`, got(137)],
    [Array<string>(2).fill(`sha256=${digits}`), "expected one value"],
    [`sha256=${digits.slice(1)}１`, got(64)]
  ] as const) {
    it.effect(`is malformed as ${JSON.stringify(value).replaceAll(digits, "<digits>")}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(verify(signed(value)))
        assert.strictEqual(error.reason._tag, "MalformedSignature")
        assert.strictEqual(error.message, `Webhook rejected, look at the header: http-x-wh-signature-256: ${issue}`)
        assert.notInclude(inspect(error), digits)
      })
    )
  }

  it.effect("passes as bare digits only if that is asked for by name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify(signed(digits)))
      assert.include(error.message, "acceptBareHex")
      const lenient = verifyWith({ acceptBareHex: true })
      assert.strictEqual((yield* lenient(signed(digits)))._tag, "TicketCreated")
      assert.strictEqual((yield* lenient(signed(`sha256=${digits}`)))._tag, "TicketCreated")
      const forged = { ...signed(digits), body: bytesOf(`${body} `) }
      assert.strictEqual((yield* reasonOf(forged, { acceptBareHex: true }))._tag, "SignatureMismatch")
      assert.strictEqual((yield* reasonOf(signed("x"), { acceptBareHex: true }))._tag, "MalformedSignature")
    })
  )

  it.effect("of any of several secrets is right, and the event says which it was", () =>
    Effect.gen(function* () {
      const rotating = verifyWith({ secrets: [secret, older] })
      assert.strictEqual((yield* rotating(delivery(body)))["secretIndex"], 0)
      assert.strictEqual((yield* rotating(delivery(body, older)))["secretIndex"], 1)
      const reason = yield* reasonOf(delivery(body, Redacted.make("a secret of somebody else")), {
        secrets: [secret, older]
      })
      assert.strictEqual(reason._tag === "SignatureMismatch" && reason.secretsTried, 2)
      assert.include(reason.message, ", 2 secrets tried)")
      assert.strictEqual((yield* reasonOf(delivery(body, older)))._tag, "SignatureMismatch")
    })
  )
})

describe("a signature that does not match", () => {
  const body = JSON.stringify(createdJson)
  const sent = (changed: string | Uint8Array) => ({
    body: typeof changed === "string" ? bytesOf(changed) : changed,
    headers: { "http-x-wh-signature-256": nodeSignature(body) }
  })

  const anew = "the body does not begin as Ripio's do: it was parsed and serialised again, or wrapped in something"
  const unescaped =
    "the body holds characters that Ripio sends escaped: it was parsed and serialised again, or its encoding was changed"
  for (const [what, changed, issue] of [
    ["empty", "", "the body is empty: was it read before?"],
    ["pretty-printed", JSON.stringify(createdJson, null, 2), anew],
    ["as an array", `[${body}]`, anew],
    ["with its characters unescaped", body.replace("SUP", "ñ"), unescaped],
    ["with the first byte that is not ASCII", Uint8Array.of(...bytesOf(body), 0x80), unescaped],
    ["with a byte order mark", `\ufeff${body}`, unescaped],
    ["wrapped", `"${body}"`, anew]
  ] as const) {
    it.effect(`over a body ${what} speaks of the body`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(verify(sent(changed)))
        assert.strictEqual(error.reason._tag, "SignatureMismatch")
        assert.strictEqual(error.suspect, "body")
        const { length } = sent(changed).body
        assert.strictEqual(
          error.message,
          `Webhook rejected, look at the body: the signature does not match: ${issue} (${length} bytes, 1 secret tried)`
        )
      })
    )
  }

  it.effect("over a body that looks untouched speaks of the secret", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify(sent(body.replace("SUP-1234", "SUP-1235"))))
      assert.strictEqual(error.suspect, "secret")
      assert.include(error.message, "so the secret is of another account or environment, or was replaced; or ")
      assert.include(error.message, `(${body.length} bytes, 1 secret tried)`)
    })
  )

  for (const [what, parsed, type] of [
    ["an object", createdJson, "of type object"],
    ["a text", body, "of type string"],
    ["nothing", undefined, "of type undefined"],
    ["null", null, "null"]
  ] as const) {
    it.effect(`nor does one with ${what} in the place of bytes, which slips past the types`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(verify({ ...sent(body), body: parsed as unknown as Uint8Array }))
        assert.strictEqual(error.reason._tag, "SignatureMismatch")
        assert.include(error.message, `the body is ${type} and not bytes: hand over the bytes as received`)
        assert.include(error.message, "(0 bytes, 0 secrets tried)")
      })
    )
  }

  it.effect("shows neither the body, nor the signature, nor a secret", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify(sent(body.replace("SUP-1234", "SUP-7777"))))
      for (const print of [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
        for (const hidden of [secretText, "SUP-7777", ticketId, nodeSignature(body).slice(7)]) {
          assert.notInclude(print, hidden)
        }
      }
    })
  )
})

describe("the bytes that are checked are the bytes that are read", () => {
  it.effect("even if their owner uses the buffer again meanwhile", () =>
    Effect.gen(function* () {
      const signed = delivery(JSON.stringify(createdJson))
      const buffer = Buffer.from(signed.body)
      const event = yield* TicketWebhooks.pipe(
        Effect.tap(() => atMoment),
        Effect.flatMap((webhooks) => {
          const verifying = webhooks.verify({ ...signed, body: buffer })
          return Effect.all([verifying, Effect.sync(() => buffer.fill(0x20))], { concurrency: 2 })
        }),
        Effect.provide(TicketWebhooksLive.layer({ secrets: [secret] }))
      )
      assert.strictEqual(event[0]._tag, "TicketCreated")
    })
  )

  it.effect("as a view of a larger buffer, such as node's", () =>
    Effect.gen(function* () {
      const signed = delivery(JSON.stringify(createdJson))
      const pool = new Uint8Array(1000).fill(0x20)
      pool.set(signed.body, 100)
      const body = pool.subarray(100, 100 + signed.body.length)
      assert.strictEqual((yield* verify({ ...signed, body }))._tag, "TicketCreated")
    })
  )
})

describe("the window", () => {
  const at = (skew: Duration.Input, options: Partial<TicketWebhooksOptions> = {}) =>
    Effect.gen(function* () {
      const webhooks = yield* TicketWebhooks
      yield* TestClock.setTime(Date.parse(moment) + Duration.toMillis(skew))
      return yield* webhooks.verify(jsonDelivery(createdJson))
    }).pipe(Effect.provide(Layer.orDie(TicketWebhooksLive.layer({ secrets: [secret], ...options }))))

  it.effect("is five minutes in both directions, to the millisecond", () =>
    Effect.gen(function* () {
      yield* at("5 minutes")
      yield* at(Duration.negate(Duration.minutes(5)))
      for (const [skew, said] of [
        [300_001, /look at the clock: the event was issued 5m 1ms ago, and 5m are accepted/u],
        [-300_001, /look at the clock: the event is issued 5m 1ms in the future, and 5m are accepted/u]
      ] as const) {
        const error = yield* Effect.flip(at(Duration.millis(skew)))
        assert.strictEqual(error.reason._tag, "OutsideWindow")
        assert.match(error.message, said)
      }
    })
  )

  it.effect("is as wide as one likes, or off by name", () =>
    Effect.gen(function* () {
      yield* at("1 hour", { tolerance: "1 hour" })
      yield* Effect.flip(at("1 hour", { tolerance: "59 minutes" }))
      yield* at("3650 days", { tolerance: Duration.infinity })
    })
  )

  it.effect("holds for the events of other families, and says nothing of a forgery's time", () =>
    Effect.gen(function* () {
      const late = { ...otherJson, issueDatetime: "2026-06-26T14:00:00Z" }
      assert.strictEqual((yield* reasonOf(jsonDelivery(late)))._tag, "OutsideWindow")
      const forged = { ...jsonDelivery(late), headers: { "x-wh-signature-256": nodeSignature("x") } }
      assert.strictEqual((yield* reasonOf(forged))._tag, "SignatureMismatch")
    })
  )
})

describe("a body that is signed but no event", () => {
  const signedJson = (change: object) => JSON.stringify({ ...createdJson, ...change })
  const cases: ReadonlyArray<readonly [what: string, body: string | Uint8Array, issue: RegExp]> = [
    ["empty", "", /: it is not JSON$/u],
    ["no JSON", "hello", /: it is not JSON$/u],
    ["a form", "payload=%7B%7D", /: it is not JSON$/u],
    ["not UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), /: it is not UTF-8$/u],
    ["deeper than any parser goes", "[".repeat(200_000), /: it is not JSON$/u],
    ["null", "null", /: expected a JSON object$/u],
    ["an array", "[]", /: expected a JSON object$/u],
    ["without a type", "{}", /: eventType: /u],
    ["with an empty type", signedJson({ eventType: "" }), /: eventType: /u],
    ["with a type that is no text", signedJson({ eventType: 7 }), /: eventType: /u],
    ["without a moment", JSON.stringify({ eventType: "ON-RAMP.X" }), /: issueDatetime: /u],
    ["without a ticket", signedJson({ supportTicket: undefined }), /: supportTicket: /u],
    ["without an id", signedJson({ supportTicket: { issueKey: "SUP-1" } }), /: supportTicket.ticketId: /u],
    ["with an id that is none", signedJson({ supportTicket: { ticketId: "1", issueKey: "SUP-1" } }), /ticketId: /u],
    [
      "registered without a key",
      signedJson({ supportTicket: { ticketId, issueKey: null } }),
      /supportTicket.issueKey: /u
    ],
    ["registered with an empty key", signedJson({ supportTicket: { ticketId, issueKey: "" } }), /issueKey: /u],
    [
      "registered and yet failed",
      signedJson({ supportTicket: { ...createdJson.supportTicket, status: "FAILED" } }),
      /supportTicket.status: /u
    ],
    [
      "registered and yet pending",
      signedJson({ supportTicket: { ...createdJson.supportTicket, status: "PENDING" } }),
      /supportTicket.status: /u
    ],
    [
      "failed and yet with a key",
      JSON.stringify({ ...failedJson, supportTicket: { ticketId, issueKey: "SUP-1" } }),
      /supportTicket.issueKey: /u
    ],
    ...["2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "yesterday", "2026-06-26", "1782484200", ""].map(
      (issueDatetime) =>
        [`issued at ${JSON.stringify(issueDatetime)}`, signedJson({ issueDatetime }), /: issueDatetime: /u] as const
    )
  ]
  for (const [what, body, issue] of cases) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(verify(delivery(body)))
        assert.strictEqual(error.reason._tag, "MalformedEvent")
        assert.match(error.message, /^Webhook rejected, look at the body: the signature is right, /u)
        assert.match(error.message, issue)
      })
    )
  }

  it.effect("a byte order mark, line breaks and white space leave an event what it is", () =>
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

  it.effect("a body is taken up to 256 KiB, and no byte further", () =>
    Effect.gen(function* () {
      const text = JSON.stringify(createdJson)
      assert.strictEqual(maxWebhookBytes, 262_144)
      assert.strictEqual((yield* verify(delivery(text.padEnd(maxWebhookBytes))))._tag, "TicketCreated")
      const error = yield* Effect.flip(verify(delivery(text.padEnd(maxWebhookBytes + 1))))
      assert.strictEqual(error.reason._tag, "BodyTooLarge")
      assert.strictEqual(
        error.message,
        "Webhook rejected, look at the body: the body is larger than 256 KiB, and no event of Ripio is"
      )
    })
  )
})
