import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { CustomerId, type NewTicket, SupportTickets } from "../../../src/index.ts"
import { Sandbox } from "../../../src/testing/index.ts"
import { serve, sockets } from "../../support/server.ts"
import { byBusboy, byFormData, contentOf, type Parsed } from "./parsers.ts"
import { withTokenAt } from "./support.ts"

const customerId = CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d")
const pending = { ticketId: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", status: "PENDING", issueKey: null }
const ticketOf = (ticket: Partial<NewTicket>): NewTicket => ({ customerId, summary: "s", description: "d", ...ticket })

const everyByte = Uint8Array.from({ length: 65_536 }, (_, index) => (index * 7 + (index >> 8)) & 0xff)

const texts = [
  "No aparece mi depósito de $ 1.000,50 — ¿qué hago?",
  "ｆｕｌｌ ｗｉｄｔｈ, עברית, हिन्दी, 中文",
  "😀 👩‍👩‍👧‍👦 🇦🇷",
  "\"double\", 'single', `back`, \\slash\\, %22, %0D%0A, &quot;",
  "a lone\rCR",
  "a lone\nLF",
  "a\r\nCRLF",
  "\r\n\r\nat the start, \r\r\n\n in the middle, and at the end\n\r",
  "line\u2028and paragraph\u2029separators, a\u0000null, a\ttab",
  '--\r\n------ripio-\r\nContent-Disposition: form-data; name="customerId"\r\n\r\nnot me\r\n--',
  "x".repeat(2_000_000)
]

const names = [
  "comprobante ñandú.pdf",
  "截图 😀.png",
  'a "quoted" name.txt',
  "it's; name=summary; x.txt",
  "line\nbreaks\rand\r\nboth.txt",
  "50% off.txt",
  "folder/sub/../name.txt",
  " .hidden ",
  "x".repeat(300)
]

/** Takes tickets, and gives them to parsers that others wrote. */
const parsingServer = Effect.gen(function* () {
  const bodies: Array<readonly [contentType: string, length: string | undefined, body: Buffer]> = []
  const url = yield* serve((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      bodies.push([request.headers["content-type"] ?? "", request.headers["content-length"], Buffer.concat(chunks)])
      response.writeHead(202, { "content-type": "application/json" }).end(JSON.stringify(pending))
    })
  })
  return { url, bodies }
})

const assertArrived = Effect.fnUntraced(function* (ticket: NewTicket, contentType: string, body: Uint8Array) {
  const expected = yield* Effect.promise(() => contentOf(ticket))
  const found: ReadonlyArray<Parsed> = [
    yield* Effect.promise(() => byBusboy(contentType, body)),
    yield* Effect.promise(() => byFormData(contentType, body))
  ]
  for (const parsed of found) assert.deepEqual(parsed, expected)
})

for (const [name, client] of sockets) {
  describe(`the body of a create as others read it, by ${name}`, () => {
    const arrives = (says: string, tickets: ReadonlyArray<NewTicket>, isStreamed = false) =>
      it.live(says, () =>
        Effect.gen(function* () {
          const { bodies, url } = yield* parsingServer
          for (const ticket of tickets) {
            yield* SupportTickets.use(({ create }) => create(ticket)).pipe(Effect.provide(withTokenAt(url, client)))
            const [contentType, length, body] = bodies.at(-1)!
            // `fetch` sends no length of a stream, and Effect's client streams them.
            if (!isStreamed || name !== "FetchHttpClient") assert.strictEqual(length, `${body.length}`)
            yield* assertArrived(ticket, contentType, body)
          }
          assert.strictEqual(bodies.length, tickets.length)
        }).pipe(Effect.scoped)
      )

    arrives(
      "non-ASCII, quotes, line breaks, emoji and what looks like a boundary, in each text",
      texts.flatMap((text) => [ticketOf({ summary: text }), ticketOf({ description: text })])
    )

    arrives(
      "the same in the names of files",
      names.map((name) => ticketOf({ files: [new File([name], name, { type: "text/plain" })] }))
    )

    arrives(
      "files: empty, of every byte, without a type, of the same name, and a hundred of them",
      [
        ticketOf({ files: [] }),
        ticketOf({ files: [new File([], "empty.txt", { type: "text/plain" })] }),
        ticketOf({ files: [new File([everyByte], "bytes.bin")] }),
        ticketOf({
          files: [new File(["\r\n"], "a"), new File(["--"], "a"), new File(["\r\n--"], "a"), new File([], "a")]
        }),
        ticketOf({
          files: Array.from(
            { length: 100 },
            (_, index) => new File([`${index}`], `${index}.txt`, { type: "text/plain;charset=utf-8" })
          )
        })
      ].map((ticket) => ticketWithoutCharset(ticket))
    )

    arrives(
      "large files, which are streamed",
      [
        ticketOf({
          summary: "a\rb\n😀",
          files: [
            new File([new Uint8Array(5_000_000).fill(13)], "CR.bin"),
            new File([], "empty ñ.bin"),
            new File(
              Array.from({ length: 64 }, () => everyByte),
              "bytes.bin"
            )
          ]
        })
      ],
      true
    )
  })
}

for (const [name, client] of sockets) {
  for (const [size, bytes] of [
    ["small", 10],
    ["large", 9 * 1024 * 1024]
  ] as const) {
    it.live(`a ${size} create that is left while its answer stalls leaves no connection, by ${name}`, () =>
      Effect.gen(function* () {
        const answering = yield* Deferred.make<void>()
        const closed = yield* Deferred.make<void>()
        const url = yield* serve((request, response) => {
          response.on("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
          request.resume().on("end", () => {
            response.writeHead(201, { "content-length": "100" }).write("{")
          })
        })
        const watched = Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.tap(() => Deferred.succeed(answering, undefined))
          )
        ).pipe(Layer.provide(client))
        const ticket = ticketOf({ files: [new File([new Uint8Array(bytes)], "film.bin")] })
        const fiber = yield* SupportTickets.use(({ create }) => create(ticket)).pipe(
          Effect.provide([withTokenAt(url, watched), Logger.layer([])]),
          Effect.forkChild
        )
        yield* Deferred.await(answering)
        // The client goes on to the body before it is left.
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(closed)
      }).pipe(Effect.scoped)
    )
  }
}

// `busboy` gives the type alone, and the platform all of it: neither is asked for more here.
function ticketWithoutCharset(ticket: NewTicket): NewTicket {
  return ticket.files === undefined
    ? ticket
    : {
        ...ticket,
        files: ticket.files.map((file) => new File([file], file.name, { type: file.type.replace(/;.*/u, "") }))
      }
}

describe("any text", () => {
  const Piece = Schema.Union([
    Schema.Literals([
      "\r",
      "\n",
      "\r\n",
      '"',
      "'",
      "\\",
      "%",
      "%22",
      "--",
      "----ripio-",
      "\r\n--",
      ";",
      "=",
      ":",
      "\u0000"
    ]),
    Schema.Literals(["é", "😀", "\u2028", "\u0301", "\u202e", "\uffff", " ", "\t"]),
    Schema.String
  ])
  const AnyText = Schema.Array(Piece)
  // Something that is seen comes first: blank texts are refused, and the platform's parser takes a BOM away.
  const textOf = (pieces: ReadonlyArray<string>) => `.${pieces.join("")}`.toWellFormed()

  /** A client that keeps what it is given to send, byte by byte. */
  const capturing = () => {
    const sent: Array<readonly [contentType: string, body: Uint8Array]> = []
    const client = HttpClient.make((request) =>
      Effect.gen(function* () {
        const body = yield* Effect.orDie(HttpServerRequest.fromClientRequest(request).arrayBuffer)
        sent.push([request.headers["content-type"] ?? "", new Uint8Array(body)])
        return HttpClientResponse.fromWeb(request, Response.json(pending, { status: 202 }))
      })
    )
    return { sent, layer: withTokenAt("http://ripio.test", Layer.succeed(HttpClient.HttpClient, client)) }
  }

  it.effect.prop(
    "in any field arrives unchanged, by parsers that others wrote",
    { summary: AnyText, description: AnyText },
    (pieces) =>
      Effect.gen(function* () {
        const { layer, sent } = capturing()
        const ticket = ticketOf({ summary: textOf(pieces.summary), description: textOf(pieces.description) })
        yield* SupportTickets.use(({ create }) => create(ticket)).pipe(Effect.provide(layer))
        assert.strictEqual(sent.length, 1)
        yield* assertArrived(ticket, ...sent[0]!)
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect.prop(
    "and any bytes in any files beside it",
    {
      summary: AnyText,
      files: Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))))
    },
    (pieces) =>
      Effect.gen(function* () {
        const { layer, sent } = capturing()
        const files = pieces.files.map((bytes, index) => new File([Uint8Array.from(bytes)], `${index} "ñ".bin`))
        const ticket = ticketOf({ summary: textOf(pieces.summary), files })
        yield* SupportTickets.use(({ create }) => create(ticket)).pipe(Effect.provide(layer))
        yield* assertArrived(ticket, ...sent[0]!)
      }),
    { arbitrary: { runs: 200 } }
  )

  it.effect.prop(
    "is what the sandbox stores",
    { summary: AnyText, description: AnyText },
    (pieces) =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const [summary, description] = [textOf(pieces.summary), textOf(pieces.description)]
        const ticket = { customerId: sandbox.customer, summary, description }
        yield* SupportTickets.use(({ create }) => create(ticket))
        assert.deepInclude((yield* sandbox.tickets)[0], { ...ticket, files: [] })
      }).pipe(Effect.provide(Sandbox.layerRipio())),
    { arbitrary: { runs: 200 } }
  )

  const Unit = Schema.Int.check(Schema.isBetween({ minimum: 0xd800, maximum: 0xdfff }))
  it.effect.prop(
    "is sent only if it can be: half a surrogate pair has no UTF-8",
    { pieces: AnyText, unit: Unit, more: AnyText, inSummary: Schema.Boolean },
    ({ inSummary, more, pieces, unit }) =>
      Effect.gen(function* () {
        const text = `${textOf(pieces)}${String.fromCharCode(unit)} ${textOf(more)}`
        const { layer, sent } = capturing()
        const ticket = ticketOf(inSummary ? { summary: text } : { description: text })
        const error = yield* SupportTickets.use(({ create }) => create(ticket)).pipe(Effect.provide(layer), Effect.flip)
        assert.propertyVal(error, "_tag", "RipioHttpError")
        assert.strictEqual(sent.length, 0)
      })
  )
})
