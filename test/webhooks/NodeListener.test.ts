/** `toNodeListener` on real sockets. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/testing/TestClock"
import { execFile } from "node:child_process"
import type { IncomingMessage } from "node:http"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { maxWebhookBytes, TicketWebhookHandler, TicketWebhooksLive } from "../../src/index.ts"
import { toNodeListener } from "../../src/node/index.ts"
import { eventually } from "../support/eventually.ts"
import { serve } from "../support/server.ts"
import { createdJson, nodeSignature, secret } from "./fixtures.ts"
import { connectTo } from "./rawClient.ts"

type Handler = (request: Request) => Promise<Response>

const webhooks = Layer.merge(TicketWebhooksLive.layer({ secrets: [secret] }), Logger.layer([]))

const ok: Handler = () => Promise.resolve(new Response("ok"))
const serveHandler = (handler: Handler) => serve(toNodeListener(handler))

const statusOf = (url: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    await response.arrayBuffer()
    return response.status
  })

/** Reads a number that grows until it stays the same for 200 turns of the event loop. */
const settled = (read: () => number) =>
  Effect.gen(function* () {
    let [last, turns] = [read(), 0]
    yield* eventually(Effect.sync(read), (now) => {
      turns = now === last ? turns + 1 : 0
      last = now
      return turns >= 200
    })
    return last
  })

describe("toNodeListener", () => {
  it.live("receives webhooks", () =>
    Effect.gen(function* () {
      const keys: Array<string> = []
      const handler = yield* TicketWebhookHandler.make((event) => Effect.sync(() => keys.push(event.dedupeKey)))
      const url = yield* serveHandler(handler)
      const body = JSON.stringify({ ...createdJson, issueDatetime: new Date().toISOString() })
      const post = (signature: string) =>
        statusOf(url, { method: "POST", body, headers: { "Http-X-Wh-Signature-256": signature } })
      assert.strictEqual(yield* post(nodeSignature(body)), 200)
      assert.strictEqual(yield* post(nodeSignature("forged")), 401)
      assert.strictEqual(yield* statusOf(url), 405)
      assert.strictEqual(keys.length, 1)
    }).pipe(Effect.provide(webhooks))
  )

  for (const { head, status, title } of [
    { title: "the method TRACE", head: "TRACE / HTTP/1.1\r\nHost: shop.test", status: 405 },
    { title: "a Host with a space", head: "POST / HTTP/1.1\r\nHost: shop test\r\nContent-Length: 0", status: 400 },
    { title: "a Host with a path", head: "POST / HTTP/1.1\r\nHost: shop.test/x\r\nContent-Length: 0", status: 400 },
    { title: "a Host with a user", head: "GET / HTTP/1.1\r\nHost: user@shop.test", status: 400 },
    { title: "a Host with an invalid port", head: "GET / HTTP/1.1\r\nHost: shop.test:99999", status: 400 },
    { title: "an invalid absolute URL", head: "GET http://[ HTTP/1.1\r\nHost: shop.test", status: 400 },
    {
      title: "an absolute URL with a password",
      head: "GET http://a:b@shop.test/ HTTP/1.1\r\nHost: shop.test",
      status: 400
    },
    { title: "the URL *", head: "OPTIONS * HTTP/1.1\r\nHost: shop.test", status: 400 },
    { title: "an empty Host", head: "GET / HTTP/1.1\r\nHost: ", status: 400 }
  ]) {
    it.live(`responds ${status} to ${title}, and serves the next request`, () =>
      Effect.gen(function* () {
        const url = yield* serveHandler(ok)
        const client = yield* connectTo(url)
        yield* client.send(`${head}\r\n\r\n`)
        assert.include(yield* client.receive(/\r\n\r\n/u), `HTTP/1.1 ${status} `)
        assert.strictEqual(yield* statusOf(url), 200)
      })
    )
  }

  it.live("survives bytes that are not HTTP, and CONNECT", () =>
    Effect.gen(function* () {
      const url = yield* serveHandler(ok)
      for (const text of ["\0\0\0\r\n\r\n", "CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test\r\n\r\n"]) {
        const client = yield* connectTo(url)
        yield* client.send(text)
        yield* client.closed
      }
      assert.strictEqual(yield* statusOf(url), 200)
    })
  )

  it.live("hands over the method, the URL and all headers", () =>
    Effect.gen(function* () {
      const requests = yield* Queue.unbounded<Request>()
      const url = yield* serveHandler((request) => {
        Queue.offerUnsafe(requests, request)
        return ok(request)
      })
      const client = yield* connectTo(url)
      yield* client.send(
        "PUT //elsewhere.test/a%20b?c=d HTTP/1.1\r\nHost: shop.test:8080\r\nX-Many: 1\r\nx-many: 2\r\nX-Latin: \xf1\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"
      )
      const request = yield* Queue.take(requests)
      assert.strictEqual(request.method, "PUT")
      assert.strictEqual(request.url, "http://shop.test:8080//elsewhere.test/a%20b?c=d")
      assert.deepStrictEqual(
        ["x-many", "x-latin", "x-empty"].map((name) => request.headers.get(name)),
        ["1, 2", "\xf1", ""]
      )
    })
  )

  it.live("passes the status, all headers and the body of the response", () =>
    Effect.gen(function* () {
      const url = yield* serveHandler(() => {
        const headers = new Headers({ "x-one": "1" })
        for (const cookie of ["a=1", "b=2"]) headers.append("set-cookie", cookie)
        return Promise.resolve(new Response("\u00f1", { status: 418, headers }))
      })
      const response = yield* Effect.promise(() => fetch(url))
      assert.strictEqual(response.status, 418)
      assert.strictEqual(response.headers.get("x-one"), "1")
      assert.deepStrictEqual(response.headers.getSetCookie(), ["a=1", "b=2"])
      assert.strictEqual(yield* Effect.promise(() => response.text()), "\u00f1")
      assert.strictEqual(yield* statusOf(url, { method: "HEAD" }), 418)
    })
  )

  it.live("streams both bodies", () =>
    Effect.gen(function* () {
      const url = yield* serveHandler(({ body }) => Promise.resolve(new Response(body)))
      const client = yield* connectTo(url)
      yield* client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
      // The second chunk is sent when the first one has returned.
      yield* client.receive(/one/u)
      yield* client.send("3\r\ntwo\r\n0\r\n\r\n")
      yield* client.receive(/two\r\n0\r\n\r\n$/u)
    })
  )

  it.live("does not read more than the handler does", () =>
    Effect.gen(function* () {
      const [started, release] = [yield* Deferred.make<IncomingMessage>(), yield* Deferred.make<void>()]
      const handler: Handler = async ({ body }) => {
        await body?.getReader().read()
        await Effect.runPromise(Deferred.await(release))
        return new Response("ok")
      }
      const url = yield* serve((incoming, outgoing) => {
        Deferred.doneUnsafe(started, Effect.succeed(incoming))
        toNodeListener(handler)(incoming, outgoing)
      })
      const length = 64 * 1024 * 1024
      const client = yield* connectTo(url)
      yield* client.send(`POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: ${length}\r\n\r\n`)
      client.socket.write(Buffer.alloc(length))
      const { socket } = yield* Deferred.await(started)
      assert.isAtMost(yield* settled(() => socket.bytesRead), 1024 * 1024)
      yield* Deferred.succeed(release, undefined)
    })
  )

  it.live("lets a client that is still sending read the response", () =>
    Effect.gen(function* () {
      const handler = yield* TicketWebhookHandler.make(() => Effect.die(new Error("never")))
      const url = yield* serveHandler(handler)
      const body = new Uint8Array(10 * 1024 * 1024)
      assert.strictEqual(yield* statusOf(url, { method: "POST", body }), 413)
      const pieces = Array.from({ length: 160 }, () => new Uint8Array(65_536))
      const stream = new ReadableStream({
        pull: (controller) => {
          const piece = pieces.pop()
          if (piece === undefined) controller.close()
          else controller.enqueue(piece)
        }
      })
      const init = { method: "POST", body: stream, duplex: "half" } as RequestInit
      assert.strictEqual(yield* statusOf(url, init), 413)
    }).pipe(Effect.provide(webhooks))
  )

  it.live("disconnects a client that sends a body without end", () =>
    Effect.gen(function* () {
      const handler = yield* TicketWebhookHandler.make(() => Effect.die(new Error("never")))
      const url = yield* serveHandler(handler)
      const client = yield* connectTo(url)
      yield* client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n")
      const chunk = `10000\r\n${"x".repeat(0x1_00_00)}\r\n`
      const timer = setInterval(() => client.socket.write(chunk), 5)
      yield* client.receive(/HTTP\/1.1 413 /u)
      yield* client.closed
      clearInterval(timer)
    }).pipe(Effect.provide(webhooks))
  )

  it.live("serves the next request of a connection after a body that the handler did not read", () =>
    Effect.gen(function* () {
      const url = yield* serveHandler(ok)
      const client = yield* connectTo(url)
      const post = `POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100000\r\n\r\n${"x".repeat(100_000)}`
      yield* client.send(post)
      yield* client.receive(/ok/u)
      yield* client.send(post)
      yield* client.receive(/ok[^]*ok/u)
    })
  )

  it.live("fails the body of a client that disconnects, and serves the next request", () =>
    Effect.gen(function* () {
      const results = yield* Queue.unbounded<string>()
      const started = yield* Queue.unbounded<Request>()
      const url = yield* serveHandler(async (request) => {
        Queue.offerUnsafe(started, request)
        const result = await request.arrayBuffer().then(
          () => "read",
          () => "failed"
        )
        Queue.offerUnsafe(results, result)
        return new Response("too late")
      })
      for (const sent of ["", "x".repeat(10)]) {
        const client = yield* connectTo(url)
        yield* client.send(`POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\n${sent}`)
        yield* Queue.take(started)
        client.socket.resetAndDestroy()
        assert.strictEqual(yield* Queue.take(results), "failed")
      }
      assert.strictEqual(yield* statusOf(url, { method: "POST", body: "x" }), 200)
    })
  )

  it.live("cancels the response body when the client disconnects", () =>
    Effect.gen(function* () {
      const cancelled = yield* Deferred.make<void>()
      const url = yield* serveHandler(() => {
        const endless = new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
          cancel: () => void Deferred.doneUnsafe(cancelled, Effect.void)
        })
        return Promise.resolve(new Response(endless))
      })
      const client = yield* connectTo(url)
      yield* client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
      yield* client.receive(/200 OK/u)
      client.socket.resetAndDestroy()
      yield* Deferred.await(cancelled)
    })
  )

  it.live("disconnects the client if the body of the response fails", () =>
    Effect.gen(function* () {
      let pulls = 0
      const url = yield* serveHandler(() => {
        const broken = new ReadableStream({
          pull: (controller) => {
            if (++pulls > 1) throw new Error("broken")
            controller.enqueue(new Uint8Array(10))
          }
        })
        return Promise.resolve(new Response(broken))
      })
      const client = yield* connectTo(url)
      yield* client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
      yield* client.closed
      assert.notInclude(client.received(), "\r\n0\r\n\r\n")
    })
  )

  it.live("does not write a second response", () =>
    Effect.gen(function* () {
      const url = yield* serve((incoming, outgoing) => {
        outgoing.writeHead(202).end("first")
        toNodeListener(ok)(incoming, outgoing)
      })
      const response = yield* Effect.promise(() => fetch(url))
      assert.strictEqual(yield* Effect.promise(() => response.text()), "first")
    })
  )
})

describe("the log of toNodeListener", () => {
  it("says how to fix a parser that had the body first, once, and reports each failure of the handler", async () => {
    const program = fileURLToPath(new URL("nodeListenerProcess.ts", import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", program])
    const lines = stdout.split("\n")
    assert.deepStrictEqual(
      lines.filter((line) => line.startsWith("statuses")),
      ["statuses 500", "statuses 500", "statuses 500", "statuses 500", "statuses 500,500,500,200"]
    )
    assert.strictEqual(lines.filter((line) => line.includes("express.json()")).length, 1)
    assert.strictEqual(lines.filter((line) => line.includes("The handler of a request failed")).length, 2)
    assert.strictEqual(lines.filter((line) => line.includes("could not be written")).length, 2)
  })
})

describe("a body that stalls on a socket", () => {
  it.effect("is not waited for: the response is 408 after 10 s", () =>
    Effect.gen(function* () {
      const handler = yield* TicketWebhookHandler.make(() => Effect.die(new Error("never")))
      let isReading = () => false
      const url = yield* serve((incoming, outgoing) => {
        isReading = () => incoming.readableDidRead
        toNodeListener(handler)(incoming, outgoing)
      })
      const client = yield* connectTo(url)
      yield* client.send(`POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: ${maxWebhookBytes}\r\n\r\n{`)
      yield* eventually(
        Effect.sync(() => isReading()),
        (reading) => reading
      )
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(client.received(), "")
      yield* TestClock.adjust("1 millis")
      assert.include(yield* client.receive(/\r\n\r\n/u), "HTTP/1.1 408 ")
      // It is not waited for on the socket either.
      yield* client.closed
    }).pipe(Effect.provide(webhooks))
  )
})
