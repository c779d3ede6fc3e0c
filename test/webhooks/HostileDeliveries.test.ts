/** What JavaScript may pass to `verify` and to the options of the layer. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { Readable } from "node:stream"
import { runInNewContext } from "node:vm"
import { TicketWebhooks, TicketWebhooksLive, WebhookRejected } from "../../src/index.ts"
import { untyped } from "../support/untyped.ts"
import { createdJson, delivery, jsonDelivery, nodeSignature, secret, secretText } from "./fixtures.ts"
import { rejectionOf, verify } from "./verify.ts"

const signed = jsonDelivery(createdJson)
const bytes = signed.body

const throwing = (name: string) =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get: () => {
      throw new Error("a getter failed")
    }
  })
const throwingProxy = new Proxy(
  {},
  {
    get: () => {
      throw new Error("a proxy failed")
    }
  }
)
const detached = () => {
  const copy = new Uint8Array(bytes)
  structuredClone(copy.buffer, { transfer: [copy.buffer] })
  return copy
}

const hostileHeaders: ReadonlyArray<unknown> = [
  null,
  undefined,
  "text",
  7,
  true,
  Symbol("headers"),
  [],
  () => undefined,
  throwing("http-x-wh-signature-256"),
  throwing("Http-X-Wh-Signature-256"),
  throwing("get"),
  throwingProxy,
  { get: () => throwingProxy },
  { get: 7 },
  { "http-x-wh-signature-256": null },
  { "http-x-wh-signature-256": { toString: null } },
  { "http-x-wh-signature-256": [throwingProxy] },
  withoutPrototype(),
  new Map()
]
const hostileBodies: ReadonlyArray<unknown> = [
  null,
  undefined,
  "text",
  7,
  [],
  {},
  () => bytes,
  Readable.from([bytes]),
  new ReadableStream(),
  new Blob(["x"]),
  new Response("x"),
  bytes.buffer,
  new SharedArrayBuffer(8),
  throwingProxy,
  detached()
]

describe("verify", () => {
  it.effect("fails with WebhookRejected for every delivery that is not one", () =>
    Effect.gen(function* () {
      const deliveries = [
        undefined,
        null,
        "text",
        7,
        [],
        throwing("body"),
        throwingProxy,
        { body: bytes, headers: throwing("x") },
        Object.defineProperty({ body: bytes }, "headers", {
          get: () => {
            throw new Error("a getter failed")
          }
        }),
        ...hostileHeaders.flatMap((headers) => [bytes, ...hostileBodies].map((body) => ({ body, headers }))),
        ...hostileBodies.map((body) => ({ body, headers: signed.headers }))
      ]
      for (const hostile of deliveries) {
        const exit = yield* Effect.exit(verify(untyped(hostile)))
        assert.isTrue(Exit.isFailure(exit))
        assert.instanceOf(yield* Effect.flip(verify(untyped(hostile))), WebhookRejected)
      }
    })
  )

  it.effect("says which part of the delivery cannot be used", () =>
    Effect.gen(function* () {
      const tagOf = (hostile: unknown) => Effect.map(rejectionOf(untyped(hostile)), ({ _tag }) => _tag)
      assert.strictEqual(yield* tagOf(undefined), "SignatureMismatch")
      assert.strictEqual(yield* tagOf({ body: bytes, headers: null }), "MissingSignature")
      assert.strictEqual(yield* tagOf({ body: bytes, headers: undefined }), "MissingSignature")
      assert.strictEqual(yield* tagOf({ body: bytes, headers: throwing("get") }), "MalformedSignature")
      assert.strictEqual(yield* tagOf({ body: Readable.from([]), headers: signed.headers }), "SignatureMismatch")
    })
  )

  for (const { body, title } of [
    {
      title: "a Uint8Array of another realm",
      body: runInNewContext("Uint8Array.from(bytes)", { bytes }) as Uint8Array
    },
    { title: "a view of a SharedArrayBuffer", body: sharedCopy(bytes) },
    { title: "a DataView", body: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) },
    { title: "a Uint16Array", body: new Uint16Array(evenCopy(bytes).buffer) }
  ] as const) {
    it.effect(`accepts the bytes of ${title}`, () =>
      Effect.gen(function* () {
        const isPadded = title === "a Uint16Array"
        const signedBody = isPadded ? delivery(evenCopy(bytes)) : signed
        assert.strictEqual((yield* verify({ ...signedBody, body: untyped(body) }))._tag, "TicketCreated")
      })
    )
  }

  it.effect("finds the signature in headers without a prototype and in a Map", () =>
    Effect.gen(function* () {
      const value = nodeSignature(bytes)
      const record = Object.assign(withoutPrototype(), { "X-Wh-Signature-256": value })
      assert.strictEqual((yield* verify({ body: bytes, headers: record }))._tag, "TicketCreated")
      const map = new Map([["http-x-wh-signature-256", value]])
      assert.strictEqual((yield* verify({ body: bytes, headers: untyped(map) }))._tag, "TicketCreated")
    })
  )
})

describe("TicketWebhooksLive.layer", () => {
  const wiped = Redacted.make(secretText)
  Redacted.wipeUnsafe(wiped)
  // What another copy of the module makes: it has the type id, and its value is in a registry of that copy.
  const foreign: unknown = Object.setPrototypeOf(
    { label: undefined },
    Object.getPrototypeOf(secret) as object
  ) as unknown

  for (const { option = "secrets[0]", secrets, title } of [
    { title: "a secret that is a plain text", secrets: [secretText] },
    { title: "a secret that is undefined", secrets: [undefined] },
    { title: "a secret that is null", secrets: [null] },
    { title: "a secret of bytes", secrets: [Redacted.make(new Uint8Array(32))] },
    { title: "a Redacted of another copy of effect", secrets: [foreign] },
    { title: "a wiped Redacted", secrets: [secret, wiped], option: "secrets[1]" },
    { title: "no secrets", secrets: undefined, option: "secrets" },
    { title: "a secret instead of a list", secrets: secret, option: "secrets" }
  ]) {
    it.effect(`fails with InvalidOption that names ${option} for ${title}`, () =>
      Effect.gen(function* () {
        const layer = TicketWebhooksLive.layer({ secrets: untyped(secrets) })
        const error = yield* Effect.flip(Effect.provide(TicketWebhooks, layer))
        assert.strictEqual(error._tag, "InvalidOption")
        assert.strictEqual(error.option, option)
        assert.notInclude(JSON.stringify(error), secretText)
      })
    )
  }

  it.effect("fails with InvalidOption without options", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(TicketWebhooks, TicketWebhooksLive.layer(untyped(undefined))))
      assert.strictEqual(error.option, "secrets")
    })
  )
})

function withoutPrototype() {
  return Object.create(null) as Record<string, string>
}

function sharedCopy(source: Uint8Array) {
  const shared = new Uint8Array(new SharedArrayBuffer(source.byteLength))
  shared.set(source)
  return shared
}

/** The bytes and a space, if their number is odd. */
function evenCopy(source: Uint8Array) {
  const copy = new Uint8Array(source.byteLength + (source.byteLength % 2)).fill(0x20)
  copy.set(source)
  return copy
}
