// `node --expose-gc test/system/faults/soak.ts [calls]`: many calls on each client, against a server that fails one in twenty in
// one way or another. What a call leaves behind, be it memory, a fiber, a socket or a rejection, adds up here.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { isMainThread, parentPort, Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { Ripio, SupportTickets } from "../../../src/index.ts"
import { apiErrors, created, ticketId } from "../../support/fixtures.ts"
import { isFetch, sockets } from "../../support/server.ts"

const print = (line: string) => void process.stdout.write(`${line}\n`)

/** In a thread, and so a heap, of its own. */
const serve = () => {
  let requests = 0
  const server = createServer((request, response) => {
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    request.resume()
    // A token that expires all the time is renewed all the time.
    if (request.url === "/oauth2/token/")
      return json(200, { accessToken: "a-token", expiresIn: 2, tokenType: "Bearer" })
    switch (++requests % 160) {
      case 0:
        return request.socket.destroy()
      case 20:
        return request.socket.resetAndDestroy()
      case 40:
        return response.writeHead(200, { "content-length": 1000 }).write("{", () => request.socket.destroy())
      case 60:
        return json(503, {})
      case 80:
        return json(404, apiErrors.notFound)
      case 100:
        return json(401, apiErrors.notAuthenticated)
      case 120:
        return response.writeHead(200).end("<html>")
      case 140:
        // No answer at all: the client's time limit ends it.
        return requests % 8000 === 140 ? undefined : json(200, { ...created, status: "UNKNOWN" })
      default:
        return json(200, created)
    }
  })
  const tell = (what: number) => parentPort?.postMessage(what, [])
  server.listen(0, "127.0.0.1", () => tell((server.address() as AddressInfo).port))
  parentPort?.on("message", () => server.getConnections((_, count) => tell(count)))
}

const heap = async () => {
  for (let round = 0; round < 3; round++) {
    // What sockets and timers still hold is let go of between two collections.
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

/** One answer of the server's thread. */
const told = (worker: Worker) => new Promise<number>((resolve) => worker.once("message", resolve))

const defaults: Record<string, number> = { FetchTransport: 100_000, undici: 100_000 }

const soak = async () => {
  if (globalThis.gc === undefined) throw new Error("run it with --expose-gc")
  const rounds = 10
  let passed = 0
  let failed = 0
  let rejections = 0
  process.on("unhandledRejection", () => rejections++)
  const check = (name: string, isTrue: boolean) => {
    passed += isTrue ? 1 : 0
    failed += isTrue ? 0 : 1
    print(`  ${isTrue ? "✓" : "✗"} ${name}`)
  }

  const worker = new Worker(new URL(import.meta.url))
  const port = await told(worker)

  for (const [name, client] of sockets) {
    const calls = Number(process.argv[2] ?? defaults[name] ?? 20_000)
    const start = performance.now()
    const ends = new Map<string, number>()
    const fibers = { started: 0, active: 0 }
    const heaps: Array<number> = []
    const layer = Ripio.layer({
      environment: { baseUrl: `http://127.0.0.1:${port}` },
      clientId: "partner",
      clientSecret: Redacted.make("a secret of the partner"),
      timeout: "1 second",
      retry: { times: 2, base: "1 milli" }
    }).pipe(Layer.provide(client))

    const program = Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      const call = Effect.matchEager(retrieve(ticketId), {
        onSuccess: ({ _tag }) => _tag,
        onFailure: (error) => ("reason" in error ? error.reason._tag : error._tag)
      })
      const count = Effect.map(call, (tag) => void ends.set(tag, (ends.get(tag) ?? 0) + 1))
      for (let round = 0; round < rounds; round++) {
        yield* Effect.replicateEffect(count, calls / rounds, { concurrency: 50, discard: true })
        heaps.push(yield* Effect.promise(heap))
      }
    }).pipe(
      Effect.provide(layer),
      Effect.provideService(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => {
          fibers.started++
          fibers.active++
        },
        recordFiberEnd: () => void fibers.active--
      })
    )
    await Effect.runPromise(program)
    await new Promise((resolve) => setTimeout(resolve, 300))

    const total = [...ends.values()].reduce((sum, count) => sum + count, 0)
    const seconds = (performance.now() - start) / 1000
    print(`--- ${name}: ${total} calls in ${seconds.toFixed(1)} s: ${JSON.stringify(Object.fromEntries(ends))}`)
    print(`  heap after each tenth, MB: ${heaps.map((bytes) => (bytes / 2 ** 20).toFixed(2)).join(" ")}`)
    const grown = (from: number, to: number) =>
      ((heaps[to] ?? 0) - (heaps[from] ?? 0)) / ((calls / rounds) * (to - from))
    // What is left behind is left behind all the time, other than what is compiled and cached once.
    const growth = Math.min(grown(1, 5), grown(5, 9))
    check(`every call ended`, total === calls)
    check(`memory is flat: ${growth.toFixed(1)} bytes a call, of 40 allowed`, growth < 40)
    check(`no fiber is left of ${fibers.started}`, fibers.active === 0 && fibers.started > calls)
    check(`no rejection went unhandled`, rejections === 0)
    worker.postMessage("connections", [])
    // The global fetch keeps connections for the next call, and opens new ones for those that broke: a few for each call at once.
    const [open, allowed] = [await told(worker), isFetch(name) ? 200 : 0]
    check(`${open} connections are open, of ${allowed} allowed`, open <= allowed)
  }
  await worker.terminate()
  print(`\n${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

if (isMainThread) await soak()
else serve()
