import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { AuthService, RipioHttp, SupportTickets } from "../../src/index.ts"
import { apiErrors, ticketId } from "../support/fixtures.ts"
import { account } from "../support/harness.ts"
import { tokenResponse } from "../support/replies.ts"
import { forged, HostilePieces, hostileText, unsafe } from "../support/hostile.ts"

const token = "a-token/with+special=characters&quot;~"
const clientSecret = "a secret/with+special=characters%41~"

/** Bodies that quote a text. */
const bodiesWith = (text: string): ReadonlyArray<string> => [
  text,
  ...[
    { error: text, error_description: text },
    ...[20061, 40001, 40017, 99999].map((code) => ({
      code,
      type: text,
      detail: { message: text, [text]: [text, { [text]: text }] },
      status: 400
    })),
    { ...apiErrors.notFound, detail: { [text]: text } },
    { ticketId: text, status: text, issueKey: text },
    { ticketId, status: "CREATED", issueKey: null, [text]: text },
    { [text]: { [text]: text } },
    [text]
  ].map((json) => JSON.stringify(json))
]

interface Reply {
  readonly status: number
  readonly body: string
  readonly text: string
}

/** A client whose token requests or other requests get the reply. A header with a request id contains the text too. */
const replying = (reply: () => Reply | { readonly cause: unknown }, isToken: boolean) => {
  const client = HttpClient.make((request) => {
    if ((request.method === "POST") !== isToken) {
      return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(tokenResponse(token).json)))
    }
    const next = reply()
    if ("cause" in next) return Effect.fail(new HttpClientError({ reason: new TransportError({ request, ...next }) }))
    const { body, status, text } = next
    const response = HttpClientResponse.fromWeb(request, new Response(body, { status }))
    // `Headers` refuses control characters, but other clients than `fetch` do not.
    return Effect.succeed(Object.defineProperty(response, "headers", { value: { "x-request-id": text } }))
  })
  return account({ clientSecret: Redacted.make(clientSecret), retry: { times: 0 } }).pipe(
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
  )
}

const retrieve = SupportTickets.use((tickets) => tickets.retrieve(ticketId))
const accessToken = AuthService.use((auth) => auth.accessToken)
const executeWith = <A>(decode: (json: unknown) => Result.Result<A, string | Schema.SchemaError>) =>
  RipioHttp.use(({ execute }) => execute(HttpClientRequest.get("/"), { operation: "test", decode }))
const calls: ReadonlyArray<{
  readonly call: Effect.Effect<unknown, unknown, SupportTickets | AuthService | RipioHttp>
  /** Whether the token endpoint sends the text. It knows the client secret, and the API knows the token. */
  readonly isToken: boolean
}> = [
  { call: retrieve, isToken: false },
  { call: accessToken, isToken: true },
  // The issue contains the names of fields that the server chose, or a text of the caller that quotes the response.
  {
    call: executeWith(
      Schema.decodeUnknownResult(Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Int)))
    ),
    isToken: false
  },
  { call: executeWith((json) => Result.fail(`not expected: ${inspect(json)} ${String(json)}`)), isToken: false }
]

/** What a program that fails logs in each format, from the level Trace on. The error is logged itself and as a cause. */
const logsOf = <A, E>(program: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const keep = (logger: Logger.Logger<unknown, string>) => Logger.map(logger, (line) => void lines.push(line))
    yield* program.pipe(
      Effect.tapCause((cause) =>
        Effect.andThen(Effect.logError("failed", cause), Effect.logError(Cause.squash(cause)))
      ),
      Effect.exit,
      Effect.provide(Logger.layer([Logger.formatSimple, Logger.formatLogFmt, Logger.formatJson].map(keep))),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
    return lines
  })

const assertHarmless = (output: string) => {
  // Printers of causes and objects break lines themselves.
  assert.notMatch(output.replaceAll("\n", ""), unsafe)
  for (const line of output.split("\n")) assert.isFalse(line.trim().startsWith(forged))
  for (const secret of [token, clientSecret]) assert.notInclude(output, secret)
}

describe("a hostile text in a response", () => {
  it.effect.prop(
    "is harmless in every form of an error",
    { pieces: HostilePieces },
    ({ pieces }) =>
      Effect.gen(function* () {
        for (const { call, isToken } of calls) {
          const text = hostileText([...pieces, isToken ? clientSecret : token])
          const causes = [new Error(text), new Error("x", { cause: Object.assign(new Error(text), { code: text }) })]
          const replies = [
            ...[200, 302, 400, 401, 404, 500].flatMap((status) =>
              bodiesWith(text).map((body) => ({ status, body, text }))
            ),
            ...causes.map((cause) => ({ cause }))
          ]
          let next = 0
          const checked = Effect.gen(function* () {
            const exit = yield* Effect.exit(call)
            if (Exit.isSuccess(exit)) return
            const error = Cause.squash(exit.cause)
            assert.isFalse(Cause.hasDies(exit.cause))
            assert.instanceOf(error, Error)
            const json = JSON.stringify(error)
            for (const output of [error.message, json, String(error)]) assert.notMatch(output, unsafe)
            assert.isAtMost(error.message.length, 2000)
            assert.isAtMost(json.length, 12_000)
            for (const output of [Cause.pretty(exit.cause), inspect(error, { depth: 20 }), JSON.stringify(exit)]) {
              assertHarmless(output)
            }
          })
          const layer = replying(() => replies[next++]!, isToken)
          yield* Effect.provide(Effect.repeat(checked, { times: replies.length - 1 }), layer)
          assert.strictEqual(next, replies.length)
        }
      }),
    { arbitrary: { runs: 4 } }
  )

  it.effect.prop("is harmless in logs", { pieces: HostilePieces }, ({ pieces }) =>
    Effect.gen(function* () {
      const text = hostileText([...pieces, token])
      const body = JSON.stringify({ ...apiErrors.notFound, type: text, detail: { message: text } })
      const layer = replying(() => ({ status: 404, body, text }), false)
      const lines = yield* logsOf(Effect.provide(retrieve, layer))
      assert.isAbove(lines.length, 3)
      for (const line of lines) assertHarmless(line)
    })
  )
})
