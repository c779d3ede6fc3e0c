import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { CreateAmbiguous, NewTicket, type RipioHttpError, SupportTickets } from "../../../src/index.ts"
import { Sandbox } from "../../../src/testing/index.ts"
import { clientAt } from "../../support/clients.ts"
import { onSandbox } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { layerSandboxOnPort, sandboxPort } from "../../support/ports.ts"
import { sockets } from "../../support/server.ts"
import { untyped } from "../../support/untyped.ts"
import { quick } from "./quick.ts"

const throwing = (): never => {
  throw new Error("gone")
}

/** A file with properties of another value, as a class that extends `File` may have. */
const fileWith = (properties: Record<string, () => unknown>) =>
  Object.defineProperties(
    new File(["content"], "a.txt"),
    Object.fromEntries(Object.entries(properties).map(([name, get]) => [name, { get }]))
  )

const large = 9 * 1024 * 1024
const unreadable = "expected a file whose name, type and size can be read"

/** What JavaScript may pass as files, and the issue of the error. */
const invalidFiles: ReadonlyArray<readonly [name: string, files: unknown, issue: RegExp]> = [
  ["null", null, /^files: Expected array/u],
  ["a list of null", [null], /^files\.0: Expected File/u],
  ["a file that is not in a list", new File([], "a.txt"), /^files: Expected array/u],
  ["a Blob", [new Blob(["content"])], /^files\.0: Expected File/u],
  ["a File of another realm", [runInNewContext("({ name: 'a', size: 1, stream() {} })")], /^files\.0: Expected File/u],
  [
    "an object with the prototype of File",
    [Object.create(File.prototype)],
    new RegExp(`^files.0: .*${unreadable}`, "iu")
  ],
  ["a file whose name throws", [fileWith({ name: throwing })], new RegExp(unreadable, "iu")],
  ["a file whose type adds a header", [fileWith({ type: () => "a/b\r\nX: y" })], new RegExp(unreadable, "iu")],
  ["a file whose size is not a number of bytes", [fileWith({ size: () => -1 })], new RegExp(unreadable, "iu")],
  [
    "a file that is smaller than its size",
    [fileWith({ size: () => 8 })],
    /the size of a file is not the number of its bytes/u
  ],
  [
    "a file that is larger than its size",
    [fileWith({ size: () => 6 })],
    /the size of a file is not the number of its bytes/u
  ],
  [
    "a file whose content cannot be read",
    [fileWith({ arrayBuffer: () => throwing })],
    /^files: cannot be read \(Error: gone\)/u
  ],
  [
    "a file without content",
    [fileWith({ arrayBuffer: () => () => undefined })],
    /^files: cannot be read \(TypeError: arrayBuffer\(\) returned no bytes\)/u
  ],
  [
    "a file whose content is not bytes",
    [fileWith({ arrayBuffer: () => () => "text" })],
    /^files: cannot be read \(TypeError/u
  ]
]

describe("a create with files that cannot be sent", () => {
  for (const [name, files, issue] of invalidFiles) {
    it.live(`fails with InvalidRequest and sends nothing: ${name}`, () =>
      onSandbox(({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const ticket = newTicket({ customerId: sandbox.customer, files: untyped(files) })
          const error = yield* Effect.flip(tickets.create(ticket))
          assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create", attempts: 0 })
          const { reason } = error as RipioHttpError
          assert(reason._tag === "InvalidRequest")
          assert.match(reason.issue, issue)
          assert.strictEqual(yield* sandbox.count("create"), 0)
        })
      )
    )
  }

  const largeFiles: ReadonlyArray<readonly [name: string, file: () => File]> = [
    ["whose stream throws", () => fileWith({ size: () => large, stream: () => throwing })],
    [
      "whose stream is a promise that rejects",
      () => fileWith({ size: () => large, stream: () => () => Promise.reject(new Error("gone")) })
    ],
    ["whose stream is null", () => fileWith({ size: () => large, stream: () => () => null })],
    ["that is smaller than its size", () => fileWith({ size: () => large })],
    [
      "that is larger than its size",
      () => Object.defineProperty(new File([new Uint8Array(large + 1)], "a.bin"), "size", { value: large })
    ]
  ]
  for (const [transport, client] of sockets) {
    for (const [name, file] of largeFiles) {
      it.live(`fails with CreateAmbiguous while ${transport} sends a large file ${name}, and no ticket is stored`, () =>
        Effect.gen(function* () {
          const sandbox = yield* Sandbox
          const layer = clientAt(sandbox, `http://127.0.0.1:${yield* sandboxPort}`, client)
          const ticket = newTicket({ customerId: sandbox.customer, files: [file()] })
          const error = yield* Effect.flip(
            SupportTickets.use((tickets) => tickets.create(ticket)).pipe(Effect.provide(layer))
          )
          assert.instanceOf(error, CreateAmbiguous)
          assert.deepStrictEqual(yield* sandbox.tickets, [])
        }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
      )
    }
  }

  it.live("reads what a class that extends File returns", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const bytes = new TextEncoder().encode("lazy content")
          const lazy = fileWith({ size: () => bytes.length, arrayBuffer: () => async () => bytes.buffer })
          yield* tickets.create(newTicket({ customerId: sandbox.customer, files: [lazy] }))
          const [stored] = yield* sandbox.tickets
          assert.deepStrictEqual(stored?.files[0]?.bytes, bytes)
        }),
      quick
    )
  )
})

describe("the decoder of NewTicket", () => {
  it.effect("fails with SchemaError for a file that only looks like one", () =>
    Effect.gen(function* () {
      for (const file of [
        Object.create(File.prototype),
        fileWith({ name: throwing }),
        fileWith({ size: () => Number.NaN })
      ]) {
        const error = yield* Effect.flip(Schema.decodeUnknownEffect(NewTicket)({ ...newTicket(), files: [file] }))
        assert.match(error.message, new RegExp(unreadable, "iu"))
      }
    })
  )
})
