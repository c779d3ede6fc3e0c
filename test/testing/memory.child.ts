// A program that sends one large create to a sandbox, and prints the memory that this took. The body is generated while it
// is read, from the same piece each time, so it costs the sender nothing. Arguments: how the sandbox is called, whether the
// bytes are in a file or in a text, and how many there are.
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Sandbox } from "../../src/testing/index.ts"
import { inProcess, requestToken } from "./transports.ts"

const [, , transport, place, size = "0"] = process.argv
const chunk = new Uint8Array(64 * 1024).fill(0x61)
const encoder = new TextEncoder()

function* piecesOf(bytes: number, customerId: string) {
  const field = (name: string) => `--b\r\nContent-Disposition: form-data; name="${name}"`
  yield encoder.encode(`${field("customerId")}\r\n\r\n${customerId}\r\n${field("summary")}\r\n\r\ns\r\n`)
  if (place === "file") yield encoder.encode(`${field("description")}\r\n\r\nd\r\n`)
  yield encoder.encode(
    place === "file" ? `${field("files")}; filename="f.bin"\r\n\r\n` : `${field("description")}\r\n\r\n`
  )
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk.subarray(0, bytes - sent)
  yield encoder.encode("\r\n--b--\r\n")
}

const bodyOf = (bytes: number, customerId: string) => {
  const pieces = piecesOf(bytes, customerId)
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const { done, value } = pieces.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    }
  })
}

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const handler = yield* Sandbox.toWebHandler
  const bearer = Redacted.value(yield* requestToken(sandbox.account))
  const path = "/api/v1/supportTickets/"
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "multipart/form-data; boundary=b" }
  const byHttpClient = (bytes: number) =>
    HttpClientRequest.post(path, { headers }).pipe(
      HttpClientRequest.bodyStream(
        Stream.fromReadableStream({ evaluate: () => bodyOf(bytes, sandbox.customer), onError: (cause) => cause }),
        {
          contentType: headers["content-type"]
        }
      ),
      HttpClient.execute,
      Effect.map(({ status }) => status)
    )
  const byWebHandler = (bytes: number) =>
    Effect.promise(async () => {
      const body = bodyOf(bytes, sandbox.customer)
      // The types of DOM lack the option that a stream requires.
      const init: RequestInit & { readonly duplex: "half" } = { method: "POST", headers, body, duplex: "half" }
      return (await handler(new Request(`http://ripio.test${path}`, init))).status
    })
  // The sender holds a form, so its size does not count.
  const form = new FormData()
  const byForm = () =>
    HttpClientRequest.post(path, { headers: { authorization: headers.authorization } }).pipe(
      HttpClientRequest.bodyFormData(form),
      HttpClient.execute,
      Effect.map(({ status }) => status)
    )
  const create = transport === "web" ? byWebHandler : transport === "form" ? byForm : byHttpClient

  form.set("customerId", sandbox.customer)
  form.set("summary", "s")
  form.set("description", "d")
  form.set("files", new File(["small"], "f.bin"))
  // The first create loads and compiles the code, which does not count.
  yield* create(100_000)
  if (transport === "form") {
    const pieces = Array.from({ length: Math.ceil(Number(size) / chunk.length) }, () => chunk)
    form.set("files", new File([new Blob(pieces).slice(0, Number(size))], "f.bin"))
  }
  globalThis.gc?.()
  const before = process.memoryUsage()
  let peak = 0
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss - before.rss)
  }, 2)
  const status = yield* create(Number(size))
  peak = Math.max(peak, process.memoryUsage().rss - before.rss)
  clearInterval(sampler)
  globalThis.gc?.()
  globalThis.gc?.()
  const kept = process.memoryUsage()
  const files = (yield* sandbox.tickets).at(-1)?.files ?? []
  return {
    status,
    peak,
    kept: kept.external + kept.heapUsed - before.external - before.heapUsed,
    files: files.map((file) => ({ bytes: file.bytes.length, size: Reflect.get(file, "size") ?? null }))
  }
}).pipe(Effect.provide(inProcess()))

process.stdout.write(JSON.stringify(await Effect.runPromise(program)))
