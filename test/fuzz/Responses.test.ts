import { Readable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthClientCredentials,
  AuthService,
  AuthStaticToken,
  FetchTransport,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive
} from "../../src/index.ts"
import { apiErrors, pending, ticketId } from "../support/fixtures.ts"
import { fuzz, fuzzedCalls } from "../support/fuzz.ts"
import { baseUrl } from "../support/harness.ts"
import type { Hostile } from "../support/hostileValues.ts"
import { newTicket } from "../support/newTicket.ts"
import { untyped } from "../support/untyped.ts"

const statuses = [0, 99, 102, 200, 201, 202, 204, 303, 1000, 2 ** 60, -1, 1.5, Number.NaN, undefined, null, "202", 202n]
const refusals = [301, 400, 401, 403, 404, 429]

const throwing = (): never => {
  throw new Error("a hostile response")
}

const define = (target: object, name: string, get: () => unknown) =>
  Object.defineProperty(target, name, { configurable: true, enumerable: true, get })

/** Readers of a web stream that break its contract, or never end. */
const readers: ReadonlyArray<object> = [
  { read: throwing, cancel: throwing },
  { read: () => undefined, cancel: () => undefined },
  { read: () => Promise.resolve(undefined), cancel: () => Promise.reject(new Error("no cancel")) },
  { read: () => Promise.resolve({ done: false, value: 7 }), cancel: () => Promise.resolve() },
  { read: () => Promise.resolve({ done: false, value: { byteLength: Number.NaN } }), cancel: () => Promise.resolve() },
  { read: () => Promise.reject(new Error("the body broke")), cancel: () => Promise.resolve() },
  { read: () => new Promise(() => {}), cancel: throwing }
]

const isHostileBody = (body: string) => body === "hostile"

/** A response of a polyfill, of a mock, or of a broken client. */
const hostileResponse = (hostile: Hostile, status: unknown, json: string): unknown => {
  const body = hostile.pick([json, json, json, "", "{", "hostile"])
  const text = isHostileBody(body) ? "\ud800\u0000" : body
  const mock = (fields: object) => ({ status, headers: new Headers(), ...fields })
  const real = () => {
    const response = new Response(text)
    return Object.defineProperty(response, "status", { configurable: true, value: status })
  }
  const node = Readable.from([Buffer.from(text)])
  return hostile.pick<() => unknown>([
    real,
    () => mock({ text: () => Promise.resolve(text) }),
    () => mock({ text: () => text }),
    () => mock({ text: throwing, body: undefined }),
    () => mock({ text: () => Promise.resolve(hostile.value()) }),
    () => mock({ json: () => Promise.resolve({}) }),
    () => mock({ body: node, arrayBuffer: throwing }),
    () => mock({ body: node.setEncoding("utf8") }),
    () => mock({ body: { [Symbol.asyncIterator]: throwing } }),
    () => mock({ body: { getReader: throwing } }),
    () => mock({ body: { getReader: () => hostile.pick(readers) } }),
    () => mock({ body: hostile.value(), text: () => Promise.resolve(text) }),
    () => mock({ headers: hostile.value(), text: () => Promise.resolve(text) }),
    () => define(real(), "headers", throwing),
    () => define(real(), "body", throwing),
    () => define(real(), "status", throwing),
    () => define(real(), "bodyUsed", throwing),
    () => {
      const response = real()
      response.body?.getReader()
      return response
    },
    () => {
      const response = real()
      void response.text()
      return response
    },
    () => hostile.object({ status, headers: new Headers(), body: null, text: () => Promise.resolve(text) }),
    () => hostile.value()
  ])()
}

/** A client whose responses, and errors, are hostile. It reads the whole request first. */
const hostileClient = (respond: (request: HttpClientRequest.HttpClientRequest) => unknown) =>
  HttpClient.make((request) =>
    Effect.flatMap(Effect.orDie(HttpServerRequest.fromClientRequest(request).arrayBuffer), () =>
      Effect.suspend(() => untyped(respond(request)))
    )
  )

/** One client for all calls, which respond to the request in flight as `next` says. */
const services = (client: Layer.Layer<HttpClient.HttpClient>) => {
  const options = { environment: { baseUrl }, retry: { times: 0 } }
  return Effect.map(
    Layer.build(
      Layer.mergeAll(
        SupportTicketsLive.layer.pipe(
          Layer.provide(RipioHttpLive.layer(options)),
          Layer.provide(AuthStaticToken.layer({ token: Redacted.make("a-token") }))
        ),
        AuthClientCredentials.layer({ ...options, clientId: "partner", clientSecret: Redacted.make("a client secret") })
      ).pipe(Layer.provide(client))
    ),
    (context) => ({ tickets: Context.get(context, SupportTickets), auth: Context.get(context, AuthService) })
  )
}

interface Transport {
  readonly name: string
  readonly layer: (respond: () => unknown) => Layer.Layer<HttpClient.HttpClient>
}

let previous: unknown

const transports: ReadonlyArray<Transport> = [
  {
    name: "a client of Effect",
    layer: (respond) =>
      Layer.succeed(
        HttpClient.HttpClient,
        hostileClient((request) => Effect.succeed(HttpClientResponse.fromWeb(request, untyped(respond()))))
      )
  },
  {
    name: "FetchTransport",
    layer: (respond) =>
      FetchTransport.layer.pipe(
        Layer.provide(
          Layer.succeed(FetchHttpClient.Fetch, async (_, init) => {
            await new Response(init?.body ?? null).arrayBuffer()
            return untyped(respond())
          })
        )
      )
  }
]

describe(`${fuzzedCalls} hostile responses`, () => {
  for (const { layer, name } of transports) {
    it.effect(`of ${name} to a create: a success, or CreateAmbiguous, or a refusal by its status`, () =>
      Effect.gen(function* () {
        let respond: () => unknown = throwing
        const { tickets } = yield* services(layer(() => respond()))
        const error = JSON.stringify(apiErrors.notEnabled)
        for (const [kind, all, json] of [
          ["other", statuses, JSON.stringify(pending)],
          ["refusal", refusals, error]
        ] as const) {
          const ends = yield* fuzz(
            20,
            (hostile) =>
              Effect.suspend(() => {
                respond = () =>
                  hostile.chance(0.05) ? previous : (previous = hostileResponse(hostile, hostile.pick(all), json))
                return tickets.create(newTicket())
              }),
            { calls: fuzzedCalls / 2, eachEnds: true }
          )
          const documented = ["NotEnabled", "Unauthenticated", "TicketRejected", "RipioHttpError"]
          const expected = ["Success", "CreateAmbiguous", ...(kind === "refusal" ? documented : [])]
          assert.deepStrictEqual(
            Object.keys(ends).filter((end) => !expected.includes(end)),
            []
          )
          assert.include(Object.keys(ends), "CreateAmbiguous")
        }
      })
    )

    it.effect(`of ${name} to a read: a success or a typed error`, () =>
      Effect.gen(function* () {
        let respond: () => unknown = throwing
        const { auth, tickets } = yield* services(layer(() => respond()))
        const ends = yield* fuzz(
          21,
          (hostile, index) =>
            Effect.suspend((): Effect.Effect<unknown, unknown> => {
              const all = [...statuses, ...refusals]
              respond = () => hostileResponse(hostile, hostile.pick(all), JSON.stringify(pending))
              return index % 2 === 0 ? tickets.retrieve(ticketId) : auth.accessToken
            }),
          { eachEnds: true }
        )
        assert.includeMembers(["Success", "RipioHttpError", "Unauthenticated"], Object.keys(ends))
        assert.containsAllKeys(ends, ["Success", "RipioHttpError"])
      })
    )
  }

  it.effect("of a client that does not use responses of the web: no defect", () =>
    Effect.gen(function* () {
      let respond: (request: HttpClientRequest.HttpClientRequest) => unknown = throwing
      const client = Layer.succeed(
        HttpClient.HttpClient,
        hostileClient((request) => Effect.succeed(respond(request)))
      )
      const { tickets } = yield* services(client)
      const responses = (hostile: Hostile) => (request: HttpClientRequest.HttpClientRequest) => {
        const response = HttpClientResponse.fromWeb(request, Response.json(pending))
        const { headers, status, stream, text } = response
        const mutated = hostile.object({ request, headers, status, stream, text })
        // Effect's own client dies if a response is not an object.
        return typeof mutated === "object" ? (mutated ?? {}) : {}
      }
      for (const [call, expected] of [
        [tickets.create(newTicket()), ["Success", "CreateAmbiguous"]],
        [tickets.retrieve(ticketId), ["Success", "RipioHttpError", "Unauthenticated"]]
      ] as const) {
        const ends = yield* fuzz(
          22,
          (hostile) =>
            Effect.suspend((): Effect.Effect<unknown, unknown> => {
              respond = responses(hostile)
              return call
            }),
          { eachEnds: true }
        )
        assert.includeMembers([...expected], Object.keys(ends))
      }
    })
  )

  it.effect("of a client that fails, dies, throws or never ends after it read the form: CreateAmbiguous", () =>
    Effect.gen(function* () {
      let respond: (request: HttpClientRequest.HttpClientRequest) => unknown = throwing
      const { tickets } = yield* services(
        Layer.succeed(
          HttpClient.HttpClient,
          hostileClient((request) => respond(request))
        )
      )
      const ends = yield* fuzz(
        23,
        (hostile) =>
          Effect.suspend(() => {
            const value = hostile.value()
            respond = hostile.pick<(request: HttpClientRequest.HttpClientRequest) => unknown>([
              () => Effect.die(value),
              () => Effect.fail(value),
              () => Effect.never,
              () => value,
              throwing,
              () => {
                throw value
              },
              (request) => Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause: value }) }))
            ])
            return tickets.create(newTicket())
          }),
        { eachEnds: true }
      )
      assert.deepStrictEqual(Object.keys(ends), ["CreateAmbiguous"])
    })
  )
})
