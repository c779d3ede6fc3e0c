import { openAsBlob } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { type NewTicket, SupportTickets } from "../../../src/index.ts"
import { withTokenAt } from "../../support/clients.ts"
import { pending } from "../../support/fixtures.ts"
import { newTicket } from "../../support/newTicket.ts"

/** Creates a ticket on a client that records request bodies and always replies the same. */
const creating = (
  ticket: NewTicket,
  response: { readonly status: number; readonly headers: Record<string, string> } = { status: 202, headers: {} }
) => {
  const bodies: Array<HttpBody> = []
  const client = HttpClient.make((request) => {
    bodies.push(request.body)
    return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(pending, response)))
  })
  const create = SupportTickets.use((tickets) => tickets.create(ticket)).pipe(
    Effect.provide(withTokenAt("https://ripio.test", Layer.succeed(HttpClient.HttpClient, client)))
  )
  return { bodies, create }
}

const creatingWith = (...files: ReadonlyArray<File>) => creating(newTicket({ files }))

describe("the body of a create", () => {
  it.effect("has its length, up to 8 MiB and above", () =>
    Effect.gen(function* () {
      const limit = 8 * 1024 * 1024
      const empty = creatingWith(new File([], "film.bin"))
      yield* empty.create
      const overhead = empty.bodies[0]?._tag === "Stream" ? empty.bodies[0].contentLength! : assert.fail("no stream")
      for (const size of [0, limit - overhead, limit - overhead + 1]) {
        const { bodies, create } = creatingWith(new File([new Uint8Array(size)], "film.bin"))
        yield* create
        const body = bodies[0]?._tag === "Stream" ? bodies[0] : assert.fail("no stream")
        assert.strictEqual(body.contentLength, overhead + size)
        assert.strictEqual((yield* Stream.mkUint8Array(body.stream)).length, overhead + size)
      }
    })
  )

  it.effect("is read once: a second read fails", () =>
    Effect.gen(function* () {
      const { bodies, create } = creatingWith(new File(["x"], "a.txt"))
      yield* create
      const body = bodies[0]?._tag === "Stream" ? bodies[0] : assert.fail("no stream")
      yield* Stream.runDrain(Stream.take(body.stream, 1))
      const error = yield* Effect.flip(Stream.runDrain(body.stream))
      assert.match(String(error), /is not sent twice/u)
    })
  )

  it.effect("is completed by its last chunk alone", () =>
    Effect.gen(function* () {
      for (const files of [[], [new File(["x"], "a.txt")], [new File([new Uint8Array(9_000_000)], "film.bin")]]) {
        const { bodies, create } = creatingWith(...files)
        yield* create
        const body = bodies[0]?._tag === "Stream" ? bodies[0] : assert.fail("no stream")
        const chunks = yield* Stream.runCollect(body.stream)
        assert.isAtLeast(chunks.length, 3)
        const last = new TextDecoder().decode(chunks.at(-1))
        assert.match(last, /^(\r\n)?------ripio-[\w-]+--\r\n$/u)
      }
    })
  )

  it.effect("has a Content-Type for files only", () =>
    Effect.gen(function* () {
      const { bodies, create } = creatingWith(new File(["x"], "a.txt", { type: "text/plain" }), new File(["y"], "b"))
      yield* create
      const body = yield* bodies[0]?._tag === "Stream"
        ? Stream.mkUint8Array(bodies[0].stream)
        : assert.fail("no stream")
      const types = new TextDecoder().decode(body).match(/^Content-Type: .*$/gmu)
      assert.deepStrictEqual(types, ["Content-Type: text/plain", "Content-Type: application/octet-stream"])
    })
  )

  it.live("is not sent if a file cannot be read", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "create-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true }))
      )
      const path = join(folder, "film.bin")
      yield* Effect.promise(() => writeFile(path, "film"))
      const blob = yield* Effect.promise(() => openAsBlob(path))
      yield* Effect.promise(() => rm(path))
      const { bodies, create } = creatingWith(new File([blob], "film.bin"))
      const error = yield* Effect.flip(create)
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create", attempts: 0 })
      assert.match(error.message, /files: cannot be read \(NotReadableError/u)
      assert.deepStrictEqual(bodies, [])
    })
  )
})

describe("create", () => {
  it.effect("copies the request id of the response to CreateAmbiguous", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<{
        readonly headers: Record<string, string>
        readonly requestId: string | undefined
      }> = [
        { headers: { "x-request-id": "request-7" }, requestId: "request-7" },
        { headers: {}, requestId: undefined }
      ]
      for (const { headers, requestId } of cases) {
        const error = yield* Effect.flip(creating(newTicket(), { status: 500, headers }).create)
        if (error._tag !== "CreateAmbiguous") return assert.fail(error._tag)
        assert.strictEqual(error.requestId, requestId)
        assert.strictEqual("requestId" in error, requestId !== undefined)
      }
    })
  )

  it.effect("has a span, and the span of the request within it", () =>
    Effect.gen(function* () {
      const spans: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => {
          spans.push(options.name)
          return new Tracer.NativeSpan(options)
        }
      })
      yield* Effect.withTracer(creating(newTicket()).create, tracer)
      assert.deepStrictEqual(spans, ["SupportTickets.create", "POST /api/v1/supportTickets/"])
    })
  )
})
