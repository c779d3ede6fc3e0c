import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import busboy from "busboy"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { serve } from "../../support/server.ts"

const megabyte = 1_000_000
const size = 50 * megabyte

const child = fileURLToPath(new URL("memory.child.ts", import.meta.url))

const decodeUsage = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ rss: Schema.Number, external: Schema.Number }))
)

const run = (...args: ReadonlyArray<string>) =>
  Effect.callback<string>((resume) => {
    const process_ = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let errors = ""
    process_.stdout.on("data", (chunk) => (out += String(chunk)))
    process_.stderr.on("data", (chunk) => (errors += String(chunk)))
    process_.on("close", (code) => resume(code === 0 ? Effect.succeed(out) : Effect.die(new Error(errors))))
    return Effect.sync(() => process_.kill())
  })

/** A file of so many bytes that repeat nowhere soon, until the scope ends. */
const fileOnDisk = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "create-memory-"))
    const path = join(folder, "film.bin")
    const words = new Uint32Array(size / 4)
    for (let index = 0, word = 1; index < words.length; index++) {
      word = Math.imul(word, 1_664_525) + 1_013_904_223
      words[index] = word
    }
    const bytes = new Uint8Array(words.buffer)
    writeFileSync(path, bytes)
    return { folder, path, hash: createHash("sha256").update(bytes).digest("hex") }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** What takes a ticket and says what came in its file. */
const receiving = Effect.gen(function* () {
  const arrived: Array<readonly [name: string, size: number, hash: string]> = []
  const url = yield* serve((request, response) => {
    const parser = busboy({ headers: request.headers })
    parser.on("file", (_, stream, { filename }) => {
      const sum = createHash("sha256")
      let bytes = 0
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        sum.update(chunk)
      })
      stream.on("end", () => arrived.push([filename ?? "", bytes, sum.digest("hex")]))
    })
    parser.on("close", () => {
      const ticketId = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
      response.writeHead(202, { "content-type": "application/json" })
      response.end(JSON.stringify({ ticketId, status: "PENDING", issueKey: null }))
    })
    request.pipe(parser)
  })
  return { arrived, url }
})

describe("a file of 50 MB on disk", () => {
  const usageOf = Effect.fnUntraced(function* (transport: "fetch" | "undici", ...flags: ReadonlyArray<string>) {
    const { hash, path } = yield* fileOnDisk
    const { arrived, url } = yield* receiving
    const usage = decodeUsage(yield* run(...flags, child, transport, url, path))
    assert.deepStrictEqual(arrived.at(-1), ["film.bin", size, hash])
    return usage
  }, Effect.scoped)

  // Node's own `fetch` copies each body for a redirect that may come, and so keeps what it has sent, whoever calls it.
  for (const transport of ["fetch", "undici"] as const) {
    it.live(
      `arrives whole by ${transport}, and takes less memory than twice its size`,
      () =>
        Effect.gen(function* () {
          const usage = yield* usageOf(transport)
          assert.isBelow(usage.rss, 2 * size)
          assert.isBelow(usage.external, 2 * size)
        }),
      60_000
    )
  }

  it.live(
    "is never held by undici, nor by what is above it",
    () => Effect.map(usageOf("undici", "--expose-gc"), ({ external }) => assert.isBelow(external, size / 2)),
    60_000
  )
})
