import { openAsBlob } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { CustomerId, type NewTicket, SupportTickets } from "../../../src/index.ts"
import { withTokenAt } from "./support.ts"

const ticketWith = (...files: ReadonlyArray<File>): NewTicket => ({
  customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
  summary: "A deposit is missing",
  description: "Since Monday.",
  files
})

/** Creates on a client that keeps the bodies, and answers with one response. */
const creating = (ticket: NewTicket, answer = { status: 202, headers: {} }) => {
  const bodies: Array<HttpBody> = []
  const client = HttpClient.make((request) => {
    bodies.push(request.body)
    const accepted = { ticketId: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", status: "PENDING", issueKey: null }
    return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(accepted, answer)))
  })
  const create = SupportTickets.use((tickets) => tickets.create(ticket)).pipe(
    Effect.provide(withTokenAt("https://ripio.test", Layer.succeed(HttpClient.HttpClient, client)))
  )
  return { bodies, create }
}

describe("the body of a create", () => {
  it.effect("is one piece up to 8 MiB, and streamed above", () =>
    Effect.gen(function* () {
      const mebibytes = 8 * 1024 * 1024
      const small = creating(ticketWith(new File([], "film.bin")))
      yield* small.create
      const frame = small.bodies[0]?._tag === "Uint8Array" ? small.bodies[0].contentLength : assert.fail("no bytes")
      for (const [size, tag] of [
        [mebibytes - frame, "Uint8Array"],
        [mebibytes - frame + 1, "Stream"]
      ] as const) {
        const { bodies, create } = creating(ticketWith(new File([new Uint8Array(size)], "film.bin")))
        yield* create
        const body = bodies[0] ?? assert.fail("no body")
        assert.strictEqual(body._tag, tag)
        const length = body._tag === "Stream" ? (yield* Stream.mkUint8Array(body.stream)).length : frame + size
        assert.deepInclude(body, { contentLength: frame + size })
        assert.strictEqual(length, frame + size)
      }
    })
  )

  it.effect("says a type for files alone", () =>
    Effect.gen(function* () {
      const { bodies, create } = creating(
        ticketWith(new File(["x"], "a.txt", { type: "text/plain" }), new File(["y"], "b"))
      )
      yield* create
      const body = bodies[0]?._tag === "Uint8Array" ? bodies[0].body : assert.fail("no bytes")
      const types = new TextDecoder().decode(body).match(/^Content-Type: .*$/gmu)
      assert.deepStrictEqual(types, ["Content-Type: text/plain", "Content-Type: application/octet-stream"])
    })
  )

  it.live("with a file that cannot be read any more is not sent", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "create-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true }))
      )
      const path = join(folder, "film.bin")
      yield* Effect.promise(() => writeFile(path, "film"))
      const blob = yield* Effect.promise(() => openAsBlob(path))
      yield* Effect.promise(() => rm(path))
      const { bodies, create } = creating(ticketWith(new File([blob], "film.bin")))
      const error = yield* Effect.flip(create)
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "create", attempts: 0 })
      assert.match(error.message, /files: cannot be read \(NotReadableError/u)
      assert.deepStrictEqual(bodies, [])
    })
  )
})

describe("a create", () => {
  it.effect("that is in doubt carries the request id of the answer", () =>
    Effect.gen(function* () {
      for (const [headers, expected] of [
        [{ "x-request-id": "request-7" }, "request-7"],
        [{}, undefined]
      ] as const) {
        const error = yield* Effect.flip(creating(ticketWith(), { status: 500, headers }).create)
        if (error._tag !== "CreateAmbiguous") return assert.fail(error._tag)
        assert.strictEqual(error.requestId, expected)
        assert.strictEqual("requestId" in error, expected !== undefined)
      }
    })
  )

  it.effect("has a span of its own, and the request within it", () =>
    Effect.gen(function* () {
      const spans: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => {
          spans.push(options.name)
          return new Tracer.NativeSpan(options)
        }
      })
      yield* Effect.withTracer(creating(ticketWith()).create, tracer)
      assert.deepStrictEqual(spans, ["SupportTickets.create", "POST"])
    })
  )
})
