/**
 * Deliveries whose body and signature are changed at random: no forgery is accepted, no genuine delivery is rejected, and
 * no delivery causes a defect. CI runs a million; a local run takes a sample, or as many as `WEBHOOK_MUTANTS` says.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHmac, createSecretKey } from "node:crypto"
import { TicketWebhooks, TicketWebhooksLive } from "../../src/index.ts"
import { bytesOf, createdJson, failedJson, olderSecret, otherJson, secret, setClockToIssueTime } from "./fixtures.ts"

const runs = Number(process.env["WEBHOOK_MUTANTS"] ?? (process.env["CI"] === undefined ? 100_000 : 1_000_000))

/** Mulberry32: the same numbers for the same seed. */
const randomFrom = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

interface Body {
  readonly bytes: Uint8Array
  readonly isEvent: boolean
}

const events = [createdJson, failedJson, otherJson, { ...createdJson, note: "ñandú €😀" }]

const eventTexts = events.flatMap((event) => {
  const compact = JSON.stringify(event)
  const pretty = JSON.stringify(event, null, 2)
  return [compact, pretty, pretty.replaceAll("\n", "\r\n"), `\ufeff${compact}`, ` ${compact}\r\n`]
})

const otherTexts = [
  "",
  "\ufeff",
  "null",
  "[]",
  "{}",
  "hello",
  "payload=%7B%7D",
  "<html></html>",
  `{"eventType":"SUPPORT_TICKET.CREATED"}`
]

const bodies: ReadonlyArray<Body> = [
  ...eventTexts.map((text) => ({ bytes: bytesOf(text), isEvent: true })),
  ...otherTexts.map((text) => ({ bytes: bytesOf(text), isEvent: false })),
  { bytes: Uint8Array.of(0xff, 0xfe, 0x00), isEvent: false },
  { bytes: Uint8Array.from([...bytesOf(`{"eventType":"`), 0xc3, 0x28, ...bytesOf(`"}`)]), isEvent: false }
]

const keyOf = (text: string) => createSecretKey(Buffer.from(text))
const keys = [secret, olderSecret].map((secret) => keyOf(Redacted.value(secret)))
const wrongKey = keyOf("the secret of another account")

const digestOf = (key: typeof wrongKey, bytes: Uint8Array) => createHmac("sha256", key).update(bytes).digest()

/** Whether `node:crypto` finds the signature right. */
const isGenuine = (body: Uint8Array, digest: Uint8Array) =>
  digest.length === 32 && keys.some((key) => Buffer.compare(digestOf(key, body), digest) === 0)

interface Delivery {
  readonly body: Uint8Array
  readonly digest: Uint8Array
}

/** The ways to change a delivery. */
const mutationsWith = (below: (limit: number) => number): ReadonlyArray<(delivery: Delivery) => Delivery> => {
  const flipBit = (bytes: Uint8Array) => {
    const flipped = new Uint8Array(bytes)
    const index = below(flipped.length)
    flipped[index] = (flipped[index] ?? 0) ^ (1 << below(8))
    return flipped
  }
  const cut = (bytes: Uint8Array) => bytes.subarray(0, below(bytes.length + 1))
  return [
    (delivery) => delivery,
    ({ body, digest }) => ({ body: body.length === 0 ? Uint8Array.of(0x20) : flipBit(body), digest }),
    ({ body, digest }) => ({ body: cut(body), digest }),
    ({ body, digest }) => ({ body: Uint8Array.from([...body, below(256)]), digest }),
    ({ body, digest }) => ({ body: bodies[below(bodies.length)]?.bytes ?? body, digest }),
    ({ body, digest }) => ({ body: bytesOf(new TextDecoder().decode(body).replaceAll("\r\n", "\n")), digest }),
    ({ body, digest }) => ({ body, digest: flipBit(digest) }),
    ({ body, digest }) => ({ body, digest: cut(digest) }),
    ({ body }) => ({ body, digest: digestOf(wrongKey, body) }),
    ({ body }) => ({ body, digest: new Uint8Array(32).fill(below(256)) })
  ]
}

describe("TicketWebhooks.verify", () => {
  it.effect(
    `agrees with node:crypto on ${runs.toLocaleString("en")} mutated deliveries`,
    () =>
      Effect.gen(function* () {
        yield* setClockToIssueTime
        const webhooks = yield* TicketWebhooks
        const random = randomFrom(20260626)
        const below = (limit: number) => Math.floor(random() * limit)
        const mutations = mutationsWith(below)

        const counts = { accepted: 0, malformed: 0, rejected: 0 }
        const wrong: Array<string> = []

        for (let run = 0; run < runs; run++) {
          const original = bodies[below(bodies.length)]!
          const key = keys[below(keys.length)]!
          const mutate = mutations[below(mutations.length)]!
          const { body, digest } = mutate({ body: original.bytes, digest: digestOf(key, original.bytes) })
          const hex = Buffer.from(digest).toString("hex")
          const headers = { "http-x-wh-signature-256": `sha256=${random() < 0.1 ? hex.toUpperCase() : hex}` }

          const result = yield* Effect.result(webhooks.verify({ body, headers }))
          const rejection = result._tag === "Success" ? undefined : result.failure.reason._tag
          if (rejection === undefined) counts.accepted++
          else if (rejection === "MalformedEvent") counts.malformed++
          else counts.rejected++

          const genuine = isGenuine(body, digest)
          const isUnchanged = Buffer.compare(body, original.bytes) === 0
          const isRight = genuine
            ? !isUnchanged || (rejection === undefined) === original.isEvent
            : rejection === "SignatureMismatch" || (rejection === "MalformedSignature" && digest.length !== 32)
          if (!isRight) wrong.push(`${run}: ${genuine ? "genuine" : "forged"}, ${rejection ?? "accepted"}`)
        }

        assert.deepStrictEqual(wrong, [])
        assert.strictEqual(counts.accepted + counts.malformed + counts.rejected, runs)
        // The sample must contain enough deliveries of each kind.
        for (const count of Object.values(counts)) assert.isAbove(count, runs / 50)
      }).pipe(Effect.provide(TicketWebhooksLive.layer({ secrets: [secret, olderSecret] }))),
    300_000
  )
})
