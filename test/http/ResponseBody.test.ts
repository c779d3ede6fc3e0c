import { brotliCompressSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { FetchTransport } from "../../src/index.ts"
import { Fault } from "../../src/testing/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { httpOn, onSandbox, operation, scriptedHttp } from "../support/harness.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { always } from "../support/replies.ts"
import { isFetch, serve, sockets } from "../support/server.ts"
import { streamingClient } from "../support/streamingClient.ts"
import { failsWithin, fieldsOf } from "../support/virtualTime.ts"

const limit = 64 * 1024

describe("the response body", () => {
  const empty = { _tag: "UnexpectedResponse", status: 200, issue: "the body is empty", excerpt: "" }

  /** `FetchTransport` on a `fetch` whose responses have this body. */
  const fetching = (body: () => BodyInit | null) =>
    FetchTransport.layer.pipe(
      Layer.provide(Layer.succeed(FetchHttpClient.Fetch, () => Promise.resolve(new Response(body()))))
    )

  it.effect("is reported as empty if it is missing or has no bytes", () =>
    Effect.gen(function* () {
      for (const body of [null, "", new Blob([])]) {
        const { get } = yield* httpOn(fetching(() => body))
        assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(get))), empty)
      }
      const { get } = yield* httpOn(streamingClient(Stream.empty).layer)
      assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(get))), empty)
    })
  )

  it.effect("is joined from its chunks, also if a character is split between two", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode('{"ok":true,"text":"ñ💸"}')
      for (const size of [1, 5, bytes.length]) {
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.slice(index * size, (index + 1) * size)
        )
        const { execute } = yield* httpOn(fetching(() => Stream.toReadableStream(Stream.fromIterable(chunks))))
        const decoded = yield* execute(HttpClientRequest.get("/path/"), {
          operation,
          decode: (json) => Result.succeed(json)
        })
        assert.deepStrictEqual(decoded, { ok: true, text: "ñ💸" })
      }
    })
  )

  it.effect("may have been read by middleware before, and is limited then too", () =>
    Effect.gen(function* () {
      const reading = (layer: Layer.Layer<HttpClient.HttpClient>) =>
        Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.tap((response) => response.text)
          )
        ).pipe(Layer.provide(layer))
      for (const { isAccepted, length } of [
        { length: limit, isAccepted: true },
        { length: limit + 1, isAccepted: false }
      ]) {
        const text = '{"ok":true}'.padEnd(length)
        const { get } = yield* httpOn(reading(fetching(() => text)))
        assert.strictEqual(Exit.isSuccess(yield* Effect.exit(get)), isAccepted)
      }
    })
  )
})

describe("the limit of 64 KiB on response bodies", () => {
  const json = (bytes: number) => Buffer.from('{"ok":true}'.padEnd(bytes))
  const tooLarge = {
    _tag: "UnexpectedResponse",
    status: 200,
    issue: "the body is larger than 64 KiB",
    excerpt: ""
  }

  const fetchClients = sockets.filter(([name]) => isFetch(name))
  const largeBodies: ReadonlyArray<{
    readonly name: string
    readonly headers: Record<string, string>
    readonly body: Buffer
    readonly clients: typeof sockets
  }> = [
    {
      name: "with a content-length",
      headers: { "content-length": `${limit + 1}` },
      body: json(limit + 1),
      clients: sockets
    },
    { name: "in chunks", headers: {}, body: json(limit + 1), clients: sockets },
    { name: "of 64 MiB", headers: {}, body: json(limit * 1024), clients: sockets },
    {
      name: "after gzip decompression",
      headers: { "content-encoding": "gzip" },
      body: gzipSync(json(limit + 1)),
      clients: fetchClients
    },
    {
      name: "of 64 MiB after gzip decompression",
      headers: { "content-encoding": "gzip" },
      body: gzipSync(json(limit * 1024)),
      clients: fetchClients
    },
    {
      name: "after gzip decompression, with a small content-length",
      headers: { "content-encoding": "gzip", "content-length": `${gzipSync(json(limit * 64)).length}` },
      body: gzipSync(json(limit * 64)),
      clients: fetchClients
    },
    {
      name: "after brotli decompression",
      headers: { "content-encoding": "br" },
      body: brotliCompressSync(json(limit * 64)),
      clients: fetchClients
    }
  ]

  for (const { body, clients, headers, name } of largeBodies) {
    for (const [clientName, client] of clients) {
      it.live(`rejects a larger body ${name}, with ${clientName}`, () =>
        Effect.gen(function* () {
          const baseUrl = yield* serve((_, response) => {
            response.writeHead(200, headers)
            // Without a content-length, two writes make a chunked body.
            response.write(body.subarray(0, 10))
            response.end(body.subarray(10))
          })
          const { get } = yield* httpOn(client, { environment: { baseUrl } })
          const error = yield* Effect.flip(get)
          assert.deepStrictEqual(fieldsOf(reasonOf(error)), tooLarge)
          assert.deepInclude(error, { attempts: 1 })
        })
      )
    }
  }

  const exactBodies: ReadonlyArray<{ readonly name: string; readonly headers: Record<string, string> }> = [
    { name: "with a content-length", headers: { "content-length": `${limit}` } },
    { name: "in chunks", headers: {} }
  ]

  for (const [clientName, client] of sockets) {
    it.live(`stops reading an endless body and closes the connection, with ${clientName}`, () =>
      Effect.gen(function* () {
        const closed = yield* Deferred.make<number>()
        const baseUrl = yield* serve((_, response) => {
          let written = 0
          const chunk = Buffer.alloc(limit, " ")
          const pour = () => {
            do written += chunk.length
            while (response.write(chunk))
          }
          response.on("drain", pour)
          response.on("close", () => Effect.runSync(Deferred.succeed(closed, written)))
          pour()
        })
        const { get } = yield* httpOn(client, { environment: { baseUrl } })
        assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(get))), tooLarge)
        assert.isBelow(yield* Deferred.await(closed), 64 * 1024 * 1024)
      })
    )

    for (const { headers, name } of exactBodies) {
      it.live(`accepts a body of exactly 64 KiB ${name}, with ${clientName}`, () =>
        Effect.gen(function* () {
          const baseUrl = yield* serve((_, response) => {
            response.writeHead(200, headers)
            response.write(json(limit).subarray(0, 10))
            response.end(json(limit).subarray(10))
          })
          const { get } = yield* httpOn(client, { environment: { baseUrl } })
          assert.deepStrictEqual(yield* get, { ok: true })
        })
      )
    }
  }

  for (const [clientName, client] of fetchClients) {
    it.live(`accepts a body of exactly 64 KiB after gzip decompression, with ${clientName}`, () =>
      Effect.gen(function* () {
        const baseUrl = yield* serve((_, response) => {
          response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(json(limit)))
        })
        const { get } = yield* httpOn(client, { environment: { baseUrl } })
        assert.deepStrictEqual(yield* get, { ok: true })
      })
    )
  }

  it.effect("applies in process, with a content-length, with a wrong one and without", () =>
    Effect.gen(function* () {
      for (const bytes of [limit, limit + 1]) {
        for (const options of [{ contentLength: bytes }, { contentLength: 11 }, {}]) {
          const { get } = yield* httpOn(streamingClient(Stream.succeed(json(bytes)), options).layer)
          const exit = yield* Effect.exit(get)
          assert.strictEqual(Exit.isSuccess(exit), bytes === limit)
        }
      }
    })
  )

  it.effect("does not change how the status of an error is classified and retried", () =>
    Effect.gen(function* () {
      const text = "<html>".padEnd(limit * 2)
      const badGateway = yield* scriptedHttp(always({ status: 502, text }))
      const { error } = yield* failsWithin("1 minute", badGateway.get)
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), { _tag: "ServerFailed", status: 502 })
      assert.strictEqual((yield* badGateway.times).length, 3)
      const { get } = yield* scriptedHttp([{ status: 404, text }])
      assert.deepInclude(reasonOf(yield* Effect.flip(get)), { _tag: "UnexpectedResponse", status: 404, excerpt: "" })
    })
  )

  it.effect("applies to the token endpoint", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.oversized(limit + 1), { on: "token" })
        const error = yield* Effect.flip(tickets.retrieve(ticketId))
        assert.deepInclude(error, { operation: "accessToken", attempts: 1 })
        assert.deepStrictEqual(fieldsOf(reasonOf(error)), tooLarge)
      })
    )
  )
})
