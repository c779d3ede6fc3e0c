import { Readable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { CreateAmbiguous, FetchTransport, SupportTickets } from "../../src/index.ts"
import { withTokenAt } from "../support/clients.ts"
import { pending } from "../support/fixtures.ts"
import { httpOn, operation } from "../support/harness.ts"
import { newTicket } from "../support/newTicket.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { untyped } from "../support/untyped.ts"

const limit = 64 * 1024

const throwing = (): never => {
  throw new Error("a broken response")
}

/** A real response with properties of another value. */
const changed = (text: string, properties: Record<string, () => unknown>) =>
  Object.defineProperties(
    new Response(text),
    Object.fromEntries(Object.entries(properties).map(([name, get]) => [name, { get }]))
  )

const mock = (fields: object) => ({ status: 200, ...fields })

const splitNodeStream = (text: string) => Readable.from([Buffer.from(text.slice(0, 5)), Buffer.from(text.slice(5))])

/** Responses of polyfills and mocks, which have no web stream, and whose body can be read. */
const readable: Record<string, (text: string) => unknown> = {
  "with a Node stream": (text) => mock({ headers: new Map(), body: splitNodeStream(text) }),
  "with a Node stream of text": (text) => mock({ body: splitNodeStream(text).setEncoding("utf8") }),
  "without a stream, with text()": (text) => mock({ text: () => Promise.resolve(text) }),
  "whose text() returns no promise": (text) => mock({ text: () => text, headers: null }),
  "whose headers throw": (text) => changed(text, { headers: throwing }),
  "whose headers are not text": (text) => changed(text, { headers: () => ({ "retry-after": [7], "x-request-id": {} }) })
}

/** Responses that arrive, and whose body cannot be read. */
const unreadable: Record<string, (text: string) => unknown> = {
  "whose body is locked": (text) => {
    const response = new Response(text)
    response.body?.getReader()
    return response
  },
  "whose body was read": (text) => {
    const response = new Response(text)
    void response.text()
    return response
  },
  "whose reader throws": () => changed("", { body: () => ({ getReader: throwing }) }),
  "whose reads throw": () => changed("", { body: () => ({ getReader: () => ({ read: throwing, cancel: throwing }) }) }),
  "whose chunks are numbers": () =>
    mock({
      body: {
        *[Symbol.asyncIterator]() {
          yield 7
        }
      }
    }),
  "whose body throws": () => changed("", { body: throwing }),
  "whose text() returns no text": () => mock({ text: () => Promise.resolve({}) }),
  "whose status throws": (text) => changed(text, { status: throwing })
}

/** Clients whose responses are not those of the platform: through Effect's `fromWeb`, and through `fetch`. */
const transports: Record<string, (response: () => unknown) => Layer.Layer<HttpClient.HttpClient>> = {
  "HttpClientResponse.fromWeb": (response) =>
    Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, untyped(response()))))
    ),
  FetchTransport: (response) =>
    FetchTransport.layer.pipe(
      Layer.provide(Layer.succeed(FetchHttpClient.Fetch, () => Promise.resolve(untyped(response()))))
    ),
  FetchHttpClient: (response) =>
    FetchHttpClient.layer.pipe(
      Layer.provide(Layer.succeed(FetchHttpClient.Fetch, () => Promise.resolve(untyped(response()))))
    )
}

const createOn = (client: Layer.Layer<HttpClient.HttpClient>) =>
  SupportTickets.use((tickets) => tickets.create(newTicket())).pipe(
    Effect.provide(withTokenAt("https://ripio.test", client))
  )

const get = HttpClientRequest.get("/path/")

for (const [transport, client] of Object.entries(transports)) {
  describe(`a response by ${transport}`, () => {
    for (const [name, respond] of Object.entries(readable)) {
      it.effect(`${name} is read, up to 64 KiB, and does not lose the id of a created ticket`, () =>
        Effect.gen(function* () {
          for (const { isAccepted, length } of [
            { length: limit, isAccepted: true },
            { length: limit + 1, isAccepted: false }
          ]) {
            const { execute } = yield* httpOn(client(() => respond('{"ok":true}'.padEnd(length))))
            const result = yield* Effect.result(execute(get, { operation, decode: (json) => Result.succeed(json) }))
            assert.strictEqual(Result.isSuccess(result), isAccepted)
          }
          const ticket = yield* createOn(client(() => respond(JSON.stringify(pending))))
          assert.deepStrictEqual(ticket, { _tag: "Pending", ticketId: pending.ticketId })
        })
      )
    }

    // Effect's own client dies if the body throws.
    const isOfClient = (name: string) => transport !== "FetchHttpClient" || name !== "whose body throws"
    for (const [name, respond] of Object.entries(unreadable).filter(([name]) => isOfClient(name))) {
      it.effect(`${name} is a TransportFailed, and CreateAmbiguous for a create`, () =>
        Effect.gen(function* () {
          const layer = client(() => respond(JSON.stringify(pending)))
          const http = yield* httpOn(layer, { retry: { times: 0 } })
          assert.deepInclude(reasonOf(yield* Effect.flip(http.get)), { _tag: "TransportFailed", mayHaveBeenSent: true })
          assert.instanceOf(yield* Effect.flip(createOn(layer)), CreateAmbiguous)
        })
      )
    }

    it.effect("that the client returns twice is read once, and then a TransportFailed", () =>
      Effect.gen(function* () {
        const response = new Response('{"ok":true}')
        const http = yield* httpOn(
          client(() => response),
          { retry: { times: 0 } }
        )
        assert.deepStrictEqual(yield* http.get, { ok: true })
        assert.deepInclude(reasonOf(yield* Effect.flip(http.get)), { _tag: "TransportFailed", mayHaveBeenSent: true })
        assert.instanceOf(yield* Effect.flip(createOn(client(() => response))), CreateAmbiguous)
      })
    )

    it.effect("whose status is not one of HTTP is an UnexpectedResponse, and CreateAmbiguous for a create", () =>
      Effect.gen(function* () {
        for (const status of [0, 150, Number.NaN, undefined, "202", 1.5, Symbol("status")]) {
          const layer = client(() => changed(JSON.stringify(pending), { status: () => status }))
          const http = yield* httpOn(layer)
          assert.deepInclude(reasonOf(yield* Effect.flip(http.get)), {
            _tag: "UnexpectedResponse",
            status: status === 150 ? 150 : 0
          })
          assert.instanceOf(yield* Effect.flip(createOn(layer)), CreateAmbiguous)
        }
      })
    )
  })
}

describe("a fetch that returns no response", () => {
  it.effect("is a TransportFailed", () =>
    Effect.gen(function* () {
      for (const response of [undefined, null, "text", 7]) {
        const http = yield* httpOn(
          transports["FetchTransport"]!(() => response),
          { retry: { times: 0 } }
        )
        const reason = reasonOf(yield* Effect.flip(http.get))
        assert.deepInclude(reason, { _tag: "TransportFailed", description: "fetch returned no Response" })
      }
    })
  )
})

describe("a decoder of RipioHttp.execute that throws or returns no Result", () => {
  it.effect("is an UnexpectedResponse", () =>
    Effect.gen(function* () {
      const { execute } = yield* httpOn(transports["FetchTransport"]!(() => new Response('{"ok":true}')))
      for (const decode of [throwing, () => undefined, () => ({})]) {
        const error = yield* Effect.flip(execute(get, { operation, decode: untyped(decode) }))
        assert.deepInclude(reasonOf(error), { _tag: "UnexpectedResponse", status: 200 })
      }
    })
  )
})
