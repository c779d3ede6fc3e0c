import { assert, describe, it, vi } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import * as Tracer from "effect/Tracer"
import {
  ApiError,
  AuthService,
  AuthStaticToken,
  InvalidOption,
  NotEnabled,
  NotFound,
  OutcomePending,
  Ripio,
  RipioHttp,
  RipioHttpError,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive,
  Unauthenticated
} from "../../src/index.ts"
import { ScriptedHttpClient, type ScriptedReply } from "../../src/testing/index.ts"
import { basic, clientId, clientSecret, exported, marker, printed, sightings, token } from "../support/canary.ts"
import { apiErrors, created, pending, ticketId } from "../support/fixtures.ts"

const codecs = Schema.Union([
  ApiError,
  InvalidOption,
  NotEnabled,
  NotFound,
  OutcomePending,
  RipioHttpError,
  Unauthenticated
])
const isKnown = Schema.is(codecs)
const encode = Schema.encodeSync(Schema.toCodecJson(codecs))

/** Collects everything that a program lets out: results, logs, spans, metrics, the console, the process's output. */
const watch = () => {
  const out: Array<string> = []
  const spans: Array<Tracer.NativeSpan> = []
  const see = (value: unknown) => {
    out.push(printed(value))
    if (isKnown(value)) out.push(JSON.stringify(encode(value)), value.message)
  }
  const seeExit = (exit: Exit.Exit<unknown, unknown>) => {
    see(exit)
    see(Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))
  }
  const logger = Logger.make(({ cause, date: _, fiber: __, logLevel, message }) => {
    out.push(logLevel, printed(message), printed(cause), Cause.pretty(cause))
  })
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  /** Runs a program with everything turned on, and gives what it let out. */
  const run = <A, E, R>(program: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const streams = [process.stdout, process.stderr].map((stream) =>
        vi.spyOn(stream, "write").mockImplementation((chunk) => {
          out.push(String(chunk))
          return true
        })
      )
      const exit = yield* Effect.gen(function* () {
        const exit = yield* Effect.exit(program)
        yield* Effect.logFatal("the end", exit)
        if (Exit.isFailure(exit)) yield* Effect.logFatal(exit.cause)
        out.push(printed(yield* Metric.snapshot))
        return exit
      }).pipe(
        Effect.withTracer(tracer),
        Effect.withSpan("program"),
        Effect.annotateLogs("account", clientId),
        Effect.provide(Logger.layer([logger, Logger.consoleJson, Logger.consolePretty(), Logger.consoleLogFmt])),
        Effect.provideService(References.MinimumLogLevel, "All"),
        Effect.provideService(Metric.MetricRegistry, new Map()),
        Effect.ensuring(Effect.sync(() => streams.forEach((spy) => spy.mockRestore())))
      )
      seeExit(exit)
      out.push(...(yield* TestConsole.logLines).map(String), ...(yield* TestConsole.errorLines).map(String))
      return exit
    })
  const text = () => [...out, ...spans.map(exportedSpan)].join("\n")
  return { run, see, text, spans }
}

const exportedSpan = ({ attributes, events, name, status }: Tracer.NativeSpan) =>
  [
    printed([name, [...attributes], events]),
    ...(status._tag === "Ended" && Exit.isFailure(status.exit) ? [exported(status.exit.cause)] : [])
  ].join("\n")

const assertClean = (text: string, what = "") => assert.deepStrictEqual(sightings(text), [], what)

const grant = (name = "Token") => ({ accessToken: token(name), expiresIn: 3600, tokenType: "Bearer" })

const account = (options: Partial<Ripio.Options> = {}) =>
  Ripio.layer({
    environment: { baseUrl: "https://ripio.test" },
    clientId,
    clientSecret: Redacted.make(clientSecret),
    retry: { times: 0 },
    ...options
  })

const retrieve = SupportTickets.use((tickets) => tickets.retrieve(ticketId))

/** The forms in which a text may stand in what a server answers. */
const forms: Readonly<Record<string, (text: string) => string>> = {
  "as it is": (text) => text,
  "as JSON": (text) => JSON.stringify(text).slice(1, -1),
  "as JSON in JSON": (text) => JSON.stringify(JSON.stringify(text)).slice(1, -1),
  "as JSON with escaped slashes": (text) => JSON.stringify(text).slice(1, -1).replaceAll("/", "\\/"),
  "as JSON safe in HTML": (text) =>
    JSON.stringify(text)
      .slice(1, -1)
      .replace(/[<>&'/+=]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "as JSON, all escaped": (text) =>
    text.replace(/./gsu, (char) =>
      char
        .split("")
        .map((unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`)
        .join("")
    ),
  "as JSON in ASCII": (text) =>
    JSON.stringify(text)
      .slice(1, -1)
      .replace(/[^\x20-\x7e]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "in a URL": encodeURIComponent,
  "in a URL, in lower case": (text) => encodeURIComponent(text).replace(/%../gu, (byte) => byte.toLowerCase()),
  "in a URL in a URL": (text) => encodeURIComponent(encodeURIComponent(text)),
  "in a URL, as little as must be": encodeURI,
  "in a form": (text) => new URLSearchParams([["", text]]).toString().slice(1),
  "in HTML": (text) =>
    text.replace(/[&<>"']/gu, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char] ?? "&#x27;"),
  "in HTML, by number": (text) => text.replace(/[^a-z0-9]/giu, (char) => `&#${char.codePointAt(0)};`),
  "in HTML, by hexadecimal number": (text) =>
    text.replace(/[^a-z0-9]/giu, (char) => `&#X${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")};`),
  "in HTML in HTML": (text) => text.replace(/[&<>"'/=+]/gu, (char) => `&amp;#${char.charCodeAt(0)};`)
}

const statuses = [200, 302, 400, 401, 403, 404, 429, 503]

/** Answers that hold a text that is escaped already: pages, JSON, and headers. */
const answers = (status: number, echoed: string): ReadonlyArray<ScriptedReply> => {
  const quoted = JSON.stringify(echoed)
  // A text that is escaped as JSON is put into JSON as it is, if that is JSON.
  const inJson = (() => {
    try {
      JSON.parse(`"${echoed}"`)
      return [`"${echoed}"`, quoted]
    } catch {
      return [quoted]
    }
  })()
  return [
    { status, text: `<html><body><pre>GET / HTTP/1.1\nAuthorization: ${echoed}\n</pre></body></html>` },
    { status, text: `x=1&authorization=${echoed}&y=2` },
    { status, text: echoed },
    { status, text: `${"x".repeat(500)}${echoed}` },
    { status, text: "", headers: Object.fromEntries(idHeaders.map((name) => [name, headerSafe(echoed)])) },
    {
      status,
      text: "",
      headers: { location: `https://elsewhere.test/?a=${headerSafe(echoed)}`, "retry-after": headerSafe(echoed) }
    },
    ...inJson.flatMap((json) => [
      { status, text: `{"headers":{"authorization":${json}}}` },
      { status, text: `{"error":${json},"error_description":${json}}` },
      ...[20061, 40001, 40017, 99999].map((code) => ({
        status,
        text: `{"code":${code},"type":${json},"detail":{"message":${json},${json}:[{"a":${json}}]},"status":${status}}`
      })),
      { status, text: `{"ticketId":${json},"status":${json},"issueKey":${json}}` },
      { status, text: `{"ticketId":"${ticketId}","status":"PENDING","issueKey":${json}}` },
      { status, text: `{"ticketId":"${ticketId}","status":"CREATED","issueKey":null,${json}:${json}}` },
      { status, text: `[${json}` }
    ])
  ]
}

const idHeaders = ["x-request-id", "request-id", "x-correlation-id", "cf-ray"]
const headerSafe = (text: string) => text.replace(/[^\x20-\x7e\xa0-\xff]/gu, "?")

/** What comes of a call, printed in fewer ways: for the long tables. */
const outcome = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit) ? printed(exit.value) : exported(exit.cause)

const shown = (reply: ScriptedReply) => JSON.stringify(reply).replaceAll(marker, "(canary)")

describe("the watch itself", () => {
  it("sees a secret in every form, and in every place that a value can hide it", () => {
    for (const [form, write] of Object.entries(forms)) {
      for (const secret of [token("T"), clientSecret]) {
        if (form !== "as JSON, all escaped")
          assert.deepStrictEqual(sightings(`<${write(secret)}>`), ["the canary"], form)
      }
    }
    assert.deepStrictEqual(sightings(`authorization: ${basic}`), ["the basic credentials"])
    assert.deepStrictEqual(sightings(basic.slice(40, 60)), ["the basic credentials"])
    assert.deepStrictEqual(sightings(`${clientId} ${btoa(`${clientId}:`)}`), [])
    const secret = token("T")
    const hidden = Object.defineProperty({}, "a", { value: secret, enumerable: false })
    const cause = new Error("outside", { cause: new Error("inside", { cause: secret }) })
    class Private {
      get getter() {
        return secret
      }
    }
    for (const value of [
      secret,
      [[[[[[[[secret]]]]]]]],
      hidden,
      new Map([[1, new Set([secret])]]),
      { [Symbol("x")]: secret },
      { [secret]: 1 },
      cause,
      new Private(),
      Exit.die(cause),
      Exit.fail({ reason: { request: { headers: { authorization: secret } } } }),
      Cause.fail(cause)
    ]) {
      assert.deepStrictEqual(sightings(printed(value)), ["the canary"])
    }
    assert.deepStrictEqual(
      sightings(printed([Redacted.make(secret), { token: Redacted.make(secret, { label: "x" }) }])),
      []
    )
  })

  it.effect("hears what is logged, traced, counted, printed, failed with and died of", () =>
    Effect.gen(function* () {
      const quiet = watch()
      yield* quiet.run(Effect.succeed(1))
      assertClean(quiet.text())
      const secret = token("T")
      const leaks: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        Effect.succeed({ secret }),
        Effect.fail(new Error(secret)),
        Effect.die(new Error("x", { cause: secret })),
        Effect.logTrace("x", { secret }),
        Effect.annotateLogs(Effect.log("x"), { secret }),
        Effect.withSpan(Effect.void, secret),
        Effect.withSpan(Effect.void, "x", { attributes: { secret } }),
        Effect.exit(Effect.withSpan(Effect.fail(secret), "x")),
        Effect.withSpan(
          Effect.flatMap(Effect.currentSpan, (span) => Effect.sync(() => span.event(secret, 0n))),
          "x"
        ),
        Metric.update(Metric.withAttributes(Metric.counter("x"), { secret }), 1),
        Effect.sync(() => process.stderr.write(secret))
      ]
      for (const [index, leak] of leaks.entries()) {
        const watched = watch()
        yield* watched.run(leak)
        assert.deepStrictEqual(sightings(watched.text()), ["the canary"], `leak ${index}`)
      }
    })
  )
})

describe("secrets", () => {
  it.effect("show in nothing that comes of a call that succeeds", () =>
    Effect.gen(function* () {
      for (const answer of [pending, created]) {
        const scripted = yield* ScriptedHttpClient.make([
          { status: 200, json: grant() },
          { status: 200, json: answer }
        ])
        const watched = watch()
        const exit = yield* watched.run(Effect.provide(retrieve, account().pipe(Layer.provide(scripted.layer))))
        assert.isTrue(Exit.isSuccess(exit))
        watched.see(yield* scripted.requests)
        assertClean(watched.text())
        assert.isAbove(watched.spans.length, 3)
        // They were there to be seen.
        const [first, second] = yield* scripted.requests
        const sent = [first, second].map((request) => request?.headers["authorization"])
        assert.deepStrictEqual(
          sent.map((header) => (Redacted.isRedacted(header) ? Redacted.value(header) : header)),
          [basic, `Bearer ${token("Token")}`]
        )
      }
    })
  )

  for (const [form, write] of Object.entries(forms)) {
    it.effect(`show in no error of a call whose server echoes its headers ${form}`, () =>
      Effect.gen(function* () {
        const replies = statuses.flatMap((status) =>
          [`Bearer ${token("Token")}`, token("Token")].flatMap((secret) => answers(status, write(secret)))
        )
        const scripted = yield* ScriptedHttpClient.make(({ method }, index) =>
          Effect.succeed(method === "POST" ? { status: 200, json: grant() } : replies[index - 1]!)
        )
        yield* Effect.gen(function* () {
          const tickets = yield* SupportTickets
          for (const reply of replies) {
            const exit = yield* Effect.exit(tickets.retrieve(ticketId))
            assertClean(outcome(exit), shown(reply))
          }
        }).pipe(Effect.provide(account().pipe(Layer.provide(scripted.layer))))
      })
    )
  }

  for (const [form, write] of Object.entries(forms)) {
    it.effect(`show in no error of a token endpoint that echoes the credentials ${form}`, () =>
      Effect.gen(function* () {
        const replies = [200, 400, 403, 500].flatMap((status) =>
          [basic, `${clientId}:${clientSecret}`].flatMap((secret) => answers(status, write(secret)))
        )
        const scripted = yield* ScriptedHttpClient.make(replies)
        yield* Effect.gen(function* () {
          const { accessToken } = yield* AuthService
          for (const reply of replies) assertClean(outcome(yield* Effect.exit(accessToken)), shown(reply))
        }).pipe(Effect.provide(account().pipe(Layer.provide(scripted.layer))))
      })
    )
  }

  const wrongGrants: ReadonlyArray<unknown> = [
    { ...grant(), accessToken: `${token("Token")}\r\nx-injected: 1` },
    { ...grant(), accessToken: `${token("Token")} ` },
    { ...grant(), accessToken: [token("Token")] },
    { ...grant(), accessToken: { value: token("Token") } },
    { ...grant(), expiresIn: token("Token") },
    { ...grant(), expiresIn: -1 },
    { ...grant(), tokenType: token("Token") },
    { accessToken: token("Token") },
    { access_token: token("Token"), expiresIn: 60 },
    { token: token("Token"), jwt: token("Token"), expiresIn: 60 },
    [grant()],
    { data: grant() },
    { [token("Token")]: 1 },
    token("Token"),
    [token("Token")]
  ]

  it.effect("show in no error of a grant of another shape", () =>
    Effect.gen(function* () {
      const replies = wrongGrants.flatMap((json) => [200, 201].map((status) => ({ status, json })))
      const scripted = yield* ScriptedHttpClient.make(replies)
      const watched = watch()
      yield* watched.run(
        Effect.gen(function* () {
          const { accessToken } = yield* AuthService
          for (let index = 0; index < replies.length; index++) {
            const error = yield* Effect.flip(accessToken)
            assert(error._tag === "RipioHttpError" && error.reason._tag === "UnexpectedResponse")
            assert.strictEqual(error.reason.excerpt, "")
            watched.see(error)
          }
        }).pipe(Effect.provide(account().pipe(Layer.provide(scripted.layer))))
      )
      assertClean(watched.text())
    })
  )

  it.effect("show in no error of a grant that is cut at any byte, in either spelling and with any status", () =>
    Effect.gen(function* () {
      const bodies = [grant(), { token_type: "Bearer", access_token: token("Token"), expires_in: 3600 }].map((json) =>
        JSON.stringify(json)
      )
      const cuts = bodies.flatMap((body) => Array.from(body, (_, length) => body.slice(0, length)))
      const steps = cuts.flatMap((text) => [200, 400, 401, 500].map((status) => ({ status, text })))
      const scripted = yield* ScriptedHttpClient.make(steps)
      yield* Effect.gen(function* () {
        const { accessToken } = yield* AuthService
        for (const { status, text } of steps) {
          const exit = yield* Effect.exit(accessToken)
          assert.isTrue(Exit.isFailure(exit))
          assertClean(outcome(exit), `${status}, ${text.length} bytes`)
        }
      }).pipe(Effect.provide(account().pipe(Layer.provide(scripted.layer))))
    })
  )

  it.effect("show in no error of a connection that breaks within the grant", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode(JSON.stringify(grant()))
      const cut = (length: number) =>
        new Response(
          new ReadableStream({
            start: (controller) => {
              controller.enqueue(bytes.subarray(0, length))
              controller.error(
                new TypeError("terminated", { cause: new Error(`other side closed after ${length} bytes`) })
              )
            }
          })
        )
      const scripted = yield* ScriptedHttpClient.make((_, index) => Effect.succeed(cut(index + 1)))
      yield* Effect.gen(function* () {
        const { accessToken } = yield* AuthService
        for (let index = 0; index < bytes.length; index++) {
          const exit = yield* Effect.exit(accessToken)
          assert.include(printed(exit), "TransportFailed")
          assertClean(printed(exit))
        }
      }).pipe(Effect.provide(account().pipe(Layer.provide(scripted.layer))))
    })
  )

  const says = (text: string) => new Error(text)
  const failures: Readonly<Record<string, (secret: string) => unknown>> = {
    "an error": says,
    "an error of fetch": (secret) => new TypeError(`Headers.append: "${secret}" is an invalid header value.`),
    "an error in an error": (secret) =>
      new TypeError("fetch failed", { cause: new Error("other", { cause: says(secret) }) }),
    "a code": (secret) => Object.assign(new Error("x"), { code: secret }),
    "a text": (secret) => secret,
    "an object": (secret) => ({ message: `${JSON.stringify(secret)} ${encodeURIComponent(secret)}`, secret }),
    "an error beyond the fifth": (secret) =>
      Array.from({ length: 9 }).reduce<Error>((cause, _, index) => new Error(`${index}`, { cause }), says(secret))
  }

  for (const [kind, failure] of Object.entries(failures)) {
    for (const [failing, where] of [
      ["POST", "token endpoint"],
      ["GET", "API"]
    ]) {
      it.effect(`show in nothing if the connection to the ${where} fails with ${kind} that tells them`, () =>
        Effect.gen(function* () {
          const client = HttpClient.make((request) =>
            request.method === failing
              ? Effect.fail(
                  new HttpClientError({
                    reason: new TransportError({ request, cause: failure(request.headers["authorization"] ?? "") })
                  })
                )
              : Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(grant())))
          )
          const watched = watch()
          const exit = yield* watched.run(
            retrieve.pipe(
              Effect.provide(
                account({ retry: { times: 1, base: 1 } }).pipe(
                  Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
                )
              ),
              Effect.forkChild({ startImmediately: true }),
              Effect.tap(() => TestClock.adjust("1 minute")),
              Effect.flatMap(Fiber.join)
            )
          )
          assert.isTrue(Exit.isFailure(exit))
          assert.include(watched.text(), "TransportFailed")
          assertClean(watched.text())
        })
      )
    }
  }

  it.effect("show in no defect of a transport, not even if it holds the request", () =>
    Effect.gen(function* () {
      for (const failing of ["POST", "GET"]) {
        const client = HttpClient.make((request) =>
          request.method === failing
            ? Effect.die(new Error("a bug of the transport"))
            : Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(grant())))
        )
        const watched = watch()
        const exit = yield* watched.run(
          Effect.provide(retrieve, account().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client))))
        )
        assert(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assertClean(watched.text())
      }
    })
  )

  it.effect(
    "show in nothing while a ticket is waited for: refused tokens, renewals, retries, polls, the deadline",
    () =>
      Effect.gen(function* () {
        let grants = 0
        let polls = 0
        // Whatever the server was sent, it sends back.
        const trouble = (sent: string): ReadonlyArray<ScriptedReply> => [
          { status: 200, json: pending },
          { status: 401, json: { ...apiErrors.notAuthenticated, detail: { message: sent } } },
          { status: 503, text: sent },
          "refused",
          "hang",
          { status: 200, text: `{"ticketId":${JSON.stringify(sent)}` },
          { status: 429, text: "", headers: { "retry-after": "61", "x-request-id": sent } }
        ]
        const scripted = yield* ScriptedHttpClient.make(({ headers, method }) =>
          Effect.sync((): ScriptedReply => {
            const header = headers["authorization"] ?? ""
            const sent = Redacted.isRedacted(header) ? Redacted.value(header) : header
            if (method === "GET") return trouble(sent)[polls++ % trouble(sent).length]!
            return grants++ % 3 === 2
              ? { status: 500, text: sent }
              : { status: 200, json: { ...grant(`Token${grants}`), expiresIn: 90 } }
          })
        )
        const watched = watch()
        const exit = yield* watched.run(
          Effect.gen(function* () {
            const tickets = yield* SupportTickets
            const fiber = yield* Effect.forkChild(
              Effect.all(
                [
                  Effect.exit(tickets.awaitOutcome(ticketId, { deadline: "10 minutes" })),
                  Effect.exit(Stream.runCollect(tickets.changes(ticketId, { deadline: "10 minutes" })))
                ],
                { concurrency: 2 }
              ),
              { startImmediately: true }
            )
            for (let minute = 0; minute < 11 * 6; minute++) yield* TestClock.adjust("10 seconds")
            return yield* Fiber.join(fiber)
          }).pipe(Effect.provide(account({ retry: { times: 2 } }).pipe(Layer.provide(scripted.layer))))
        )
        assert(Exit.isSuccess(exit))
        for (const waited of exit.value) {
          assert.strictEqual(waited._tag, "Failure")
          watched.see(waited)
        }
        assert.isAbove(polls, 20)
        assert.isAbove(grants, 5)
        assert.include(watched.text(), "Trying again")
        assert.include(watched.text(), "OutcomePending")
        assert.include(watched.text(), "SupportTickets.changes")
        assertClean(watched.text())
      })
  )

  it.effect("show in no error of an account or a token that is refused", () =>
    Effect.gen(function* () {
      const refusals: ReadonlyArray<ReadonlyArray<ScriptedReply>> = [
        [{ status: 401, json: { error: "invalid_client", error_description: basic } }],
        [{ status: 400, json: { error: "invalid_client", error_description: clientSecret } }],
        [{ status: 400, json: { error: clientSecret } }],
        [
          { status: 200, json: grant("A") },
          { status: 401, json: { ...apiErrors.notAuthenticated, detail: { message: token("A") } } },
          { status: 200, json: grant("B") },
          { status: 403, json: { ...apiErrors.notAuthenticated, detail: { message: token("B") } } }
        ],
        [
          { status: 200, json: grant("A") },
          { status: 403, json: apiErrors.notEnabled }
        ],
        [
          { status: 200, json: grant("A") },
          { status: 404, json: apiErrors.notFound }
        ],
        // The token that was refused before is still a secret.
        [
          { status: 200, json: grant("A") },
          { status: 401, json: apiErrors.notAuthenticated },
          { status: 200, json: grant("B") },
          { status: 404, text: `Bearer ${token("B")} is not Bearer ${token("A")}` }
        ]
      ]
      for (const [index, replies] of refusals.entries()) {
        const scripted = yield* ScriptedHttpClient.make(replies)
        const watched = watch()
        const exit = yield* watched.run(Effect.provide(retrieve, account().pipe(Layer.provide(scripted.layer))))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual((yield* scripted.requests).length, replies.length)
        assertClean(watched.text(), `refusal ${index}`)
      }
    })
  )

  it.effect("show in no error of a static token, be it good or one that no header can hold", () =>
    Effect.gen(function* () {
      const layer = (text: string, script: ReadonlyArray<ScriptedReply>) =>
        Layer.unwrap(
          Effect.map(ScriptedHttpClient.make(script), (scripted) =>
            SupportTicketsLive.layer.pipe(
              Layer.provideMerge(RipioHttpLive.layer({ environment: { baseUrl: "https://ripio.test" } })),
              Layer.provideMerge(AuthStaticToken.layer({ token: Redacted.make(text) })),
              Layer.provide(scripted.layer)
            )
          )
        )
      const cases = [
        [layer(token("T"), [{ status: 401, text: `Bearer ${token("T")}` }]), "Unauthenticated"],
        [layer(token("T"), [{ status: 404, text: `Bearer ${token("T")}` }]), "UnexpectedResponse"],
        [layer(`${token("T")}\r\nx: 1`, []), "InvalidOption"],
        [layer(`${token("T")} `, []), "InvalidOption"],
        [layer(`${token("T")}é`, []), "InvalidOption"]
      ] as const
      for (const [index, [each, expected]] of cases.entries()) {
        const watched = watch()
        const exit = yield* watched.run(Effect.provide(retrieve, each))
        assert.isTrue(Exit.isFailure(exit))
        assert.include(watched.text(), expected)
        assertClean(watched.text(), `case ${index}`)
      }
    })
  )

  it.effect("show in no error of an option or a variable that cannot work", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([])
      const withSecret = (secret: string) => account({ clientSecret: Redacted.make(secret) })
      const variables = (env: Record<string, string>) =>
        Ripio.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
      const env = {
        RIPIO_ENVIRONMENT: "sandbox",
        RIPIO_CLIENT_ID: clientId,
        RIPIO_CLIENT_SECRET: clientSecret
      }
      const layers = [
        withSecret(`${clientSecret}\n`),
        withSecret(`${clientSecret}\u0000`),
        account({ clientId: `${clientSecret}:` }),
        account({ environment: { baseUrl: `https://user:${marker}@ripio.test/` } }),
        account({ environment: { baseUrl: `https://ripio.test/?secret=${marker}` } }),
        account({ environment: { baseUrl: `ftp://${marker}.test/` } }),
        account({ environment: { baseUrl: clientSecret } }),
        variables({ ...env, RIPIO_CLIENT_SECRET: `${clientSecret}\n` }),
        variables({ ...env, RIPIO_ENVIRONMENT: clientSecret }),
        variables({ ...env, RIPIO_BASE_URL: clientSecret }),
        variables({ ...env, RIPIO_CLIENT_ID: `${clientSecret}:` })
      ]
      for (const [index, layer] of layers.entries()) {
        const watched = watch()
        const exit = yield* watched.run(Effect.provide(retrieve, layer.pipe(Layer.provide(scripted.layer))))
        assert.isTrue(Exit.isFailure(exit))
        assertClean(watched.text(), `layer ${index}`)
      }
      assert.deepStrictEqual(yield* scripted.requests, [])
    })
  )

  it.effect("show in no service, layer, context or option that is printed, before and after it was used", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make(({ method }) =>
        Effect.succeed(method === "POST" ? { status: 200, json: grant() } : { status: 200, json: created })
      )
      const options = { environment: "sandbox", clientId, clientSecret: Redacted.make(clientSecret) } as const
      const layer = Ripio.layer(options).pipe(Layer.provide(scripted.layer))
      const context = yield* Layer.build(layer)
      const values = () =>
        Effect.map(Effect.all([scripted.requests, Metric.snapshot]), (seen) => [
          options,
          layer,
          context,
          Context.get(context, AuthService),
          Context.get(context, RipioHttp),
          Context.get(context, SupportTickets),
          Context.get(context, SupportTickets).retrieve(ticketId),
          ...seen
        ])
      for (const value of yield* values()) assertClean(printed(value))
      yield* Effect.provide(retrieve, context)
      const granted = yield* Context.get(context, AuthService).accessToken
      assert.strictEqual(Redacted.value(granted), token("Token"))
      for (const value of [...(yield* values()), granted]) assertClean(printed(value))
    })
  )
})
