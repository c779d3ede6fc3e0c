import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { CustomerId } from "../../src/domain/CustomerId.ts"
import { TicketId } from "../../src/domain/TicketId.ts"
import { Fault, Sandbox, type SandboxTicket } from "../../src/testing/index.ts"
import { answerOf, arrived, inProcess, token, transports, type Transport } from "./transports.ts"

const path = "/api/v1/supportTickets/"
const stranger = CustomerId.make("11111111-1111-4111-8111-111111111111")

const send = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), ({ status, text }) =>
    Effect.map(text, (body) => ({ status, body: JSON.parse(body) as Record<string, unknown> }))
  )

const post = (bearer: Redacted.Redacted, form: FormData) =>
  HttpClientRequest.post(path).pipe(HttpClientRequest.bearerToken(bearer), HttpClientRequest.bodyFormData(form))

const formOf = (...parts: ReadonlyArray<readonly [string, string | File]>) => {
  const form = new FormData()
  for (const [name, value] of parts) form.append(name, value)
  return form
}

const ticketOf = (customerId: string, ...files: ReadonlyArray<File>) =>
  formOf(
    ["customerId", customerId],
    ["summary", "No aparece mi depósito"],
    ["description", "first\r\nsecond 😀"],
    ...files.map((file) => ["files", file] as const)
  )

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)

const on =
  (layer: Transport) =>
  (says: string, test: (sandbox: Sandbox["Service"]) => Effect.Effect<void, unknown, HttpClient.HttpClient>) =>
    it.effect(says, () => Sandbox.use(test).pipe(Effect.provide(layer())))

for (const [name, layer] of transports) {
  describe(`create ${name}`, () => {
    const create = on(layer)

    create("stores what came, is pending at first, and ends when the clock says so", (sandbox) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1000)
        const bearer = yield* token(sandbox.account)
        const files = [
          new File([everyByte], 'a "photo" ñ.png', { type: "image/png" }),
          new File([], "empty.txt", { type: "text/plain" })
        ]
        const { body, status } = yield* send(post(bearer, ticketOf(sandbox.customer, ...files)))
        const ticketId = TicketId.make("00000000-0000-4000-8000-000000000001")
        assert.deepStrictEqual([status, body], [202, { ticketId, status: "PENDING", issueKey: null }])
        const stored: SandboxTicket = {
          ticketId,
          clientId: sandbox.account.clientId,
          at: 1000,
          customerId: sandbox.customer,
          summary: "No aparece mi depósito",
          description: "first\r\nsecond 😀",
          files: [
            { name: 'a "photo" ñ.png', type: "image/png", size: 256, bytes: everyByte },
            { name: "empty.txt", type: "text/plain", size: 0, bytes: new Uint8Array() }
          ],
          state: "Pending"
        }
        assert.deepEqual(yield* sandbox.tickets, [stored])
        yield* TestClock.adjust(2999)
        assert.propertyVal((yield* answerOf(ticketId, bearer)).body, "status", "PENDING")
        yield* TestClock.adjust(1)
        const created = { ticketId, status: "CREATED", issueKey: "SUP-1001" }
        assert.deepStrictEqual((yield* answerOf(ticketId, bearer)).body, created)
        assert.deepEqual(yield* sandbox.tickets, [{ ...stored, state: "Created" }])
        assert.deepInclude((yield* sandbox.requests)[1], { route: "create", method: "POST", path, status: 202 })
        assert.strictEqual(yield* sandbox.count("create"), 1)
      })
    )

    create("a body that comes in pieces is the same body", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const encoded = new Response(ticketOf(sandbox.customer, new File([everyByte], "f")))
        const form = yield* Effect.promise(() => encoded.arrayBuffer())
        // What comes after the last boundary is none of it.
        const bytes = new Uint8Array([...new Uint8Array(form), ...new TextEncoder().encode("an: epilogue\r\n\r\n")])
        for (const size of [1, 7, 64]) {
          const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
            bytes.slice(index * size, (index + 1) * size)
          )
          const request = post(bearer, new FormData()).pipe(
            HttpClientRequest.bodyStream(Stream.fromIterable(pieces), {
              contentType: encoded.headers.get("content-type") ?? "",
              contentLength: bytes.length
            })
          )
          assert.strictEqual((yield* send(request)).status, 202)
        }
        const stored = yield* sandbox.tickets
        assert.strictEqual(stored.length, 3)
        for (const { description, files } of stored) {
          assert.strictEqual(description, "first\r\nsecond 😀")
          assert.deepEqual(files, [{ name: "f", type: "application/octet-stream", size: 256, bytes: everyByte }])
        }
      })
    )

    create("refuses what is not multipart, and stores nothing", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const to = HttpClientRequest.post(path).pipe(HttpClientRequest.bearerToken(bearer))
        const text = (body: string | Uint8Array, type = "multipart/form-data; boundary=b") =>
          HttpClientRequest.bodyUint8Array(to, typeof body === "string" ? new TextEncoder().encode(body) : body, type)
        const field = (key: string, value: string) =>
          `--b\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`
        const texts = field("customerId", sandbox.customer) + field("summary", "s") + field("description", "d")
        const whole = `${texts}--b--\r\n`
        const latin1 = Uint8Array.from(whole.replace("\r\n\r\ns\r\n", "\r\n\r\n\u00e9\r\n"), (c) => c.charCodeAt(0))
        const wrong = [
          to,
          HttpClientRequest.bodyJsonUnsafe(to, { customerId: sandbox.customer, summary: "s", description: "d" }),
          HttpClientRequest.bodyUrlParams(to, { customerId: sandbox.customer, summary: "s", description: "d" }),
          text(whole, "multipart/form-data"),
          text(whole, "multipart/mixed; boundary=b"),
          text(whole, "multipart/form-data; boundary=c"),
          text(texts),
          text(whole.slice(0, -4)),
          text(whole.replaceAll("\r\n", "\n")),
          text(whole.replace("form-data; name", "attachment; name")),
          text(whole.replace('; name="summary"', "")),
          text(whole.replace("Content-Disposition: form-data; name", "X-Other: form-data; name")),
          text(latin1)
        ]
        for (const [index, request] of wrong.entries()) {
          const { body, status } = yield* send(request)
          assert.deepStrictEqual([index, status, body["code"]], [index, 400, 20001])
        }
        assert.deepStrictEqual(yield* sandbox.tickets, [])
        assert.strictEqual((yield* send(text(whole))).status, 202)
      })
    )

    create("refuses fields that are missing, repeated, blank or not documented, and stores nothing", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        const fields = [
          ["customerId", sandbox.customer],
          ["summary", "s"],
          ["description", "d"]
        ] as const
        const but = (name: string, ...values: ReadonlyArray<string | File>) =>
          formOf(...fields.flatMap((field) => (field[0] === name ? values.map((v) => [name, v] as const) : [field])))
        const file = new File(["x"], "x.txt")
        const wrong = [
          ...fields.flatMap(([key, value]) => [
            but(key),
            but(key, value, value),
            but(key, ""),
            but(key, " \r\n"),
            but(key, file)
          ]),
          but("customerId", "SUP-1"),
          but("customerId", sandbox.customer.replaceAll("-", "")),
          but("customerId", stranger),
          formOf(...fields, ["priority", "high"]),
          formOf(...fields, ["attachment", file]),
          formOf(...fields, ["files", "no file"]),
          ...["", ".", "..", "folder/", "a/.."].map((name) => formOf(...fields, ["files", new File(["x"], name)]))
        ]
        for (const [index, form] of wrong.entries()) {
          const { body, status } = yield* send(post(bearer, form))
          assert.deepStrictEqual([index, status, body["code"]], [index, 400, 20000])
        }
        assert.deepStrictEqual(yield* sandbox.tickets, [])
        const upper = but("customerId", sandbox.customer.toUpperCase())
        assert.strictEqual((yield* send(post(bearer, upper))).status, 202)
      })
    )

    create("a customer belongs to one account, and needs an email address", (sandbox) =>
      Effect.gen(function* () {
        const account = yield* sandbox.addAccount()
        const theirs = yield* sandbox.addCustomer({ account })
        const silent = yield* sandbox.addCustomer({ customerId: stranger, email: false })
        const mine = yield* token(sandbox.account)
        const their = yield* token(account)
        const statuses = yield* Effect.forEach(
          [
            [mine, sandbox.customer],
            [mine, theirs],
            [mine, silent],
            [their, sandbox.customer],
            [their, theirs]
          ] as const,
          ([bearer, customerId]) => Effect.map(send(post(bearer, ticketOf(customerId))), ({ status }) => status)
        )
        assert.deepStrictEqual(statuses, [202, 400, 400, 400, 202])
        assert.deepStrictEqual(
          (yield* sandbox.tickets).map(({ clientId, customerId }) => [clientId, customerId]),
          [
            [sandbox.account.clientId, sandbox.customer],
            [account.clientId, theirs]
          ]
        )
      })
    )

    create("a token that is no good is 401 and a feature that is off is 403, whatever the body", (sandbox) =>
      Effect.gen(function* () {
        const bearer = yield* token(sandbox.account)
        yield* sandbox.inject(Fault.tokenExpired)
        for (const form of [ticketOf(sandbox.customer), new FormData()]) {
          assert.propertyVal((yield* send(post(bearer, form))).body, "code", 40001)
        }
        yield* sandbox.setEnabled(false)
        const fresh = yield* token(sandbox.account)
        const off = yield* send(post(fresh, new FormData()))
        assert.deepStrictEqual([off.status, off.body["code"]], [403, 20061])
        assert.deepStrictEqual(yield* sandbox.tickets, [])
      })
    )

    create(
      "faults that lose the answer store the ticket, and those that replace it do not, unless they are told to",
      (sandbox) =>
        Effect.gen(function* () {
          const bearer = yield* token(sandbox.account)
          const spoiling = [Fault.dropped, Fault.reset({ afterBytes: 9 }), Fault.cutJson, Fault.oversized(70_000)]
          const replacing = [Fault.status(500), Fault.gatewayHtml(502), Fault.rateLimited(), Fault.unauthenticated()]
          const attempt = Effect.exit(send(post(bearer, ticketOf(sandbox.customer))))
          const storedUnder = Effect.fnUntraced(function* (fault: Fault) {
            const before = (yield* sandbox.tickets).length
            yield* sandbox.inject(fault, { on: "create" })
            yield* attempt
            return (yield* sandbox.tickets).length - before
          })
          for (const fault of spoiling) {
            assert.strictEqual(yield* storedUnder(fault), 1)
            assert.strictEqual(yield* storedUnder(Fault.afterStoring(fault)), 1)
            assert.strictEqual(yield* storedUnder(Fault.beforeStoring(fault)), 0)
          }
          for (const fault of replacing) {
            assert.strictEqual(yield* storedUnder(fault), 0)
            assert.strictEqual(yield* storedUnder(Fault.beforeStoring(fault)), 0)
            assert.strictEqual(yield* storedUnder(Fault.afterStoring(fault)), 1)
          }
          assert.strictEqual(yield* storedUnder(Fault.refused), 0)
          assert.strictEqual(yield* sandbox.count("create"), 25)
        })
    )

    for (const [says, fault, stored] of [
      ["has stored the ticket", Fault.hang, 1],
      ["has not stored the ticket, if told so", Fault.beforeStoring(Fault.hang), 0]
    ] as const) {
      create(`a hanging server ${says}`, (sandbox) =>
        Effect.gen(function* () {
          const bearer = yield* token(sandbox.account)
          yield* sandbox.inject(fault, { on: "create" })
          const fiber = yield* Effect.forkChild(send(post(bearer, ticketOf(sandbox.customer))), {
            startImmediately: true
          })
          yield* arrived(sandbox, 2)
          // A later create that is answered has come after it: what the first one leaves is there by then.
          yield* send(post(bearer, ticketOf(sandbox.customer)))
          const tickets = yield* Effect.andThen(Effect.yieldNow, sandbox.tickets).pipe(
            Effect.repeat({ until: ({ length }) => length > stored })
          )
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(tickets.length, stored + 1)
        })
      )
    }
  })
}

describe("created tickets", () => {
  const create = on(inProcess)

  create("end as onCreate says, from then on", (sandbox) =>
    Effect.gen(function* () {
      const bearer = yield* token(sandbox.account)
      const raise = send(post(bearer, ticketOf(sandbox.customer)))
      yield* raise
      yield* sandbox.onCreate({ outcome: "Failed", after: "1 hour" })
      yield* raise
      yield* sandbox.onCreate({ outcome: "Pending" })
      yield* raise
      yield* sandbox.onCreate({ after: 0 })
      assert.propertyVal((yield* raise).body, "status", "PENDING")
      const states = Effect.map(sandbox.tickets, (tickets) => tickets.map(({ state }) => state))
      assert.deepStrictEqual(yield* states, ["Pending", "Pending", "Pending", "Created"])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* states, ["Created", "Pending", "Pending", "Created"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* states, ["Created", "Failed", "Pending", "Created"])
      yield* sandbox.complete((yield* sandbox.tickets)[2]!.ticketId, "Failed")
      assert.deepStrictEqual(yield* states, ["Created", "Failed", "Failed", "Created"])
    })
  )

  create("count their ids along with those of seeded ones, which are not listed", (sandbox) =>
    Effect.gen(function* () {
      const bearer = yield* token(sandbox.account)
      yield* sandbox.seed()
      yield* sandbox.inject(Fault.beforeStoring(Fault.latency(0)), { on: "create" })
      const lie = yield* send(post(bearer, ticketOf(sandbox.customer)))
      const truth = yield* send(post(bearer, ticketOf(sandbox.customer)))
      const ids = [lie, truth].map(({ body }) => String(body["ticketId"]))
      assert.deepStrictEqual(
        ids.map((id) => id.slice(-1)),
        ["2", "3"]
      )
      assert.deepStrictEqual(
        (yield* sandbox.tickets).map(({ ticketId }) => ticketId),
        ids.slice(1)
      )
      assert.deepStrictEqual(
        yield* Effect.forEach(ids, (id) => Effect.map(answerOf(id, bearer), (a) => a.status)),
        [404, 200]
      )
    })
  )

  create("a wrong use of the sandbox dies", (sandbox) =>
    Effect.gen(function* () {
      const says = (wrong: Effect.Effect<unknown>, text: string) =>
        Effect.map(Effect.flip(Effect.sandbox(wrong)), (cause) => assert.include(String(cause), text))
      yield* says(sandbox.addCustomer({ customerId: sandbox.customer }), `has a customer ${sandbox.customer} already`)
      yield* says(sandbox.inject(Fault.afterStoring(Fault.refused)), "carries nothing to store")
    })
  )

  create("a Content-Length that is not that of the body is malformed", (sandbox) =>
    Effect.gen(function* () {
      const bearer = yield* token(sandbox.account)
      const encoded = new Response(ticketOf(sandbox.customer))
      const bytes = new Uint8Array(yield* Effect.promise(() => encoded.arrayBuffer()))
      const answer = yield* send(
        post(bearer, new FormData()).pipe(
          HttpClientRequest.bodyStream(Stream.succeed(bytes), {
            contentType: encoded.headers.get("content-type") ?? "",
            contentLength: bytes.length + 1
          })
        )
      )
      assert.deepInclude(answer.body, { code: 20001 })
    })
  )

  const Bytes = Schema.Array(Schema.Literals([0, 10, 13, 45, 98, 99, 255]))
  it.effect.prop(
    "are the same however their bodies are cut into pieces, boundaries in the middle included",
    { bytes: Bytes, cuts: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))) },
    ({ bytes, cuts }) =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const bearer = yield* token(sandbox.account)
        const content = Uint8Array.from(bytes)
        const text = new TextEncoder()
        const part = (head: string, body: Uint8Array) => [
          text.encode(`--bb\r\n${head}\r\n\r\n`),
          body,
          text.encode("\r\n")
        ]
        const field = (key: string, value: string) =>
          part(`Content-Disposition: form-data; name="${key}"`, text.encode(value))
        const body = new Uint8Array(
          yield* Effect.promise(() =>
            new Blob(
              [
                ...field("customerId", sandbox.customer),
                ...field("summary", "\r\n-"),
                ...part('Content-Disposition: form-data; name="files"; filename="f"', content),
                ...field("description", "--b"),
                text.encode("--bb--\r\n")
              ].map((piece) => Uint8Array.from(piece))
            ).arrayBuffer()
          )
        )
        const pieces: Array<Uint8Array> = []
        for (let at = 0, n = 0; at < body.length; n++) {
          const size = cuts[n % Math.max(1, cuts.length)] ?? body.length
          pieces.push(body.slice(at, at + size))
          at += size
        }
        const answer = yield* send(
          post(bearer, new FormData()).pipe(
            HttpClientRequest.bodyStream(Stream.fromIterable(pieces), {
              contentType: "multipart/form-data; boundary=bb"
            })
          )
        )
        if (bytesInclude(content, "\r\n--bb")) return
        assert.strictEqual(answer.status, 202)
        const stored = (yield* sandbox.tickets)[0]
        assert.deepEqual(stored?.files[0]?.bytes, content)
        assert.deepStrictEqual([stored?.summary, stored?.description], ["\r\n-", "--b"])
      }).pipe(Effect.provide(inProcess())),
    { arbitrary: { runs: 300 } }
  )
})

const bytesInclude = (bytes: Uint8Array, text: string) => String.fromCharCode(...bytes).includes(text)
