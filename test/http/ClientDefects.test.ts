import { assert, describe, it, vi } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, StatusCodeError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { SupportTickets } from "../../src/index.ts"
import { withTokenAt } from "../support/clients.ts"
import { httpOn } from "../support/harness.ts"
import { newTicket } from "../support/newTicket.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { untyped } from "../support/untyped.ts"

const throwing = (): never => {
  throw new Error("a broken client, with the token")
}

/** A response whose body is read by a function of the client. */
const responseOf = (request: HttpClientRequest, status: number, body: Effect.Effect<string, HttpClientError>) =>
  untyped({
    [HttpClientResponse.TypeId]: HttpClientResponse.TypeId,
    request,
    status,
    headers: {},
    text: body,
    stream: Stream.encodeText(Stream.fromEffect(body))
  })

const statusError = (request: HttpClientRequest, status: number) =>
  new HttpClientError({
    reason: new StatusCodeError({
      request,
      response: HttpClientResponse.fromWeb(request, new Response("{}", { status }))
    })
  })

/** A client, and how many creates it has received. */
const counting = (
  respond: (request: HttpClientRequest) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError>
) => {
  const counts = { creates: 0 }
  const client = HttpClient.make((request) => {
    if (request.method === "POST") counts.creates++
    return respond(request)
  })
  return { counts, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const createOn = (layer: Layer.Layer<HttpClient.HttpClient>) =>
  SupportTickets.use((tickets) => tickets.create(newTicket())).pipe(
    Effect.provide(withTokenAt("https://ripio.test", layer))
  )

describe("a create whose response has arrived", () => {
  it.effect("is ambiguous and sent once if its body fails with the status of another response", () =>
    Effect.gen(function* () {
      for (const status of [200, 401, 404, 429, 500]) {
        const { counts, layer } = counting((request) =>
          Effect.succeed(responseOf(request, 200, Effect.fail(statusError(request, status))))
        )
        assert.deepInclude(yield* Effect.flip(createOn(layer)), { _tag: "CreateAmbiguous", attempts: 1 })
        assert.strictEqual(counts.creates, 1)
      }
    })
  )

  it.effect("is ambiguous and sent once if the client fails with the response, and its body cannot be read", () =>
    Effect.gen(function* () {
      const { counts, layer } = counting((request) => {
        const response = responseOf(request, 200, Effect.sync(throwing))
        return Effect.fail(new HttpClientError({ reason: new StatusCodeError({ request, response }) }))
      })
      const error = yield* Effect.flip(createOn(layer))
      assert(error._tag === "CreateAmbiguous")
      assert.strictEqual(error.attempts, 1)
      assert.deepInclude(error.reason, {
        _tag: "TransportFailed",
        mayHaveBeenSent: true,
        description: "the response cannot be read: Error: a broken client, with the <redacted>"
      })
      assert.strictEqual(counts.creates, 1)
    })
  )
})

describe("a client that fails with an error that cannot be read", () => {
  const { counts, layer } = counting(() =>
    Effect.fail(
      untyped({
        get reason() {
          return throwing()
        }
      })
    )
  )

  it.live("makes a create fail, which was not sent and is repeated", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(createOn(layer))
      assert.deepInclude(error, { _tag: "RipioHttpError", attempts: 3 })
      assert.deepInclude(reasonOf(error), { _tag: "TransportFailed", mayHaveBeenSent: false })
      assert.strictEqual(counts.creates, 3)
    })
  )

  it.effect("says of a read that it may have been sent", () =>
    Effect.gen(function* () {
      const { get } = yield* httpOn(layer, { retry: { times: 0 } })
      assert.deepInclude(reasonOf(yield* Effect.flip(get)), { _tag: "TransportFailed", mayHaveBeenSent: true })
    })
  )
})

describe("a client that throws before it sends", () => {
  const client = Layer.succeed(HttpClient.HttpClient, HttpClient.makeWith(throwing, Effect.succeed))

  it.live("makes a create fail, which was not sent and is repeated", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(createOn(client))
      assert.deepInclude(error, { _tag: "RipioHttpError", attempts: 3 })
      assert.deepInclude(reasonOf(error), {
        _tag: "TransportFailed",
        mayHaveBeenSent: false,
        description: "the client failed: Error: a broken client, with the <redacted>"
      })
    })
  )

  it.effect("is a defect of a read", () =>
    Effect.gen(function* () {
      const { get } = yield* httpOn(client)
      assert.isTrue(Cause.hasDies(yield* Effect.flip(Effect.sandbox(get))))
    })
  )
})

describe("the body of a response", () => {
  it.effect("is read in the context of the call, and not in that of the client", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const body = Effect.withFiber<string>((fiber) => {
        const init = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit)
        seen.push(init, fiber.getRef(HttpClient.TracerPropagationEnabled))
        return Effect.succeed('{"ok":true}')
      })
      const { layer } = counting((request) => Effect.succeed(responseOf(request, 200, body)))
      const { get } = yield* httpOn(layer)
      assert.deepStrictEqual(yield* get, { ok: true })
      assert.deepStrictEqual(seen, [undefined, true])
    })
  )

  it.effect("that the engine cannot decode is a TransportFailed at once", () =>
    Effect.gen(function* () {
      const { layer } = counting((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response('{"ok":true}')))
      )
      const decode = vi.spyOn(TextDecoder.prototype, "decode").mockImplementation(throwing)
      const { get } = yield* httpOn(layer, { retry: { times: 0 } })
      const error = yield* Effect.ensuring(
        Effect.flip(get),
        Effect.sync(() => decode.mockRestore())
      )
      assert.deepInclude(reasonOf(error), { _tag: "TransportFailed", mayHaveBeenSent: true })
    })
  )
})

describe("the cause of a client that dies while it is interrupted", () => {
  it.effect("is that of the client", () =>
    Effect.gen(function* () {
      const cause = Cause.combine(Cause.die("a defect"), Cause.interrupt(1))
      const { layer } = counting(() => Effect.failCause(cause))
      const { get } = yield* httpOn(layer)
      const seen = yield* Effect.flip(Effect.sandbox(get))
      assert.deepStrictEqual([Cause.hasDies(seen), Cause.hasInterrupts(seen)], [true, true])
    })
  )
})
