import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, InvalidUrlError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { httpOn } from "../support/harness.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { serve, sockets } from "../support/server.ts"
import { fieldsOf } from "../support/virtualTime.ts"

describe("mayHaveBeenSent", () => {
  /** An error with this many causes, the last of which is `innermost`. */
  const nested = (depth: number, innermost: object): object =>
    depth === 0 ? innermost : { message: `${depth}`, cause: nested(depth - 1, innermost) }

  const cases: ReadonlyArray<{
    readonly name: string
    readonly cause: unknown
    readonly mayHaveBeenSent: boolean
    readonly code?: string
  }> = [
    ...[
      { name: "a refused connection", code: "ECONNREFUSED" },
      { name: "a refused connection on Bun", code: "ConnectionRefused" },
      { name: "an unknown host name", code: "ENOTFOUND" },
      { name: "a temporary failure of DNS", code: "EAI_AGAIN" },
      { name: "a connection timeout", code: "UND_ERR_CONNECT_TIMEOUT" },
      { name: "an expired certificate", code: "CERT_HAS_EXPIRED" },
      { name: "a self-signed certificate", code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
      { name: "a self-signed certificate in the chain", code: "SELF_SIGNED_CERT_IN_CHAIN" },
      { name: "a certificate of an unknown issuer", code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" },
      { name: "a certificate that cannot be verified", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
      { name: "a certificate of another host", code: "ERR_TLS_CERT_ALTNAME_INVALID" }
    ].map(({ code, name }) => ({ name, cause: { code }, mayHaveBeenSent: false, code })),
    {
      name: "an unreachable host while connecting",
      cause: { code: "EHOSTUNREACH", syscall: "connect" },
      mayHaveBeenSent: false,
      code: "EHOSTUNREACH"
    },
    {
      name: "a refused connection four causes deep",
      cause: nested(4, { code: "ECONNREFUSED" }),
      mayHaveBeenSent: false,
      code: "ECONNREFUSED"
    },
    { name: "null as its cause", cause: { message: "reset", cause: null }, mayHaveBeenSent: true },
    { name: "a code that is a symbol", cause: { code: Symbol("ECONNREFUSED") }, mayHaveBeenSent: true },
    { name: "a code in a list", cause: { code: ["ECONNREFUSED"] }, mayHaveBeenSent: true },
    // The fifth cause is not inspected.
    {
      name: "a refused connection five causes deep",
      cause: nested(5, { code: "ECONNREFUSED" }),
      mayHaveBeenSent: true
    },
    {
      name: "an unreachable host while writing",
      cause: { code: "EHOSTUNREACH", syscall: "write" },
      mayHaveBeenSent: true,
      code: "EHOSTUNREACH"
    },
    {
      name: "a reset connection",
      cause: { code: "ECONNRESET", syscall: "read" },
      mayHaveBeenSent: true,
      code: "ECONNRESET"
    },
    { name: "a code that is not a string", cause: { code: 7 }, mayHaveBeenSent: true },
    { name: "no cause", cause: undefined, mayHaveBeenSent: true },
    { name: "a cause of null", cause: null, mayHaveBeenSent: true },
    { name: "a string as the cause", cause: "ECONNREFUSED", mayHaveBeenSent: true }
  ]

  it.effect.each(cases)("is $mayHaveBeenSent for $name", ({ cause, code, mayHaveBeenSent }) =>
    Effect.gen(function* () {
      let requests = 0
      const client = HttpClient.make((request) => {
        requests++
        return Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause }) }))
      })
      const { send } = yield* httpOn(Layer.succeed(HttpClient.HttpClient, client), { retry: Schedule.recurs(2) })
      const reason = reasonOf(yield* Effect.flip(send(HttpClientRequest.post("/path/"))))
      assert.deepInclude(reason, { _tag: "TransportFailed", mayHaveBeenSent })
      assert.strictEqual("code" in reason ? reason.code : undefined, code)
      // A write is retried only if it cannot have been sent.
      assert.strictEqual(requests, mayHaveBeenSent ? 1 : 3)
    })
  )

  it.effect("is true for every error after the response has begun", () =>
    Effect.gen(function* () {
      let requests = 0
      const client = HttpClient.make((request) => {
        requests++
        const body = new ReadableStream({
          pull: (controller) => controller.error(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }))
        })
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body)))
      })
      const { send } = yield* httpOn(Layer.succeed(HttpClient.HttpClient, client), { retry: Schedule.recurs(2) })
      const reason = reasonOf(yield* Effect.flip(send(HttpClientRequest.post("/path/"))))
      assert.deepInclude(reason, { _tag: "TransportFailed", mayHaveBeenSent: true, code: "ECONNREFUSED" })
      assert.strictEqual(requests, 1)
    })
  )
})

/** The reason of a call whose client fails. */
const reasonFrom = (fail: (request: HttpClientRequest.HttpClientRequest) => HttpClientError) =>
  Effect.gen(function* () {
    const client = HttpClient.make((request) => Effect.fail(fail(request)))
    const { get } = yield* httpOn(Layer.succeed(HttpClient.HttpClient, client), { retry: { times: 0 } })
    return reasonOf(yield* Effect.flip(get))
  })

describe("the description of TransportFailed", () => {
  const cases: ReadonlyArray<{ readonly name: string; readonly cause: unknown; readonly description: string }> = [
    { name: "contains the message of the cause", cause: new Error("socket hang up"), description: "socket hang up" },
    {
      name: "joins the messages of nested causes",
      cause: new TypeError("fetch failed", { cause: new Error("reset") }),
      description: "fetch failed: reset"
    },
    {
      name: "skips messages without text",
      cause: { message: "", cause: { message: 7, cause: { message: "reset" } } },
      description: "reset"
    },
    {
      name: "does not contain the token",
      cause: new Error("Bearer static-token refused"),
      description: "Bearer <redacted> refused"
    }
  ]

  it.effect.each(cases)("$name", ({ cause, description }) =>
    Effect.gen(function* () {
      const reason = yield* reasonFrom(
        (request) => new HttpClientError({ reason: new TransportError({ request, cause }) })
      )
      assert.deepInclude(reason, { _tag: "TransportFailed", description })
    })
  )

  it.effect("is the message of Effect without a cause", () =>
    Effect.gen(function* () {
      const reason = yield* reasonFrom((request) => new HttpClientError({ reason: new TransportError({ request }) }))
      assert.deepInclude(reason, {
        _tag: "TransportFailed",
        description: "Transport error (GET https://skala-sandbox.ripio.com/path/)"
      })
    })
  )
})

describe("an invalid URL", () => {
  it.effect("is reported as InvalidRequest", () =>
    Effect.gen(function* () {
      const cause = new TypeError("Invalid URL")
      const reason = yield* reasonFrom(
        (request) => new HttpClientError({ reason: new InvalidUrlError({ request, cause }) })
      )
      assert.deepStrictEqual(fieldsOf(reason), { _tag: "InvalidRequest", issue: "Invalid URL" })
    })
  )
})

describe("a lost connection", () => {
  const bodies: ReadonlyArray<{ readonly name: string; readonly headers: Record<string, string> }> = [
    { name: "a body with a content-length", headers: { "content-length": "1000" } },
    { name: "a chunked body", headers: {} }
  ]

  for (const [name, client] of sockets) {
    for (const body of bodies) {
      it.live(`within ${body.name} is TransportFailed, with ${name}`, () =>
        Effect.gen(function* () {
          let requests = 0
          const baseUrl = yield* serve((_, response) => {
            requests++
            response.writeHead(200, body.headers)
            response.write('{"ok":', () => response.destroy())
          })
          const { get } = yield* httpOn(client, { environment: { baseUrl }, retry: Schedule.recurs(2) })
          const error = yield* Effect.flip(get)
          assert.strictEqual(reasonOf(error)._tag, "TransportFailed")
          assert.deepInclude(error, { attempts: 3 })
          assert.strictEqual(requests, 3)
        })
      )
    }

    it.live(`before the response is TransportFailed with the error code of the system, with ${name}`, () =>
      Effect.gen(function* () {
        const baseUrl = yield* Effect.scoped(serve(() => undefined))
        const { get } = yield* httpOn(client, { environment: { baseUrl }, retry: { times: 0 } })
        const reason = reasonOf(yield* Effect.flip(get))
        assert.deepInclude(reason, { _tag: "TransportFailed", code: "ECONNREFUSED" })
      })
    )
  }
})
