// `node --expose-gc test/system/faults/soak.ts [calls]` makes many calls with each client to a server that fails one
// request in twenty. It detects leaks: memory, fibers, sockets and unhandled rejections.
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

/** The server. It runs in a worker thread, so that the heap of the main thread holds only the clients. */
const serve = () => {
  let requests = 0
  const server = createServer((request, response) => {
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    request.resume()
    // With this lifetime the client renews the token throughout the run.
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
        // One in fifty of these requests gets no response, so that the client times out.
        return requests % 8000 === 140 ? undefined : json(200, { ...created, status: "UNKNOWN" })
      default:
        return json(200, created)
    }
  })
  const send = (value: number) => parentPort?.postMessage(value, [])
  server.listen(0, "127.0.0.1", () => send((server.address() as AddressInfo).port))
  parentPort?.on("message", () => server.getConnections((_, count) => send(count)))
}

const collectedHeap = async () => {
  for (let round = 0; round < 3; round++) {
    // Closed sockets and expired timers release their memory before the next collection.
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

/** The next message from the server's thread. */
const nextMessage = (worker: Worker) => new Promise<number>((resolve) => worker.once("message", resolve))

const defaults: Record<string, number> = { FetchTransport: 100_000, undici: 100_000 }

const soak = async () => {
  if (globalThis.gc === undefined) throw new Error("Run this script with node --expose-gc.")
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
  const port = await nextMessage(worker)

  for (const [name, client] of sockets) {
    const calls = Number(process.argv[2] ?? defaults[name] ?? 20_000)
    const start = performance.now()
    const results = new Map<string, number>()
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
      const count = Effect.map(call, (tag) => void results.set(tag, (results.get(tag) ?? 0) + 1))
      for (let round = 0; round < rounds; round++) {
        yield* Effect.replicateEffect(count, calls / rounds, { concurrency: 50, discard: true })
        heaps.push(yield* Effect.promise(collectedHeap))
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

    const total = [...results.values()].reduce((sum, count) => sum + count, 0)
    const seconds = (performance.now() - start) / 1000
    print(`--- ${name}: ${total} calls in ${seconds.toFixed(1)} s: ${JSON.stringify(Object.fromEntries(results))}`)
    print(`  heap after each tenth, MB: ${heaps.map((bytes) => (bytes / 2 ** 20).toFixed(2)).join(" ")}`)
    const growthPerCall = (from: number, to: number) =>
      ((heaps[to] ?? 0) - (heaps[from] ?? 0)) / ((calls / rounds) * (to - from))
    // A leak grows in both halves of the run. Compiled code and caches grow only once.
    const growth = Math.min(growthPerCall(1, 5), growthPerCall(5, 9))
    check(`every call ends`, total === calls)
    check(`memory grows by ${growth.toFixed(1)} bytes per call (limit 40)`, growth < 40)
    check(`none of ${fibers.started} fibers is active`, fibers.active === 0 && fibers.started > calls)
    check(`no unhandled rejection`, rejections === 0)
    worker.postMessage("connections", [])
    // The global fetch keeps idle connections open and replaces broken ones: a few for each concurrent call.
    const open = await nextMessage(worker)
    const allowed = isFetch(name) ? 200 : 0
    check(`${open} open connections (limit ${allowed})`, open <= allowed)
  }
  await worker.terminate()
  print(`\n${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

if (isMainThread) await soak()
else serve()
