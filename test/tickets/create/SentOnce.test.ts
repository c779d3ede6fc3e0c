import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { FetchTransport, type RequestOptions, RipioHttpError, SupportTickets } from "../../../src/index.ts"
import { withClient, withTokenAt } from "../../support/clients.ts"
import { collectLogs } from "../../support/collectLogs.ts"
import { pending } from "../../support/fixtures.ts"
import { newTicket } from "../../support/newTicket.ts"
import { untilTrue } from "../../support/untilTrue.ts"
import { assertAmbiguous } from "./assertAmbiguous.ts"

const ticket = newTicket()

const createOn = (client: HttpClient.HttpClient, options?: RequestOptions) =>
  SupportTickets.use(({ create }) => create(ticket)).pipe(
    Effect.provide(withTokenAt("https://ripio.test", Layer.succeed(HttpClient.HttpClient, client), options))
  )

/** Reads a body as a server receives it: its length, or `undefined` if it cannot be read to its end. */
const lengthOf = (body: HttpBody) =>
  body._tag === "Stream"
    ? Effect.map(Effect.option(Stream.mkUint8Array(body.stream)), (bytes) =>
        bytes._tag === "Some" ? bytes.value.length : undefined
      )
    : Effect.die(new Error("expected a stream"))

describe("a create on a client that ignores an abort", () => {
  /** A client that connects when `connect` is done, whatever happens to its fiber, and then reads the form. */
  const slowClient = (connect: Effect.Effect<void>, received: Array<number | undefined>) =>
    HttpClient.make((request) =>
      Effect.promise(() =>
        Effect.runPromise(
          Effect.andThen(
            connect,
            Effect.map(lengthOf(request.body), (length) => {
              received.push(length)
              return HttpClientResponse.fromWeb(request, Response.json(pending, { status: 202 }))
            })
          )
        )
      ).pipe(Effect.uninterruptible)
    )

  it.effect("sends nothing after its timeout, and is reported as not sent", () =>
    Effect.gen(function* () {
      const connected = yield* Deferred.make<void>()
      const received: Array<number | undefined> = []
      const creating = yield* Effect.forkChild(Effect.flip(createOn(slowClient(Deferred.await(connected), received))), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(creating)
      assert.instanceOf(error, RipioHttpError)
      assert.deepInclude(error.reason, { _tag: "TimedOut", mayHaveBeenSent: false })
      yield* Deferred.succeed(connected, undefined)
      yield* untilTrue(Effect.sync(() => received.length === error.attempts))
      assert.deepStrictEqual(new Set(received), new Set([undefined]))
    })
  )

  it.effect("sends nothing after an interruption", () =>
    Effect.gen(function* () {
      const connected = yield* Deferred.make<void>()
      const received: Array<number | undefined> = []
      const creating = yield* Effect.forkChild(createOn(slowClient(Deferred.await(connected), received)), {
        startImmediately: true
      })
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(creating), { startImmediately: true })
      yield* Deferred.succeed(connected, undefined)
      yield* untilTrue(Effect.sync(() => received.length === 1))
      assert.deepStrictEqual(received, [undefined])
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(interrupting)
    })
  )
})

describe("a create on a client that retries inside", () => {
  for (const { layer, name } of [
    { name: "FetchTransport", layer: FetchTransport.layer },
    { name: "FetchHttpClient", layer: FetchHttpClient.layer }
  ]) {
    it.effect(`sends one form by ${name}, and is ambiguous if its response is lost`, () =>
      Effect.gen(function* () {
        const received: Array<number> = []
        const fetch: typeof globalThis.fetch = async (_, init) => {
          const bytes = await new Response(init?.body ?? null).arrayBuffer()
          received.push(bytes.byteLength)
          throw new TypeError("fetch failed", { cause: new Error("reset") })
        }
        const retrying = withClient(layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch))), (inner) =>
          HttpClient.make((request) => Effect.retry(inner.execute(request), { times: 2 }))
        )
        const error = yield* Effect.flip(
          SupportTickets.use(({ create }) => create(ticket)).pipe(
            Effect.provide(withTokenAt("https://ripio.test", retrying))
          )
        )
        yield* assertAmbiguous(error, ticket)
        assert.strictEqual(received.length, 1)
        assert.isAbove(received[0]!, 300)
      })
    )

    it.effect(`sends the whole form by ${name} if a client within provides another fetch`, () =>
      Effect.gen(function* () {
        const received: Array<number> = []
        const fetch: typeof globalThis.fetch = async (_, init) => {
          received.push((await new Response(init?.body ?? null).arrayBuffer()).byteLength)
          return Response.json(pending, { status: 202 })
        }
        const inner = withClient(
          layer,
          HttpClient.transformResponse(Effect.provideService(FetchHttpClient.Fetch, fetch))
        )
        yield* SupportTickets.use(({ create }) => create(ticket)).pipe(
          Effect.provide(withTokenAt("https://ripio.test", inner))
        )
        assert.strictEqual(received.length, 1)
        assert.isAbove(received[0]!, 300)
      })
    )
  }
})

describe("a create on a client that fails in its own way", () => {
  it.effect("is ambiguous if the client interrupts itself after it read the form", () =>
    Effect.gen(function* () {
      const client = HttpClient.make((request) => Effect.andThen(lengthOf(request.body), Effect.interrupt))
      yield* assertAmbiguous(yield* Effect.flip(createOn(client)), ticket)
    })
  )

  it.effect("is not sent if the client interrupts itself before", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        createOn(
          HttpClient.make(() => Effect.interrupt),
          { retry: { times: 0 } }
        )
      )
      assert.instanceOf(error, RipioHttpError)
      assert.deepInclude(error.reason, { _tag: "TransportFailed", mayHaveBeenSent: false })
    })
  )
})

describe("the log of a create whose caller was interrupted", () => {
  const responses: ReadonlyArray<{ readonly title: string; readonly response: Response; readonly expected: RegExp }> = [
    { title: "202", response: Response.json(pending, { status: 202 }), expected: /the API carried it out$/u },
    {
      title: "400",
      response: Response.json({ code: 20000, type: "ValidationError", detail: {}, status: 400 }, { status: 400 }),
      expected: /the API did not carry it out: /u
    },
    { title: "401", response: new Response("", { status: 401 }), expected: /the API did not carry it out: /u },
    { title: "429", response: new Response("", { status: 429 }), expected: /the API did not carry it out: /u },
    { title: "500", response: new Response("", { status: 500 }), expected: /the API may have carried it out: /u },
    { title: "200 that is not JSON", response: new Response("<html>"), expected: /the API may have carried it out: /u }
  ]
  for (const { expected, response, title } of responses) {
    it.effect(`says what a ${title} means for the ticket`, () =>
      Effect.gen(function* () {
        const isRead = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const client = HttpClient.make((request) =>
          Effect.andThen(lengthOf(request.body), Deferred.succeed(isRead, undefined)).pipe(
            Effect.andThen(Deferred.await(finish)),
            Effect.as(HttpClientResponse.fromWeb(request, response.clone()))
          )
        )
        const lines = yield* collectLogs(
          Effect.scoped(
            Effect.gen(function* () {
              const { create } = yield* Effect.provide(
                SupportTickets,
                yield* Layer.build(withTokenAt("https://ripio.test", Layer.succeed(HttpClient.HttpClient, client)))
              )
              const creating = yield* Effect.forkChild(create(ticket), { startImmediately: true })
              yield* Deferred.await(isRead)
              yield* Fiber.interrupt(creating)
              yield* Deferred.succeed(finish, undefined)
            })
          )
        )
        assert.strictEqual(lines.length, 1)
        assert.match(lines[0]!, expected)
      })
    )
  }

  it.effect("is absent if the transport fails before it has the form", () =>
    Effect.gen(function* () {
      const isCalled = yield* Deferred.make<void>()
      const client = HttpClient.make((request) =>
        Effect.andThen(
          Deferred.succeed(isCalled, undefined),
          Effect.delay(
            Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause: new Error("refused") }) })),
            "1 second"
          )
        )
      )
      const lines = yield* collectLogs(
        Effect.gen(function* () {
          const creating = yield* Effect.forkChild(createOn(client), { startImmediately: true })
          yield* Deferred.await(isCalled)
          yield* Fiber.interrupt(creating)
          yield* TestClock.adjust("1 minute")
        })
      )
      assert.deepStrictEqual(lines, [])
    })
  )
})
