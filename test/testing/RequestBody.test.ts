/** The test doubles read the body of a request when a transport would. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Fault, Sandbox, ScriptedHttpClient, type ScriptedStep } from "../../src/testing/index.ts"
import { inProcess, requestToken } from "./transports.ts"

const text = "a body in two chunks"

/** A body that records how many of its chunks were read. */
const recordedBody = () => {
  const read: Array<string> = []
  const chunks = [text.slice(0, 5), text.slice(5)]
  const stream = Stream.fromIterable(chunks).pipe(
    Stream.tap((chunk) => Effect.sync(() => read.push(chunk))),
    Stream.map((chunk) => new TextEncoder().encode(chunk))
  )
  return { read, stream }
}

const post = (stream: Stream.Stream<Uint8Array, unknown>) =>
  HttpClientRequest.post("https://api.test/").pipe(
    HttpClientRequest.bodyStream(stream, { contentType: "text/plain", contentLength: text.length })
  )

describe("ScriptedHttpClient", () => {
  const send = Effect.fnUntraced(function* (step: ScriptedStep) {
    const { read, stream } = recordedBody()
    const scripted = yield* ScriptedHttpClient.make([step])
    const fiber = yield* HttpClient.execute(post(stream)).pipe(
      Effect.exit,
      Effect.provide(scripted.layer),
      Effect.forkChild({ startImmediately: true })
    )
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    return { read: read.join(""), recorded: (yield* scripted.requests).map(({ body }) => body) }
  })

  it.effect("reads no body if the connection is refused", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* send("refused"), { read: "", recorded: [""] })
    })
  )

  for (const [name, step] of [
    ["a response", { status: 200 }],
    ["a web Response", new Response()],
    ["no response", "hang"],
    ["a function of the request", ({ body }) => Effect.succeed({ status: 200, text: body })]
  ] satisfies ReadonlyArray<readonly [string, ScriptedStep]>) {
    it.effect(`reads and records the body before the reply: ${name}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* send(step), { read: text, recorded: [text] })
      })
    )
  }

  it.effect("reads no body if the script has ended", () =>
    Effect.gen(function* () {
      const { read, stream } = recordedBody()
      const scripted = yield* ScriptedHttpClient.make([])
      yield* Effect.exit(HttpClient.execute(post(stream)).pipe(Effect.provide(scripted.layer)))
      assert.deepStrictEqual(read, [])
    })
  )

  it.effect("a body that cannot be read is a TransportError", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([{ status: 200 }])
      const error = yield* HttpClient.execute(post(Stream.fail("the file is gone"))).pipe(
        Effect.provide(scripted.layer),
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "TransportError")
      assert.strictEqual((yield* scripted.requests).length, 1)
    })
  )
})

describe("the sandbox in process", () => {
  const create = (bearer: Redacted.Redacted, stream: Stream.Stream<Uint8Array, unknown>) =>
    HttpClientRequest.post("/api/v1/supportTickets/").pipe(
      HttpClientRequest.bearerToken(bearer),
      HttpClientRequest.bodyStream(stream, { contentType: "multipart/form-data; boundary=b" }),
      HttpClient.execute,
      Effect.exit
    )

  const readUnder = Effect.fnUntraced(function* (fault: Fault) {
    const sandbox = yield* Sandbox
    const bearer = yield* requestToken(sandbox.account)
    yield* sandbox.inject(fault, { on: "create" })
    const { read, stream } = recordedBody()
    yield* create(bearer, stream)
    return read.join("")
  })

  it.effect("reads no body if the connection is refused, and the whole body if it breaks later", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* readUnder(Fault.refused), "")
      assert.strictEqual(yield* readUnder(Fault.dropped), text)
      assert.strictEqual(yield* readUnder(Fault.reset({ afterBytes: 0 })), text)
      assert.strictEqual(yield* readUnder(Fault.cutJson), text)
    }).pipe(Effect.provide(inProcess()))
  )

  it.effect("reads no form if the connection is refused", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const bearer = yield* requestToken(sandbox.account)
      let isRead = false
      class WatchedFile extends File {
        override stream() {
          isRead = true
          return super.stream()
        }
      }
      const file = new WatchedFile(["content"], "f.txt")
      const form = new FormData()
      form.set("files", file)
      const entry = form.get("files")
      // A form keeps the file itself, so that a read of it is seen.
      assert.strictEqual(entry, file)
      yield* sandbox.inject(Fault.refused, { on: "create" })
      const send = HttpClientRequest.post("/api/v1/supportTickets/").pipe(
        HttpClientRequest.bearerToken(bearer),
        HttpClientRequest.bodyFormData(form),
        HttpClient.execute,
        Effect.exit
      )
      yield* send
      assert.isFalse(isRead)
      yield* send
      assert.isTrue(isRead)
    }).pipe(Effect.provide(inProcess()))
  )
})
