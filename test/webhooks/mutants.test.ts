/**
 * Bodies and signatures, changed at random: no forgery is accepted, no true delivery refused, and nothing dies.
 *
 * All of the million in CI, and with `WEBHOOK_MUTANTS=1000000`; a sample otherwise.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHmac, createSecretKey } from "node:crypto"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { atMoment, bytesOf, createdJson, failedJson, older, otherJson, secret } from "./support.ts"

const mutants = Number(process.env["WEBHOOK_MUTANTS"] ?? (process.env["CI"] === undefined ? 100_000 : 1_000_000))

/** Mulberry32: the same numbers in every run. */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const events = [createdJson, failedJson, otherJson, { ...createdJson, note: "ñandú €😀" }]
const pretty = (json: object) => JSON.stringify(json, null, 2)

interface Body {
  readonly bytes: Uint8Array
  readonly isEvent: boolean
}

const bodies: ReadonlyArray<Body> = [
  ...events
    .flatMap((json) => [
      JSON.stringify(json),
      pretty(json),
      pretty(json).replaceAll("\n", "\r\n"),
      `\ufeff${JSON.stringify(json)}`,
      ` ${JSON.stringify(json)}\r\n`
    ])
    .map((text) => ({ bytes: bytesOf(text), isEvent: true })),
  ...[
    "",
    "\ufeff",
    "null",
    "[]",
    "{}",
    "hello",
    "payload=%7B%7D",
    "<html></html>",
    `{"eventType":"SUPPORT_TICKET.CREATED"}`
  ].map((text) => ({ bytes: bytesOf(text), isEvent: false })),
  { bytes: Uint8Array.of(0xff, 0xfe, 0x00), isEvent: false },
  { bytes: Uint8Array.from([...bytesOf(`{"eventType":"`), 0xc3, 0x28, ...bytesOf(`"}`)]), isEvent: false }
]

const keys = [secret, older].map((key) => createSecretKey(Buffer.from(Redacted.value(key))))
const stranger = createSecretKey(Buffer.from("a secret of somebody else"))

it.effect(
  `${mutants.toLocaleString("en")} deliveries, of which some are true`,
  () =>
    Effect.gen(function* () {
      yield* atMoment
      const webhooks = yield* TicketWebhooks
      const random = generator(20260626)
      const below = (limit: number) => Math.floor(random() * limit)
      const digest = (key: typeof stranger, bytes: Uint8Array) => createHmac("sha256", key).update(bytes).digest()
      const flipped = (bytes: Uint8Array) => {
        const changed = new Uint8Array(bytes)
        const at = below(changed.length)
        changed[at] = (changed[at] ?? 0) ^ (1 << below(8))
        return changed
      }

      const changes: ReadonlyArray<
        (body: Uint8Array, tag: Uint8Array) => readonly [body: Uint8Array, tag: Uint8Array]
      > = [
        (body, tag) => [body, tag],
        (body, tag) => [body.length === 0 ? Uint8Array.of(0x20) : flipped(body), tag],
        (body, tag) => [body, flipped(tag)],
        (body, tag) => [body.subarray(0, below(body.length + 1)), tag],
        (body, tag) => [Uint8Array.from([...body, below(256)]), tag],
        (body) => [body, digest(stranger, body)],
        (body, tag) => {
          const other = bodies[below(bodies.length)]?.bytes ?? body
          return [other, tag]
        },
        (body, tag) => [body, tag.subarray(0, below(tag.length + 1))],
        (body) => [body, new Uint8Array(32).fill(below(256))],
        // What a parser before us would have made of it.
        (body, tag) => [bytesOf(new TextDecoder().decode(body).replaceAll("\r\n", "\n")), tag]
      ]

      const counts = { accepted: 0, unreadable: 0, refused: 0 }
      const wrong: Array<string> = []
      const oracle = (bytes: Uint8Array, tag: Uint8Array) =>
        tag.length === 32 && keys.some((key) => Buffer.compare(digest(key, bytes), tag) === 0)

      for (let i = 0; i < mutants; i++) {
        const original = bodies[below(bodies.length)]
        const key = keys[below(keys.length)]
        const change = changes[below(changes.length)]
        if (original === undefined || key === undefined || change === undefined) continue
        const [body, tag] = change(original.bytes, digest(key, original.bytes))
        const hex = Buffer.from(tag).toString("hex")
        const headers = { "http-x-wh-signature-256": `sha256=${random() < 0.1 ? hex.toUpperCase() : hex}` }
        const result = yield* Effect.result(webhooks.verify({ body, headers }))
        const reason = result._tag === "Success" ? undefined : result.failure.reason._tag

        // Node's crypto says whether it is true; a body that is as it was signed is an event exactly if it was one.
        const isTrue = oracle(body, tag)
        if (reason === undefined) counts.accepted++
        else if (reason === "MalformedEvent") counts.unreadable++
        else counts.refused++
        const isWellJudged = isTrue
          ? Buffer.compare(body, original.bytes) !== 0 || (reason === undefined) === original.isEvent
          : reason === "SignatureMismatch" || (reason === "MalformedSignature" && tag.length !== 32)
        if (!isWellJudged) wrong.push(`${i}: ${isTrue ? "true" : "forged"}, ${reason ?? "accepted"}`)
      }

      assert.deepStrictEqual(wrong, [])
      assert.strictEqual(counts.accepted + counts.unreadable + counts.refused, mutants)
      // Each kind is there in numbers, or the test would prove nothing.
      for (const count of Object.values(counts)) assert.isAbove(count, mutants / 50)
    }).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [secret, older] }))),
  300_000
)
