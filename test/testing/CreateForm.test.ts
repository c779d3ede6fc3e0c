import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schema from "effect/Schema"
import { Sandbox } from "../../src/testing/index.ts"
import {
  createPath,
  createRequest,
  encodeForm,
  everyByte,
  type Field,
  formOf,
  send,
  streamedCreateRequest,
  ticketForm
} from "./createRequest.ts"
import { inProcess, itOn, requestToken, transports } from "./transports.ts"

const utf8 = new TextEncoder()

for (const { title, transport } of transports) {
  describe(`the form of a create request (${title})`, () => {
    const it = itOn(transport)

    it("may arrive in chunks of any size and with an epilogue", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        const form = yield* encodeForm(ticketForm(sandbox.customer, [new File([everyByte], "f")]))
        const bytes = Uint8Array.from([...form.bytes, ...utf8.encode("an: epilogue\r\n\r\n")])
        for (const size of [1, 7, 64]) {
          const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
            bytes.slice(index * size, (index + 1) * size)
          )
          const request = streamedCreateRequest(token, chunks, {
            contentType: form.contentType,
            contentLength: bytes.length
          })
          assert.strictEqual((yield* send(request)).status, 202)
        }
        const stored = yield* sandbox.tickets
        assert.strictEqual(stored.length, 3)
        for (const { description, files } of stored) {
          assert.strictEqual(description, "first\r\nsecond 😀")
          assert.deepEqual(files, [{ name: "f", type: "application/octet-stream", size: 256, bytes: everyByte }])
        }
      }))

    it("is rejected with code 20001 if it is not valid multipart/form-data, and nothing is stored", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        const request = HttpClientRequest.post(createPath).pipe(HttpClientRequest.bearerToken(token))
        const values = { customerId: sandbox.customer, summary: "s", description: "d" }
        const withBody = (body: string | Uint8Array, contentType = "multipart/form-data; boundary=b") =>
          HttpClientRequest.bodyUint8Array(request, typeof body === "string" ? utf8.encode(body) : body, contentType)
        const parts = Object.entries(values)
          .map(([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
          .join("")
        const valid = `${parts}--b--\r\n`
        const latin1 = Uint8Array.from(valid.replace("\r\n\r\ns\r\n", "\r\n\r\n\u00e9\r\n"), (character) =>
          character.charCodeAt(0)
        )
        for (const { malformed, title } of [
          { title: "no body", malformed: request },
          { title: "JSON", malformed: HttpClientRequest.bodyJsonUnsafe(request, values) },
          { title: "URL-encoded", malformed: HttpClientRequest.bodyUrlParams(request, values) },
          { title: "no boundary", malformed: withBody(valid, "multipart/form-data") },
          { title: "another multipart type", malformed: withBody(valid, "multipart/mixed; boundary=b") },
          { title: "another boundary", malformed: withBody(valid, "multipart/form-data; boundary=c") },
          { title: "no closing boundary", malformed: withBody(parts) },
          { title: "a cut closing boundary", malformed: withBody(valid.slice(0, -4)) },
          { title: "LF line breaks", malformed: withBody(valid.replaceAll("\r\n", "\n")) },
          {
            title: "another disposition",
            malformed: withBody(valid.replace("form-data; name", "attachment; name"))
          },
          { title: "a part without a name", malformed: withBody(valid.replace('; name="summary"', "")) },
          {
            title: "a part without Content-Disposition",
            malformed: withBody(valid.replace("Content-Disposition: form-data; name", "X-Other: form-data; name"))
          },
          { title: "text that is not UTF-8", malformed: withBody(latin1) }
        ]) {
          const { body, status } = yield* send(malformed)
          assert.deepStrictEqual({ title, status, code: body["code"] }, { title, status: 400, code: 20001 })
        }
        assert.deepStrictEqual(yield* sandbox.tickets, [])
        assert.strictEqual((yield* send(withBody(valid))).status, 202)
      }))

    it("is rejected with code 20000 if a field is missing, repeated, invalid or unknown, and nothing is stored", (sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        const fields: ReadonlyArray<Field> = [
          { name: "customerId", value: sandbox.customer },
          { name: "summary", value: "s" },
          { name: "description", value: "d" }
        ]
        const withValues = (name: string, ...values: ReadonlyArray<string | File>) =>
          formOf(fields.flatMap((field) => (field.name === name ? values.map((value) => ({ name, value })) : [field])))
        const withField = (name: string, value: string | File) => formOf([...fields, { name, value }])
        const file = new File(["x"], "x.txt")
        const invalid = [
          ...fields.flatMap(({ name, value }) => [
            { title: `without ${name}`, form: withValues(name) },
            { title: `${name} twice`, form: withValues(name, value, value) },
            { title: `an empty ${name}`, form: withValues(name, "") },
            { title: `a blank ${name}`, form: withValues(name, " \r\n") },
            { title: `a file as ${name}`, form: withValues(name, file) }
          ]),
          { title: "a customerId that is not a UUID", form: withValues("customerId", "SUP-1") },
          {
            title: "a customerId without hyphens",
            form: withValues("customerId", sandbox.customer.replaceAll("-", ""))
          },
          {
            title: "an unknown customer",
            form: withValues("customerId", "11111111-1111-4111-8111-111111111111")
          },
          { title: "an unknown field", form: withField("priority", "high") },
          { title: "an unknown file field", form: withField("attachment", file) },
          { title: "text in files", form: withField("files", "no file") },
          ...["", ".", "..", "folder/", "a/.."].map((name) => ({
            title: `a file with the name ${JSON.stringify(name)}`,
            form: withField("files", new File(["x"], name))
          }))
        ]
        for (const { form, title } of invalid) {
          const { body, status } = yield* send(createRequest(token, form))
          assert.deepStrictEqual({ title, status, code: body["code"] }, { title, status: 400, code: 20000 })
        }
        assert.deepStrictEqual(yield* sandbox.tickets, [])
        const upperCaseCustomer = withValues("customerId", sandbox.customer.toUpperCase())
        assert.strictEqual((yield* send(createRequest(token, upperCaseCustomer))).status, 202)
      }))
  })
}

describe("the body of a create request", () => {
  itOn(inProcess)("is malformed if its length is not Content-Length", (sandbox) =>
    Effect.gen(function* () {
      const token = yield* requestToken(sandbox.account)
      const { bytes, contentType } = yield* encodeForm(ticketForm(sandbox.customer))
      const { body } = yield* send(
        streamedCreateRequest(token, [bytes], { contentType, contentLength: bytes.length + 1 })
      )
      assert.deepInclude(body, { code: 20001 })
    })
  )

  /** Line breaks, hyphens, the letters of the boundary, and bytes that are not UTF-8. */
  const FileBytes = Schema.Array(Schema.Literals([0, 10, 13, 45, 98, 99, 255]))
  const ChunkSizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })))

  it.effect.prop(
    "is parsed alike however it is cut into chunks, also within a boundary",
    { fileBytes: FileBytes, chunkSizes: ChunkSizes },
    ({ chunkSizes, fileBytes }) =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const token = yield* requestToken(sandbox.account)
        const part = (header: string, content: Uint8Array) => [
          ...utf8.encode(`--bb\r\n${header}\r\n\r\n`),
          ...content,
          ...utf8.encode("\r\n")
        ]
        const textPart = (name: string, value: string) =>
          part(`Content-Disposition: form-data; name="${name}"`, utf8.encode(value))
        const file = Uint8Array.from(fileBytes)
        const body = Uint8Array.from([
          ...textPart("customerId", sandbox.customer),
          ...textPart("summary", "\r\n-"),
          ...part('Content-Disposition: form-data; name="files"; filename="f"', file),
          ...textPart("description", "--b"),
          ...utf8.encode("--bb--\r\n")
        ])
        const chunks: Array<Uint8Array> = []
        for (let start = 0; start < body.length;) {
          const size = chunkSizes[chunks.length % Math.max(1, chunkSizes.length)] ?? body.length
          chunks.push(body.slice(start, start + size))
          start += size
        }
        const { status } = yield* send(
          streamedCreateRequest(token, chunks, { contentType: "multipart/form-data; boundary=bb" })
        )
        const containsBoundary = String.fromCharCode(...file).includes("\r\n--bb")
        if (containsBoundary) return
        assert.strictEqual(status, 202)
        const stored = (yield* sandbox.tickets)[0]
        assert.deepEqual(stored?.files[0]?.bytes, file)
        assert.deepStrictEqual([stored?.summary, stored?.description], ["\r\n-", "--b"])
      }).pipe(Effect.provide(inProcess())),
    { arbitrary: { runs: 300 } }
  )
})
