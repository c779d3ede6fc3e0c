import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startServer } from "./server.ts"
import { millis, rateLimit } from "./sharedLimit.ts"

const exitOf = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    child.once("error", (error) => resume(Effect.die(error)))
    child.once("exit", (code) => resume(Effect.succeed(code)))
  })

const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" ? (address?.port ?? 0) : 0)))
  })
})

/** Starts a Redis until the scope ends; its URL. */
const startRedis = Effect.gen(function* () {
  const port = yield* freePort
  const dir = mkdtempSync(join(tmpdir(), "redis-"))
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => spawn("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", ""])),
    (child) =>
      Effect.suspend(() => {
        child.kill()
        return exitOf(child)
      }).pipe(Effect.ensuring(Effect.sync(() => rmSync(dir, { recursive: true }))))
  )
  yield* Effect.callback<void>((resume) => {
    redis.once("error", (error) => resume(Effect.die(error)))
    redis.stdout.on("data", (text) => {
      if (String(text).includes("Ready to accept connections")) resume(Effect.void)
    })
  })
  return `redis://127.0.0.1:${port}`
})

const child = fileURLToPath(new URL("sharedLimit.child.ts", import.meta.url))

/** The most requests of two processes in the windows of one second, wherever the first window begins. */
const perWindow = (...redis: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { baseUrl, seen } = yield* startServer({ latency: 5, phases: [{ until: Infinity, respond: "pending" }] })
    const processes = [1, 2].map(() => spawn(process.execPath, [child, baseUrl, ...redis], { stdio: "inherit" }))
    const codes = yield* Effect.forEach(processes, exitOf, { concurrency: "unbounded" })
    assert.deepStrictEqual(codes, [0, 0])
    const { arrivals } = yield* seen
    return arrivals.length / Math.ceil(millis / 1000 + 1)
  })

describe("a limit of requests and two processes", () => {
  it.live("holds for both together if they share it on Redis", () =>
    Effect.gen(function* () {
      const { limit } = rateLimit
      const [shared, alone] = yield* Effect.all([Effect.flatMap(startRedis, perWindow), perWindow()])
      assert.isAtMost(shared, limit)
      assert.isAtLeast(shared, limit / 2)
      // Without a store that they share, each has its own limit.
      assert.isAbove(alone, limit * 1.2)
    })
  )
})
