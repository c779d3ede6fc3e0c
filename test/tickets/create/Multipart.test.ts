import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type NewTicket, SupportTickets } from "../../../src/index.ts"
import { withTokenAt } from "../../support/clients.ts"
import { pending } from "../../support/fixtures.ts"
import { onSandbox } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { serve, sockets } from "../../support/server.ts"
import { contentOf, parseByBusboy, parseByFormData } from "./parsers.ts"

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

const fileNames = [
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

interface Received {
  readonly contentType: string
  readonly contentLength: string | undefined
  readonly body: Uint8Array
}

/** A server that accepts tickets and records their bodies. */
const recordingServer = Effect.gen(function* () {
  const received: Array<Received> = []
  const url = yield* serve((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const { "content-length": contentLength, "content-type": contentType = "" } = request.headers
      received.push({ contentType, contentLength, body: Buffer.concat(chunks) })
      response.writeHead(202, { "content-type": "application/json" }).end(JSON.stringify(pending))
    })
  })
  return { url, received }
})

/** Asserts that two parsers find the ticket in the body. */
const assertParsed = Effect.fnUntraced(function* (
  ticket: NewTicket,
  { body, contentType }: Pick<Received, "body" | "contentType">
) {
  const expected = yield* Effect.promise(() => contentOf(ticket))
  assert.deepEqual(yield* Effect.promise(() => parseByBusboy(contentType, body)), expected)
  assert.deepEqual(yield* Effect.promise(() => parseByFormData(contentType, body)), expected)
})

const bodies: ReadonlyArray<{
  readonly title: string
  readonly tickets: ReadonlyArray<NewTicket>
}> = [
  {
    title: "texts with non-ASCII, quotes, line breaks, emoji and look-alikes of a boundary",
    tickets: texts.flatMap((text) => [newTicket({ summary: text }), newTicket({ description: text })])
  },
  {
    title: "file names with the same",
    tickets: fileNames.map((name) => newTicket({ files: [new File([name], name, { type: "text/plain" })] }))
  },
  {
    title: "files that are empty, hold every byte, have no type, share a name, or are a hundred",
    tickets: [
      newTicket({ files: [] }),
      newTicket({ files: [new File([], "empty.txt", { type: "text/plain" })] }),
      newTicket({ files: [new File([everyByte], "bytes.bin")] }),
      newTicket({
        files: [new File(["\r\n"], "a"), new File(["--"], "a"), new File(["\r\n--"], "a"), new File([], "a")]
      }),
      newTicket({
        files: Array.from({ length: 100 }, (_, index) => new File([`${index}`], `${index}.txt`, { type: "text/plain" }))
      })
    ]
  },
  {
    title: "large files",
    tickets: [
      newTicket({
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
    ]
  }
]

for (const [name, client] of sockets) {
  describe(`a multipart body sent by ${name} is parsed by other implementations:`, () => {
    for (const { tickets, title } of bodies) {
      it.live(title, () =>
        Effect.gen(function* () {
          const { received, url } = yield* recordingServer
          for (const ticket of tickets) {
            yield* SupportTickets.use(({ create }) => create(ticket)).pipe(Effect.provide(withTokenAt(url, client)))
            const last = received.at(-1)!
            assert.strictEqual(last.contentLength, `${last.body.length}`)
            yield* assertParsed(ticket, last)
          }
          assert.strictEqual(received.length, tickets.length)
        }).pipe(Effect.scoped)
      )
    }
  })
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
  // The first character is visible, because blank texts are refused and `Response.formData` drops a BOM.
  const textOf = (pieces: ReadonlyArray<string>) => `.${pieces.join("")}`.toWellFormed()

  /** A client that records what it should send. */
  const recordingClient = () => {
    const sent: Array<{ readonly contentType: string; readonly body: Uint8Array }> = []
    const client = HttpClient.make((request) =>
      Effect.gen(function* () {
        const body = yield* Effect.orDie(HttpServerRequest.fromClientRequest(request).arrayBuffer)
        sent.push({ contentType: request.headers["content-type"] ?? "", body: new Uint8Array(body) })
        return HttpClientResponse.fromWeb(request, Response.json(pending, { status: 202 }))
      })
    )
    return { sent, layer: withTokenAt("http://ripio.test", Layer.succeed(HttpClient.HttpClient, client)) }
  }

  const create = (ticket: NewTicket) => SupportTickets.use((tickets) => tickets.create(ticket))

  it.effect.prop(
    "in any field arrives unchanged",
    { summary: AnyText, description: AnyText },
    ({ description, summary }) =>
      Effect.gen(function* () {
        const { layer, sent } = recordingClient()
        const ticket = newTicket({ summary: textOf(summary), description: textOf(description) })
        yield* create(ticket).pipe(Effect.provide(layer))
        assert.strictEqual(sent.length, 1)
        yield* assertParsed(ticket, sent[0]!)
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect.prop(
    "beside files of any bytes arrives unchanged, and so do the files",
    {
      summary: AnyText,
      contents: Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))))
    },
    ({ contents, summary }) =>
      Effect.gen(function* () {
        const { layer, sent } = recordingClient()
        const files = contents.map((bytes, index) => new File([Uint8Array.from(bytes)], `${index} "ñ".bin`))
        const ticket = newTicket({ summary: textOf(summary), files })
        yield* create(ticket).pipe(Effect.provide(layer))
        yield* assertParsed(ticket, sent[0]!)
      }),
    { arbitrary: { runs: 200 } }
  )

  it.effect.prop(
    "is stored unchanged by the sandbox",
    { summary: AnyText, description: AnyText },
    ({ description, summary }) =>
      onSandbox(({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const texts = { summary: textOf(summary), description: textOf(description) }
          const ticket = { customerId: sandbox.customer, ...texts }
          yield* tickets.create(ticket)
          assert.deepInclude((yield* sandbox.tickets)[0], { ...ticket, files: [] })
        })
      ),
    { arbitrary: { runs: 200 } }
  )

  const Surrogate = Schema.Int.check(Schema.isBetween({ minimum: 0xd800, maximum: 0xdfff }))
  it.effect.prop(
    "with half a surrogate pair is not sent, because it has no UTF-8 form",
    { before: AnyText, surrogate: Surrogate, after: AnyText, inSummary: Schema.Boolean },
    ({ after, before, inSummary, surrogate }) =>
      Effect.gen(function* () {
        const text = `${textOf(before)}${String.fromCharCode(surrogate)} ${textOf(after)}`
        const { layer, sent } = recordingClient()
        const ticket = newTicket(inSummary ? { summary: text } : { description: text })
        const error = yield* create(ticket).pipe(Effect.provide(layer), Effect.flip)
        assert.propertyVal(error, "_tag", "RipioHttpError")
        assert.strictEqual(sent.length, 0)
      })
  )
})
